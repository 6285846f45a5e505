"""job=incumbent: train the top networks of finished runs again under fresh seeds, and say which one is the best.

A run folder gets its incumbent.json. Of a kept summary, the document with the incumbent goes to the job's own folder;
with `summaries`, to a file or folder of summaries. Trials are kept, so a job that is started again continues.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from nnloop import data
from nnloop.errors import RunFolderError
from nnloop.executor.factory import make_executor
from nnloop.jobs.report import find_runs, save_summaries
from nnloop.loop.race import TEST_SEEDS, measure_incumbent, room
from nnloop.report import read_each
from nnloop.report.measures import packs
from nnloop.report.measures.packs import write_document
from nnloop.report.measures.read import Run
from nnloop.report.measures.summaries import summary
from nnloop.report.text import interval, percent
from nnloop.runs.digest import digest, training_code
from nnloop.runs.durable import write_json
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings
from nnloop.settings.members import only

log = logging.getLogger(__name__)


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Measure the incumbents of settings.runs and print a line for each run.

    Raises RunFolderError if no run can be read, or if one is of another dataset or protocol.
    """
    readable = read_each(find_runs(str(settings.runs)))
    if readable.errors and not readable.runs:
        raise readable.errors[0]
    dataset = data.load(only(settings))
    protocol = digest(settings, dataset.fingerprint, None).protocol
    for one in readable.runs:
        _check(one, protocol)
    measured = []
    with make_executor(settings, dataset, folder) as executor:
        for one in readable.runs:
            beside = one.folder or RunFolder(folder / packs.plain(one.name))
            incumbent = measure_incumbent(one, settings, executor, trials=beside.incumbent_trials)
            if incumbent is not None:
                one = replace(one, incumbent=incumbent)
                _save(one, beside)
            measured.append(one)
            print(_line(one, settings), file=out, flush=True)
    save_summaries(measured, [], settings.summaries)


def _check(one: Run, protocol: str) -> None:
    if one.digest.protocol != protocol:
        raise RunFolderError(
            f"runs: {one.path} is of {one.protocol} (digest {one.digest.protocol}), not of this command's dataset and "
            f"proxy (digest {protocol}); give those of the run"
        )
    if one.digest.training != training_code():
        log.warning("%s was made by other training code than this version's, which trains its networks now", one.name)


def _save(one: Run, beside: RunFolder) -> None:
    assert one.incumbent is not None
    if one.folder is not None:
        write_json(one.folder.incumbent, one.incumbent.to_json())
    else:
        write_document(beside.path.with_suffix(".json"), summary(one))


def _line(one: Run, settings: Settings) -> str:
    known = one.incumbent
    if known is None:
        trials = room(one, settings.incumbent.share) + TEST_SEEDS
        why = "keeps no code" if room(one, settings.incumbent.share) > 0 else f"incumbent.share leaves {trials} trials"
        return f"{one.name}: no incumbent: {why}"
    return (
        f"{one.name}: {known.candidate} validation {interval(known.validation)} %, test {interval(known.test)} % "
        f"(its single trial: {percent(known.claimed)} %; {known.trials} trials of {len(known.networks)} networks)"
    )
