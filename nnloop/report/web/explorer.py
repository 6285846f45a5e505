"""Every completion of a run, to sort, filter and open in the page, with the run's tree and its failures.

Texts and drawings lie compressed in the page (`text_store`). Its script unpacks them into text nodes; none of it is
parsed as HTML.
"""

from itertools import chain

from nnloop.records import Entry
from nnloop.report.measures.read import Run
from nnloop.report.text import percent
from nnloop.report.web.html import Content, Markup, remark, section, tag
from nnloop.report.web.text_store import BlockCache, pack, text_blocks
from nnloop.stats import student_mean

DRAWN = 50
"""The best networks whose drawings are in the page, with those of their lines."""
MOST_DRAWN = 400
"""Drawings in the page, those of the lines among them."""


def explorer(run: Run, cache: BlockCache) -> tuple[Markup, str]:
    """Return the section that the page's script fills, hidden without scripts, and the data that it fills it from."""
    blocks, left_out = text_blocks(run, cache)
    drawings, undrawn = _drawings(run, cache)
    left_out = [*left_out, *undrawn]
    packed = {"rows": pack(_rows(run)), "drawings": pack(drawings), **blocks}
    parts: list[Content] = [
        tag("div", id="tools", class_="tools"),
        tag("div", id="table", class_="scroll"),
        remark("not in this page: ", "; ".join(left_out)) if left_out else None,
        tag("dialog", id="dialog"),
    ]
    return section("All completions", parts, id="explorer", hidden=""), "".join(map(_data, packed.items()))


def _data(block: tuple[str, str]) -> str:
    name, packed = block
    return f'<script type="application/octet-stream" id="{name}">{packed}</script>\n'


def _rows(run: Run) -> dict[str, object]:
    rows = [_row(entry) for entry in run.entries]
    return {
        "columns": list(rows[0]),
        "rows": [list(row.values()) for row in rows],
        "facts": [_facts(entry) for entry in run.entries],
        "names": {name: network.name for name, network in run.corpus.items()},
        "accuracies": {name: _rounded(network.val_accuracy, factor=100) for name, network in run.corpus.items()},
        "parents": {name: entry.parent for name, entry in run.by_id.items()},
        "cycles": {name: entry.cycle for name, entry in run.by_id.items()},
        "repeats": _repeats(run),
    }


def _row(entry: Entry) -> dict[str, str | float | None]:
    """Return what the table shows of a completion, by column, with the digits that it shows."""
    result = entry.result if entry.valid else None
    return {
        "completion": f"{entry.cycle + 1}.{entry.slot + 1}",
        "accuracy, %": _rounded(result.val_accuracy if result else None, factor=100),
        "test, %": _rounded(result.test_accuracy if result else None, factor=100),
        "status": str(entry.status),
        "parameters": result.params if result else None,
        "MFLOPs": _rounded(result.flops / 1e6 if result and result.flops is not None else None),
        "similarity": _rounded(entry.novelty.max_jaccard if entry.novelty else None, digits=3),
        "admitted": "yes" if entry.admitted else "",
        "network": entry.candidate,
        "parent": entry.parent,
        "tokens": entry.generation.tokens,
        "lines": entry.generation.lines,
        "seconds": _rounded(result.seconds if result else None),
        "reason": entry.reason[:300],
    }


def _facts(entry: Entry) -> dict[str, object]:
    """Return what the dialog alone shows; facts that are usual are left out."""
    asked, result = entry.generation, entry.result
    known = {
        "selected": entry.selected or None,
        "salvaged": ", ".join(entry.salvaged) or None,
        "retry of": None if asked.retry_of is None else f"{asked.cycle + 1}.{asked.retry_of + 1}",
        "edits": ", ".join(asked.operators) or None,
        "cut off": asked.truncated or None,
        "a loop": asked.looped or None,
        "prompt tokens": asked.prompt_tokens,
        "not fitted in the prompt": asked.dropped or None,
        "adapter": asked.adapter and asked.adapter[:12],
        "nearest": entry.novelty and entry.novelty.nearest,
        "train loss": _rounded(result.train_loss if result else None, digits=3),
        "precision": (result.precision if result else None) or None,
        "curve": (result.curve if result else None) or None,
    }
    return {key: value for key, value in known.items() if value is not None}


def _repeats(run: Run) -> dict[str, str]:
    """Say in words what the trials under fresh seeds gave, by network."""
    if run.incumbent is None:
        return {}
    told = {}
    for one in run.incumbent.networks:
        mean = student_mean(one.accuracies)
        each = ", ".join(percent(accuracy, 2) for accuracy in one.accuracies)
        in_all = f"; mean {100 * mean.value:.2f} [{100 * mean.low:.2f}, {100 * mean.high:.2f}] %" if mean else ""
        told[one.candidate] = f"{each} %{in_all}"
    return told


def _drawings(run: Run, cache: BlockCache) -> tuple[dict[str, object], list[str]]:
    """Return the drawings of the best networks and of their lines, each with its matches in its parent."""
    best = [str(entry.candidate) for entry in run.networks[:DRAWN]]
    wanted = list(dict.fromkeys([*best, *chain.from_iterable(run.lineage(name)[1:] for name in best)]))
    kept = {name: drawing for name in wanted[:MOST_DRAWN] if (drawing := cache.drawing(run, name))}
    drawn: dict[str, object] = {}
    for name, drawing in kept.items():
        parent = run.by_id[name].parent if name in run.by_id else None
        continued = cache.matching(run, parent, name) if parent in kept and parent is not None else None
        drawn[name] = drawing.to_json() | {"matches": continued, "params": _params(run, name)}
    missing = len((run.graphs.keys() & run.by_id.keys()) - drawn.keys())
    told = f"drawings of {missing:,} networks (the best {DRAWN} and their lines have one)"
    return drawn, [told] if missing else []


def _params(run: Run, name: str) -> int | None:
    entry = run.by_id.get(name)
    return entry.result.params if entry and entry.result else None


def _rounded(value: float | None, *, digits: int = 2, factor: int = 1) -> float | None:
    return None if value is None else round(factor * value, digits)
