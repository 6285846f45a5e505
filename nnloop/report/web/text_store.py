"""The texts of a run, each stored once, in compressed blocks that a page's script unpacks when they are wanted.

A text is a list of parts: a string, the number of a string that the block has already, or a reference. A prompt
refers to the networks that it shows, an answer to the network that was read from it, a network to its parent with the
lines that differ. A cycle has a block of its networks and one of its prompts and answers, so that a page of a running
search is made of finished blocks and the open cycle's.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from nnloop.errors import CompletionError
from nnloop.modes.parse import extract_delta
from nnloop.records import Completion, Entry, Status
from nnloop.report.drawings import Drawing, draw, matches
from nnloop.report.measures.read import Run

LONGEST = 40_000
"""Characters of one text that are kept: a runaway completion must not swell the page."""
MOST_BYTES = 13_000_000
"""Bytes of all blocks of prompts and answers; the oldest cycles' are left out of a larger page."""
_SHORTEST = 40  # characters of a text to which others refer
_COMPARED = 400  # lines up to which the middle of two sources is compared

Part = str | int | dict[str, Any]


@dataclass(slots=True)
class BlockCache:
    """Parts of a page that need not be computed again for the next one; the pages are the same without it."""

    packed: dict[str, str] = field(default_factory=dict)  # blocks of closed cycles
    cut: dict[str, int] = field(default_factory=dict)  # texts that were cut in them
    drawings: dict[str, Drawing | None] = field(default_factory=dict)
    matches: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def drawing(self, run: Run, network: str) -> Drawing | None:
        """Return a network's drawing; None if its graph is not known or can't be drawn."""
        if network not in self.drawings:
            graph = run.graphs.get(network)
            if graph is None:
                return None
            self.drawings[network] = draw(zlib.decompress(graph).decode("utf-8", "surrogatepass"))
        return self.drawings[network]

    def matching(self, run: Run, old: str, new: str) -> list[int] | None:
        """Return `matches` of two networks; None if one of them has no drawing."""
        before, after = self.drawing(run, old), self.drawing(run, new)
        if before is None or after is None:
            return None
        if (old, new) not in self.matches:
            self.matches[old, new] = matches(before, after)
        return self.matches[old, new]


def pack(data: object) -> str:
    """Return data as JSON, compressed, in letters that end no element."""
    text = json.dumps(data, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 6)).decode()


def text_blocks(run: Run, cache: BlockCache) -> tuple[dict[str, str], list[str]]:
    """Return the packed blocks by name (networks-0, texts-0, ...), and a sentence on each kind of text left out."""
    names = {entry.cycle for entry in run.entries}
    blocks = {"networks-corpus": pack({name: [network.code] for name, network in run.corpus.items()})}
    cut = 0
    for cycle in sorted(names):
        for kind, make in (("networks", _networks), ("texts", _texts)):
            name = f"{kind}-{cycle}"
            if run.folder is None and kind == "texts":
                continue
            if name not in cache.packed:
                content, cut_here = make(run, cycle)
                blocks[name] = pack(content)
                cut += cut_here
                if cycle != run.open_cycle:
                    cache.packed[name], cache.cut[name] = blocks[name], cut_here
            else:
                blocks[name] = cache.packed[name]
                cut += cache.cut[name]
    told = [f"{cut} texts are cut after {LONGEST:,} characters"] if cut else []
    return _within(blocks, told)


def _within(blocks: dict[str, str], told: list[str]) -> tuple[dict[str, str], list[str]]:
    """Leave out the oldest prompts and answers of a page that would be too large."""
    texts = [name for name in blocks if name.startswith("texts-")]
    size, dropped = sum(len(blocks[name]) for name in texts), []
    while size > MOST_BYTES and len(texts) > 1:
        dropped.append(texts.pop(0))
        size -= len(blocks.pop(dropped[-1]))
    if dropped:
        told.append(f"prompts and answers of the first {len(dropped)} cycles are left out, for the page's size")
    return blocks, told


def _networks(run: Run, cycle: int) -> tuple[dict[str, list[Part]], int]:
    """Return the sources of the networks that a cycle brought, by id, and how many of them were cut."""
    sources: dict[str, list[Part]] = {}
    cut = 0
    for name, entry in run.by_id.items():
        if entry.cycle == cycle and (code := run.code(name)) is not None:
            kept = cut_off(code)
            cut += kept != code
            parent = run.code(entry.parent) if kept == code else None
            sources[name] = [kept] if parent is None or len(parent) > LONGEST else edited(entry.parent, parent, code)
    return sources, cut


def edited(name: str, old: str, new: str) -> list[Part]:
    """Write a source as its parent's with edits, or unchanged if that is shorter."""
    before, after = old.split("\n"), new.split("\n")
    start = end = 0
    most = min(len(before), len(after))
    while start < most and before[start] == after[start]:
        start += 1
    while end < most - start and before[-1 - end] == after[-1 - end]:
        end += 1
    low, high, new_high = start, len(before) - end, len(after) - end
    edits: list[list[Any]] = [[low, high, after[low:new_high]]]
    if max(high, new_high) - low <= _COMPARED:
        codes = SequenceMatcher(None, before[low:high], after[low:new_high], autojunk=False).get_opcodes()
        edits = [[low + a, low + b, after[low + c : low + d]] for kind, a, b, c, d in codes if kind != "equal"]
    written = sum(len(line) + 4 for edit in edits for line in edit[2]) + 12 * len(edits)
    return [new] if written > len(new) else [{"edited": name, "edits": edits}]


def _texts(run: Run, cycle: int) -> tuple[dict[str, Any], int]:
    """Return a cycle's prompts and answers by slot, and where in an answer the part stands that was read."""
    assert run.folder is not None
    completions = run.folder.read_completions(cycle)
    entries = {entry.slot: entry for entry in run.entries if entry.cycle == cycle}
    strings: dict[str, int] = {}
    prompts: dict[int, list[Part]] = {}
    answers: dict[int, list[Part]] = {}
    parsed: dict[int, list[int]] = {}
    cut = 0
    for slot, one in sorted(completions.items()):
        if slot not in entries:
            continue  # of an open cycle, not judged yet
        entry = entries[slot]
        answer, prompt = cut_off(one.text), cut_off(one.prompt)
        cut += (answer != one.text) + (prompt != one.prompt)
        known = list(_shown(run, entry))
        before = completions.get(entry.retry_of) if entry.retry_of is not None else None
        if before is not None:
            known = [({"prompt": before.slot}, cut_off(before.prompt)), ({"answer": before.slot}, before.text.strip())]
        prompts[slot] = split(prompt, known, strings)
        code = run.code(entry.candidate) if entry.candidate and entry.mode == "full" else None
        own: list[tuple[Part, str]] = [({"network": entry.candidate}, code.rstrip("\n"))] if code else []
        answers[slot] = split(answer, own, strings)
        span = _parsed(entry, one, code)
        if span is not None and span[1] <= LONGEST:
            parsed[slot] = span
    return {"strings": list(strings), "prompts": prompts, "answers": answers, "parsed": parsed}, cut


def _shown(run: Run, entry: Entry) -> Iterable[tuple[Part, str]]:
    """Yield the networks that a prompt shows, the parent first, as references with their texts."""
    for name in dict.fromkeys([entry.parent, *entry.generation.shown]):
        code = run.code(name) if name in run.corpus or name in run.by_id else None
        if code is not None and len(code) <= LONGEST:
            yield {"network": name}, code.rstrip("\n")


def split(text: str, known: Sequence[tuple[Part, str]], strings: dict[str, int]) -> list[Part]:
    """Write a text as strings and references to the known texts in it; `strings` numbers those of the block so far."""
    pieces: list[Part] = [text]
    for reference, content in known:
        if len(content) < _SHORTEST:
            continue
        for at, piece in enumerate(pieces):
            if isinstance(piece, str) and content in piece:
                head, _, tail = piece.partition(content)
                pieces[at : at + 1] = [head, reference, tail]
                break
    return [strings.setdefault(piece, len(strings)) if isinstance(piece, str) else piece for piece in pieces if piece]


def _parsed(entry: Entry, one: Completion, code: str | None) -> list[int] | None:
    """Return the first and the last character of the answer's part that was read; None if none was."""
    part = code.strip("\n") if code else None
    if part is None and entry.mode != "full" and entry.status not in (Status.UNPARSEABLE, Status.NO_ANSWER):
        try:
            part = extract_delta(one.text).removesuffix("\n</delta>")
        except CompletionError:
            return None
    start = one.text.find(part) if part else -1
    return None if start < 0 or part is None else [start, start + len(part)]


def cut_off(text: str) -> str:
    """Return the text, of a long one its beginning and the number of characters that were cut."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n[{len(text) - LONGEST} more characters]"
