"""Run summaries, which outlive run folders, for example in a repository.

A summary is one JSON document: settings and provenance, the cycle reports, an entry for each completion, the incumbent
and the code of the top networks. It holds no other code and no completions; the rest of a report comes out the same as
from the run folder.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nnloop.records import Entry

if TYPE_CHECKING:
    from nnloop.report.measures.read import Run

MARK = "nnloop run summary"
_LONGEST_REASON = 120
TOP = 16
"""Networks whose code a summary keeps: the most that race for the incumbent."""


def summary(run: "Run") -> dict[str, Any]:
    """Return the summary of a run as a JSON document."""
    return {
        "kind": MARK,
        "name": run.name,
        "run": run.meta | {"settings": _without_places(run.meta["settings"])},
        "corpus": [replace(network, code="", params=None).to_json() for network in run.corpus.values()],
        "cycles": [report.to_json() for report in run.reports],
        "completions": [_shortened(entry).to_json() for entry in run.entries],
        "incumbent": run.incumbent and run.incumbent.to_json(),
        "codes": {name: code for name in _top(run) if (code := run.code(name))},
    }


def _top(run: "Run") -> list[str]:
    """Return the networks whose code is kept, so that job=incumbent can train them again."""
    raced = [one.candidate for one in run.incumbent.networks] if run.incumbent else []
    return list(dict.fromkeys([*raced, *(str(entry.candidate) for entry in run.networks[:TOP])]))


def _without_places(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out the folders of the run's own machine, which are nobody else's business."""
    dataset = {key: value for key, value in settings.get("dataset", {}).items() if key not in ("root", "mirror")}
    return {key: value for key, value in settings.items() if key != "summaries"} | {"dataset": dataset}


def _shortened(entry: Entry) -> Entry:
    """Leave out parts that no report reads, or that a cycle's report holds already."""
    result = entry.result
    if result is not None:
        result = replace(result, reason="", sandbox="", peak_bytes=None, curve=[], graph=None)
    generation = replace(entry.generation, adapter=None)
    return replace(entry, reason=entry.reason[:_LONGEST_REASON], result=result, generation=generation)
