"""Run summaries, which outlive run folders, for example in a repository.

A summary is one JSON document: settings and provenance, the cycle reports, one row a completion. It holds neither code
nor completions; the rest of a report comes out the same as from the run folder.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from nnloop.records import CycleReport, Entry, Network

MARK = "nnloop run summary"
_LEFT_OUT = frozenset(
    {
        "generation.adapter",
        "generation.truncated",
        "result.reason",
        "result.sandbox",
        "result.peak_bytes",
        "result.curve",
        "result.graph",
    }
)
"""What no report reads, or a cycle's report holds already."""
_RECORDS = ("generation", "result", "novelty")
_LONGEST_REASON = 120


def summary(
    name: str, meta: dict[str, Any], reports: Sequence[CycleReport], entries: Sequence[Entry], corpus: Iterable[Network]
) -> dict[str, Any]:
    """Return the summary of a run as a JSON document."""
    return {
        "kind": MARK,
        "name": name,
        "run": _without_places(meta),
        "corpus": [{"id": one.id, "name": one.name, "val_accuracy": one.val_accuracy} for one in corpus],
        "cycles": [report.to_json() for report in reports],
        "completions": pack(entries),
    }


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
