"""The lines in which a run is as a paper published it, and those in which it differs."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("fidelity.yaml")
_HEAD = """\
# The papers as published

Which lines of the papers' systems the overlays have, which are stricter here, and what nobody knows. Source: P primary
(abstract, repository, model card), N third-party notes on the paper, C the authors' code of 2026-08. The overlays
`strict_full`, `strict_delta` and `strict_memory` are the same systems under nnloop's protocol: its own seeds,
proxy=fast, the run's own pairs first. Where a paper and its code disagree the overlay follows the paper, and the last
column gives the override that follows the code.

```sh
python -m nnloop experiment=paper_full corpus.path=<folder>
python -m nnloop -m experiment=paper_delta llm=deepseek,qwen,mistral corpus.path=<folder>
python -m nnloop experiment=gu_memory llm=qwen
```

`corpus.path` is the wheel of `python -m pip download --no-deps nn-dataset==2.1.2`, or a folder in which it was
unpacked.

This page is made from nnloop/report/fidelity.yaml by `python -m nnloop.report.fidelity > docs/fidelity.md`; tests
compare it with that file, and the settings in it with the overlays. None of the effects has been measured with a 7B
model here.
"""


@cache
def papers() -> dict[str, dict[str, Any]]:
    """Read the lines of each paper, by the name of its overlay."""
    import yaml

    known: dict[str, dict[str, Any]] = yaml.safe_load(_FILE.read_text("utf-8"))
    return known


def differing(overlay: str, setting: Callable[[str], Any]) -> list[str]:
    """Return the names of the paper's lines that a run's settings, by dotted key, do not have."""
    lines = [(one["line"], one.get("settings", {})) for one in papers()[overlay]["lines"]]
    return [line for line, keys in lines if any(setting(key) != value for key, value in keys.items())]


def page() -> str:
    """Write docs/fidelity.md."""
    sections = (part for overlay, known in papers().items() for part in _section(overlay, known))
    return "\n".join([_HEAD, *sections]).rstrip() + "\n"


def _section(overlay: str, known: dict[str, Any]) -> Iterator[str]:
    yield f"## experiment={overlay}: {known['paper']}\n"
    yield "| line | published | source | here | by | remark, override |\n|---|---|---|---|---|---|"
    for one in known["lines"]:
        state = one.get("state", "as published")
        keys = ", ".join(f"`{key}={_word(value)}`" for key, value in one.get("settings", {}).items())
        remark = "; ".join(str(one[key]) for key in ("note", "override") if key in one)
        yield f"| {one['line']} | {one['published'] or '-'} | {one['source'] or '-'} | {state} | {keys} | {remark} |"
    yield ""


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    print(page(), end="")
