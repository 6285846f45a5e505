"""Every completion of a run, to sort, filter and open in the page: data that script.js unpacks.

Code and completions lie compressed in the page and reach it as text nodes only; none of it is ever parsed as HTML.
"""

import base64
import json
import zlib
from functools import partial
from pathlib import Path
from typing import Any

from nnloop.records import Entry
from nnloop.report.measures.read import Run
from nnloop.report.web.html import Markup, tag

SCRIPT = Path(__file__).with_name("script.js")

COLUMNS = (
    "cycle",
    "slot",
    "network",
    "status",
    "accuracy, %",
    "test, %",
    "parameters",
    "similarity",
    "admitted",
    "parent",
    "tokens",
    "lines",
    "seconds",
    "reason",
)
_LONGEST = 20_000  # characters of one text that are kept: a runaway completion must not swell the page


def explorer(run: Run) -> Markup:
    """The section that script.js fills; without scripts it stays hidden."""
    packed = base64.b64encode(zlib.compress(json.dumps(_data(run), separators=(",", ":")).encode())).decode()
    return tag(
        "section",
        tag("h2", "All completions"),
        tag("div", id="tools", class_="tools"),
        tag("div", id="table", class_="scroll"),
        tag("dialog", id="dialog"),
        Markup(f'<script type="application/octet-stream" id="data">{packed}</script>'),
        id="explorer",
        hidden="",
    )


def _data(run: Run) -> dict[str, Any]:
    codes = {name: network.code for name, network in run.corpus.items()}
    for name in run.by_id:
        codes[name] = _cut(run.code(name) or "")
    return {
        "columns": COLUMNS,
        "rows": [_row(entry) for entry in run.entries],
        "names": {name: network.name for name, network in run.corpus.items()},
        "parents": {name: entry.parent for name, entry in run.by_id.items()},
        "codes": codes,
        "diffs": {name: _cut(run.diff(entry.parent, name)) for name, entry in run.by_id.items()},
        "texts": _texts(run),
    }


def _texts(run: Run) -> dict[str, str]:
    """Completions by cycle-slot; a run summary holds none."""
    if run.folder is None:
        return {}
    return {
        f"{report.cycle}-{slot}": _cut(completion.text)
        for report in run.reports
        for slot, completion in run.folder.read_completions(report.cycle).items()
    }


def _row(entry: Entry) -> list[Any]:
    """The values of COLUMNS, rounded to what is shown."""
    result = entry.result if entry.valid else None
    rounded = partial(_rounded, digits=2)
    return [
        entry.cycle + 1,
        entry.slot,
        entry.candidate,
        str(entry.status),
        rounded(100 * result.val_accuracy if result and result.val_accuracy is not None else None),
        rounded(100 * result.test_accuracy if result and result.test_accuracy is not None else None),
        result.params if result else None,
        _rounded(entry.verdict.max_jaccard if entry.verdict else None, 3),
        "yes" if entry.admitted else "",
        entry.parent,
        entry.tokens,
        entry.lines,
        rounded(result.seconds if result else None),
        entry.reason[:300],
    ]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n[{len(text) - _LONGEST} more characters]"
