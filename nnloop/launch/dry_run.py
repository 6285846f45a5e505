"""The dry run: tell the jobs that a command names, their folders and the expected hours, and run nothing."""

import json
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from nnloop import naming
from nnloop.command_line import PAPER_B_SECONDS, PAPER_LLMS
from nnloop.errors import NnloopError, RunFolderError, UserError
from nnloop.launch.messages import one_line
from nnloop.printable import printable
from nnloop.runs.folder import RunFolder
from nnloop.runs.fork import source_of
from nnloop.settings import HfLlmSettings, Settings
from nnloop.settings.checks import check
from nnloop.settings.load import load

_SEED = re.compile(r"seed=\d{1,9}")

RunKind = tuple[str, ...]
"""The names of LLM, dataset, mode and proxy."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a dry run."""

    folder: Path
    candidates: int  # still to be generated
    seconds: tuple[float, float] | None  # (least, most); None: no run of its kind is known
    source: str  # of the estimate
    unit: str  # GPU-h, or h where the LLM needs no GPU


def show(planned: Callable[[], Sequence[list[str]]], config_name: str) -> NoReturn:
    """Print what would be run, and end the process whatever happens: Hydra starts the jobs after a failed callback."""
    try:
        _print(planned(), config_name)
    except (UserError, HydraException, OmegaConfBaseException) as error:
        print(f"nnloop: {printable(one_line(error))}", file=sys.stderr)
        sys.exit(2)
    except Exception:  # a defect of ours: told, and still no job is started
        traceback.print_exc()
        sys.exit(1)
    sys.stdout.flush()
    sys.exit(0)


def _print(jobs: Sequence[list[str]], config_name: str) -> None:
    known = _measured(Path("outputs"))
    planned = [_plan(settings, job, known) for settings, job in zip(settings_of(jobs, config_name), jobs, strict=True)]
    for number, job in enumerate(planned, 1):
        print(f"{number:>4}  {_hours(job.seconds, job.unit):>15}  {job.candidates:>7,} candidates  {job.folder}")
    told = [job for job in planned if job.seconds is not None]
    total = tuple(sum(job.seconds[end] for job in told if job.seconds) for end in (0, 1)) if told else None
    unknown = len(planned) - len(told)
    left = f"; {'1 job has' if unknown == 1 else f'{unknown} jobs have'} no estimate" if unknown else ""
    jobs_told = "1 job" if len(planned) == 1 else f"{len(planned)} jobs"
    unit = planned[0].unit if len({job.unit for job in planned}) == 1 else "h"
    print(f"{jobs_told}, {sum(job.candidates for job in planned):,} candidates, {_hours(total, unit)}{left}")
    for source in sorted({job.source for job in told}):
        print(f"estimate: {source}")
    print("nothing was submitted")


def settings_of(jobs: Sequence[list[str]], config_name: str) -> Iterator[Settings]:
    """Yield the settings of every job. Jobs that differ in their seed alone are composed once: that takes the time."""
    composed: dict[tuple[str, ...], Settings] = {}
    for overrides in jobs:
        rest = tuple(one for one in overrides if not _SEED.fullmatch(one))
        seeds = [int(one.partition("=")[2]) for one in overrides if _SEED.fullmatch(one)]
        if rest not in composed:
            composed[rest] = load(compose(config_name, overrides=overrides))
        settings = replace(composed[rest], seed=seeds[-1]) if seeds else composed[rest]
        check(settings)
        yield settings


def jobs(config: DictConfig) -> Iterator[list[str]]:
    """Yield the overrides of every job of a multirun, in the order of Hydra's basic sweeper."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    parsed = OverridesParser.create().parse_overrides([*params, *config.hydra.overrides.task])
    for batch in BasicSweeper.split_arguments(parsed, max_batch_size=None):
        yield from batch


def _plan(settings: Settings, overrides: list[str], known: Mapping[RunKind, tuple[float, float]]) -> Job:
    folder = Path(naming.run_folder(settings, overrides))
    if settings.resume != "continue" and not RunFolder(source_of(settings.resume, folder)).meta.exists():
        raise RunFolderError(
            f"resume={settings.resume}: {source_of(settings.resume, folder)} holds no run to start from"
        )
    closed = len(RunFolder(folder).reports())
    candidates = max(0, settings.cycles - closed) * settings.candidates
    kind = tuple(group.name for group in (settings.llm, settings.dataset, settings.mode, settings.proxy))
    each, source = known.get(kind), "runs of the same kind in outputs/, as measured"
    if each is None and settings.llm.name in PAPER_LLMS:
        each, source = PAPER_B_SECONDS, "72 to 108 s a candidate: paper B's cycle on one RTX 4090, not this cluster"
    seconds = (each[0] * candidates, each[1] * candidates) if each else None
    large = isinstance(settings.llm, HfLlmSettings) and settings.llm.name != "tiny"
    return Job(folder, candidates=candidates, seconds=seconds, source=source, unit="GPU-h" if large else "h")


def _measured(outputs: Path) -> dict[RunKind, tuple[float, float]]:
    """Return the seconds a candidate took in the fastest and in the slowest run of every kind below a folder."""
    measured: dict[RunKind, list[float]] = {}
    for meta in sorted(outputs.glob("*/*/run.json")):
        try:
            settings = json.loads(meta.read_text())["settings"]
            reports = RunFolder(meta.parent).reports()
            kind = tuple(str(settings[group]["name"]) for group in ("llm", "dataset", "mode", "proxy"))
        except (OSError, ValueError, KeyError, TypeError, NnloopError):
            continue
        generated = sum(report.counts.generated for report in reports)
        if generated:
            seconds = sum(report.costs.seconds.get("total", 0.0) for report in reports)
            measured.setdefault(kind, []).append(seconds / generated)
    return {kind: (min(values), max(values)) for kind, values in measured.items()}


def _hours(seconds: tuple[float, ...] | None, unit: str) -> str:
    if seconds is None:
        return f"? {unit}"
    least, most = (f"{value / 3600:,.1f}" for value in seconds)
    return f"{least} {unit}" if least == most else f"{least}-{most} {unit}"
