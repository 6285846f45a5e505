"""Make completions and their entries with as many words as a test needs."""

from typing import Any

from nnloop.records import Completion, Entry, Generation, Status


def generation(slot: int = 0, cycle: int = 0, **more: Any) -> Generation:
    """Return the facts of one completion."""
    plain = {"parent": "p", "mode": "full", "seed": 0, "tokens": 1, "prompt_tokens": 1, "lines": 1, "seconds": 0.1}
    return Generation(**{**plain, "cycle": cycle, "slot": slot, **more})


def completion(text: str, prompt: str = "p", **facts: Any) -> Completion:
    """Return a completion of this text; `facts` are its generation's."""
    return Completion(generation(**facts), prompt, text)


def entry(
    candidate: str | None, status: Status = Status.OK, *, facts: dict[str, Any] | None = None, **more: Any
) -> Entry:
    """Return an entry; `facts` are its generation's."""
    return Entry(generation(**facts or {}), candidate, status, **more)
