"""Every completion of a run, to sort, filter and open in the page.

Code and completions lie compressed in the page. script.js unpacks them into text nodes; none of it is parsed as HTML.
"""

import base64
import json
import zlib
from pathlib import Path

from nnloop.records import Entry
from nnloop.report.measures.read import Run
from nnloop.report.web.html import Markup, section, tag

SCRIPT = Path(__file__).with_name("script.js")

_LONGEST = 20_000  # characters of one text that are kept: a runaway completion must not swell the page


def explorer(run: Run) -> Markup:
    """Return the section that script.js fills from a run's completions; without scripts it stays hidden."""
    packed = base64.b64encode(zlib.compress(json.dumps(_data(run), separators=(",", ":")).encode())).decode()
    parts = [
        tag("div", id="tools", class_="tools"),
        tag("div", id="table", class_="scroll"),
        tag("dialog", id="dialog"),
        Markup(f'<script type="application/octet-stream" id="data">{packed}</script>'),
    ]
    return section("All completions", parts, id="explorer", hidden="")


def _data(run: Run) -> dict[str, object]:
    codes = {name: network.code for name, network in run.corpus.items()}
    for name in run.by_id:
        codes[name] = _cut(run.code(name) or "")
    rows = [_row(entry) for entry in run.entries]
    return {
        "columns": list(rows[0]),
        "rows": [list(row.values()) for row in rows],
        "names": {name: network.name for name, network in run.corpus.items()},
        "parents": {name: entry.parent for name, entry in run.by_id.items()},
        "codes": codes,
        "diffs": {name: _cut(run.diff(entry.parent, name)) for name, entry in run.by_id.items()},
        "texts": _texts(run),
    }


def _texts(run: Run) -> dict[str, str]:
    """Return completions by cycle-slot; a run's summary has none."""
    if run.folder is None:
        return {}
    return {
        f"{report.cycle}-{slot}": _cut(completion.text)
        for report in run.reports
        for slot, completion in run.folder.read_completions(report.cycle).items()
    }


def _row(entry: Entry) -> dict[str, str | float | None]:
    """Return what the table shows of a completion, by column, with the digits that it shows."""
    result = entry.result if entry.valid else None
    return {
        "cycle": entry.cycle + 1,
        "slot": entry.slot,
        "network": entry.candidate,
        "status": str(entry.status),
        "accuracy, %": _rounded(result.val_accuracy if result else None, factor=100),
        "test, %": _rounded(result.test_accuracy if result else None, factor=100),
        "parameters": result.params if result else None,
        "similarity": _rounded(entry.novelty.max_jaccard if entry.novelty else None, digits=3),
        "admitted": "yes" if entry.admitted else "",
        "parent": entry.parent,
        "tokens": entry.generation.tokens,
        "lines": entry.generation.lines,
        "seconds": _rounded(result.seconds if result else None),
        "reason": entry.reason[:300],
    }


def _rounded(value: float | None, *, digits: int = 2, factor: int = 1) -> float | None:
    return None if value is None else round(factor * value, digits)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n[{len(text) - _LONGEST} more characters]"
