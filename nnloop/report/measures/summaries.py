"""Run summaries: what stays of a finished run where its folder does not, as in a repository.

A summary is one JSON file: settings and provenance, the cycle reports, one row a completion. It holds no code and no
completion; everything else of a report comes out the same as from the run folder.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nnloop.records import CycleReport, Entry, Network
from nnloop.runs.durable import write_text

MARK = "nnloop run summary"
_LEFT_OUT = frozenset(
    {"adapter", "result.reason", "result.sandbox", "result.peak_bytes", "result.curve", "result.graph"}
)
"""What no report reads, or a cycle's report holds already."""
_RECORDS = ("result", "verdict")
_LONGEST_REASON = 120


def write_summary(
    path: Path,
    name: str,
    meta: dict[str, Any],
    reports: Sequence[CycleReport],
    entries: Sequence[Entry],
    corpus: Sequence[Network],
) -> None:
    """Write the summary of a run; a line per cycle and per completion, so that two versions can be compared."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pack(entries)
    parts = {
        "kind": json.dumps(MARK),
        "name": json.dumps(name),
        "run": json.dumps(_without_places(meta)),
        "corpus": _lines({"id": one.id, "name": one.name, "val_accuracy": one.val_accuracy} for one in corpus),
        "cycles": _lines(report.to_json() for report in reports),
        "completions": f'{{"columns": {json.dumps(table["columns"])},\n"rows": {_lines(table["rows"])}}}',
    }
    write_text(path, "{\n" + ",\n".join(f'"{key}": {text}' for key, text in parts.items()) + "\n}\n")


def is_summary(path: Path) -> bool:
    """Whether a JSON file says that it is one of these."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return MARK in file.read(80)


def pack(entries: Sequence[Entry]) -> dict[str, Any]:
    """Entries as a table, the nested records under dotted names."""
    flat = [_flat(entry.to_json()) for entry in entries]
    columns = list(dict.fromkeys(key for row in flat for key in row))
    return {"columns": columns, "rows": [[row.get(column) for column in columns] for row in flat]}


def unpack(table: dict[str, Any]) -> list[Entry]:
    """The entries again, but for what was left out."""
    return [Entry.from_json(_nested(zip(table["columns"], row, strict=True))) for row in table["rows"]]


def _without_places(meta: dict[str, Any]) -> dict[str, Any]:
    """A repository need not know where the files lay on the machine of the run."""
    settings = {key: value for key, value in meta["settings"].items() if key != "summaries"}
    dataset = {key: value for key, value in settings.get("dataset", {}).items() if key not in ("root", "mirror")}
    return meta | {"settings": settings | {"dataset": dataset}}


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    nested = {f"{name}.{key}": value for name in _RECORDS for key, value in (entry[name] or {}).items()}
    plain = {key: value for key, value in entry.items() if key not in _RECORDS}
    plain["reason"] = plain["reason"][:_LONGEST_REASON]
    return {key: value for key, value in (plain | nested).items() if key not in _LEFT_OUT}


def _nested(row: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A record of which nothing is known is None."""
    entry: dict[str, Any] = dict.fromkeys(_RECORDS)
    for key, value in row:
        record, dot, field = key.partition(".")
        if not dot:
            entry[key] = value
        elif value is not None:
            entry[record] = (entry[record] or {}) | {field: value}
    return entry


def _lines(rows: Iterable[Any]) -> str:
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"
