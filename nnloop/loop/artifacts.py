"""The files that a search hands to its tracker, each with the files that it was made from."""

from nnloop.loop.tuning import BEFORE
from nnloop.records import Interval
from nnloop.report.measures.read import Run
from nnloop.runs.folder import RunFolder
from nnloop.tracking import Artifact, Tracker


def track_adapter(tracker: Tracker, run: RunFolder, cycle: int) -> None:
    """Hand over the adapter of a closed cycle, if it has one, with the adapter that it continues.

    With the first cycle's goes the adapter from before it, which that cycle generated with.
    """
    if cycle == 0 and run.first_adapter.is_dir():
        tracker.artifact(_adapter(run, BEFORE))
    if run.adapter(cycle).is_dir():
        tracker.artifact(_adapter(run, cycle), *_parent(run, cycle))


def track_run(tracker: Tracker, run: RunFolder) -> None:
    """Hand over a finished run's archive, code and page."""
    adapters = [cycle for cycle in range(len(run.reports())) if run.adapter(cycle).is_dir()]
    archive = Artifact("archive", "archive", run.archive)
    tracker.artifact(archive, *[_adapter(run, cycle) for cycle in adapters[-1:]])
    tracker.artifact(Artifact("code", "code", run.path / "code"), archive)
    tracker.artifact(Artifact("report", "report", run.page), archive)


def outcome(run: Run) -> dict[str, float]:
    """Return the numbers of a finished run that no cycle has, for the tracker's summary."""
    numbers: dict[str, float] = {"cycles": len(run.reports)}
    if run.reports:
        numbers["admitted"] = run.reports[-1].counts.admitted_total
    if run.incumbent:
        numbers |= _parts("incumbent/validation", run.incumbent.validation)
        numbers |= _parts("incumbent/test", run.incumbent.test) | {"incumbent/single_trial": run.incumbent.claimed}
    return numbers


def _parts(key: str, estimate: Interval) -> dict[str, float]:
    return {key: estimate.value, f"{key}_low": estimate.low, f"{key}_high": estimate.high}


def _adapter(run: RunFolder, cycle: int) -> Artifact:
    if cycle == BEFORE:
        return Artifact("adapter", "adapter-before", run.first_adapter)
    return Artifact("adapter", f"adapter-{cycle}", run.adapter(cycle))


def _parent(run: RunFolder, cycle: int) -> list[Artifact]:
    """Return the adapter of the run that this cycle's adapter continues; empty if it began from the bare model."""
    from nnloop.llm.adapters import find_lineage

    own = find_lineage(run.adapter(cycle))
    for before in range(cycle - 1, BEFORE - 1, -1):
        lineage = find_lineage(_adapter(run, before).path)
        if own and lineage and own.parent == lineage.adapter:
            return [_adapter(run, before)]
    return []
