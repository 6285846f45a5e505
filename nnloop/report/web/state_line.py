"""A line on the state of a run: running, finished, interrupted, failed or killed."""

import time

from nnloop.report.measures.read import Run
from nnloop.report.web.html import Markup, tag
from nnloop.runs.state import Stage

_WORDS = {
    Stage.RUNNING: "running",
    Stage.INTERRUPTED: "interrupted: a signal ended it, and the same command goes on",
    Stage.FAILED: "failed, and the same command goes on once its cause is gone",
    Stage.KILLED: "ended without a word (killed, or the machine went down); the same command goes on",
    Stage.STOPPED: "not running; the same command goes on",
}


def stage_of(run: Run) -> Stage:
    """Return the stage of a run; one that has nothing left to do has finished, however its process ended."""
    if run.finished and run.state.stage in (Stage.KILLED, Stage.STOPPED):
        return Stage.FINISHED
    return run.state.stage


def state_line(run: Run) -> Markup:
    """Return the line; that of a running search holds the time at which it was written, for the page's script."""
    stage = stage_of(run)
    planned = int(run.setting("cycles", run.closed))
    place = f"{run.closed} of {planned} cycles are closed"
    if run.open_cycle is not None:
        answered = run.reports[-1].counts.generated
        place += (
            f", {answered} of {run.setting('candidates', '?')} completions of cycle {run.open_cycle + 1} are judged"
        )
    if stage is Stage.FINISHED:
        words = "finished" if run.closed >= planned else f"finished by its budget: {place}"
    else:
        words = f"{_WORDS[stage]}; {place}" + (f"; the cause: {run.state.reason[:500]}" if run.state.reason else "")
    written = round(time.time()) if stage is Stage.RUNNING else None
    return tag("p", tag("b", words), tag("span"), id="state", class_=f"state {stage}", data_written=written)
