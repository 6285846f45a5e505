"""The files and numbers of a search for its tracker; each file with the files that it was made from."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from nnloop.loop.tuning import BEFORE
from nnloop.measures import best_of
from nnloop.records import Entry, Interval
from nnloop.report import figures
from nnloop.report.measures.read import Run
from nnloop.runs.folder import RunFolder
from nnloop.tracking import BEST, LATEST, Artifact, Tracker, alias
from nnloop.tracking.metrics import best_facts


def track_cycle(tracker: Tracker, run: RunFolder, cycle: int, *, entries: Sequence[Entry]) -> None:
    """Hand over a closed cycle's adapter and the networks admitted so far, and mark the best of both.

    `entries` are all up to this cycle's end. The best adapter is the one that wrote the best network. With the first
    cycle's goes the adapter from before it.
    """
    if cycle == 0 and run.first_adapter.is_dir():
        tracker.artifact(_adapter(run, BEFORE))
    best, used = best_of(entries), _newest(run, cycle)
    improved = best is not None and best.cycle == cycle
    admitted = frozenset(f"{entry.candidate}.py" for entry in entries if entry.admitted)
    networks = Artifact(
        "networks", "networks", run.path / "code", aliases=_aliases(cycle, best=improved), files=admitted
    )
    if admitted:
        tracker.artifact(networks, *used)
    if improved:
        for adapter in used:
            tracker.artifact(replace(adapter, aliases=(*adapter.aliases, BEST)))
    if run.adapter(cycle).is_dir():
        made = replace(_adapter(run, cycle), aliases=_aliases(cycle))
        tracker.artifact(
            made, *_parent(run, cycle), *([replace(networks, aliases=(alias(cycle),))] if admitted else [])
        )


def track_run(tracker: Tracker, run: RunFolder) -> None:
    """Hand over a finished run's archive and page."""
    archive = Artifact("archive", "archive", run.archive)
    tracker.artifact(archive, *_newest(run, len(run.reports())))
    tracker.artifact(Artifact("report", "report", run.page), archive)


def outcome(run: Run) -> dict[str, float | str]:
    """Return what no cycle says of a finished run, for the tracker's summary: the best network and the incumbent."""
    facts: dict[str, float | str] = {"cycles": len(run.reports)}
    if run.reports:
        facts["admitted"] = run.reports[-1].counts.admitted_total
    if run.networks:
        best = run.networks[0]
        facts |= best_facts(best, run.code(str(best.candidate)))
    if run.incumbent:
        facts |= _parts("incumbent/validation", run.incumbent.validation)
        facts |= _parts("incumbent/test", run.incumbent.test) | {"incumbent/single_trial": run.incumbent.claimed}
        facts |= {
            "incumbent/candidate": run.incumbent.candidate,
            "incumbent/code": run.code(run.incumbent.candidate) or "",
        }
    return facts


def media(run: Run) -> dict[str, Callable[[], Path]]:
    """Return a finished run's page and figures by key; each is made when it is asked for."""

    def draw() -> Path:
        path = run.page.with_suffix("") / "figure.png"
        path.parent.mkdir(exist_ok=True)
        figures.figure(run, path)
        return path

    return {"report/page": lambda: run.page, "report/figures": draw}


def _parts(key: str, estimate: Interval) -> dict[str, float | str]:
    return {key: estimate.value, f"{key}_low": estimate.low, f"{key}_high": estimate.high}


def _aliases(cycle: int, *, best: bool = False) -> tuple[str, ...]:
    return (alias(cycle), LATEST, BEST) if best else (alias(cycle), LATEST)


def _adapter(run: RunFolder, cycle: int) -> Artifact:
    if cycle == BEFORE:
        return Artifact("adapter", "adapter", run.first_adapter, aliases=(alias(cycle),))
    return Artifact("adapter", "adapter", run.adapter(cycle), aliases=(alias(cycle),))


def _newest(run: RunFolder, before: int) -> list[Artifact]:
    """Return the newest adapter of the cycles before `before`, with which that cycle generates; [] if there is none."""
    made = [adapter for cycle in range(BEFORE, before) if (adapter := _adapter(run, cycle)).path.is_dir()]
    return made[-1:]


def _parent(run: RunFolder, cycle: int) -> list[Artifact]:
    """Return the adapter of the run that this cycle's adapter continues; empty if it began from the bare model."""
    from nnloop.llm.adapters import find_lineage

    own = find_lineage(run.adapter(cycle))
    for before in range(cycle - 1, BEFORE - 1, -1):
        lineage = find_lineage(_adapter(run, before).path)
        if own and lineage and own.parent == lineage.adapter:
            return [_adapter(run, before)]
    return []
