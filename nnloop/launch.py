"""The Hydra callback before a job or a multirun: the dry run, and the set-up for submitting to SLURM.

It is named in conf/config.yaml and travels in every submitted job, where it brings back the resolvers that `main`
registers here.
"""

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from nnloop import naming
from nnloop.command_line import PAPER_B_SECONDS, sweeps
from nnloop.errors import NnloopError, RunFolderError, UserError
from nnloop.printable import printable
from nnloop.runs.folder import RunFolder, remove_unused
from nnloop.runs.fork import source_of
from nnloop.runs.private import make_private
from nnloop.settings import HfLlmSettings, Settings
from nnloop.settings.checks import check
from nnloop.settings.hints import meant, unknown_key, unknown_option
from nnloop.settings.load import load, register_llm_names

_SEED = re.compile(r"seed=\d{1,9}")

_HINTS = re.compile(r"(Config search path:|full_key: |To append to your config use|See http).*", re.S)
"""What Hydra and OmegaConf add to their messages that helps nobody on one line."""


_NO_OPTION = re.compile(r"Could not find '(\w+)/([^']*)'.*Available options in '\w+':(.*?)(?:Config search|$)", re.S)
_NO_CONFIG = re.compile(r"Cannot find primary config '([^']*)'")


def register_resolvers() -> None:
    """Teach OmegaConf how run folders are named; the config that is composed gives the names."""
    register_llm_names()
    OmegaConf.register_new_resolver("nnloop.folder", _folder, replace=True)
    OmegaConf.register_new_resolver("nnloop.home", lambda name: naming.home(str(name)), replace=True)
    OmegaConf.register_new_resolver("nnloop.subfolder", _subfolder, replace=True)


def _folder(overrides: list[str], *, _root_: Any) -> str:
    return naming.run_folder(_root_, overrides)


def _subfolder(overrides: list[str], number: int, *, _root_: Any) -> str:
    return naming.run_subfolder(_root_, overrides, number)


def one_line(error: BaseException) -> str:
    """Return the messages of an error and its causes in one line, without Hydra's hints on structure."""
    unknown = re.match(r"Could not override '([^']+)'", str(error))
    if unknown:
        return unknown_key(unknown[1])
    option = _NO_OPTION.search(str(error))
    if option:
        return unknown_option(option[1], option[2], option[3].split())
    sweep = _NO_CONFIG.search(str(error))
    if sweep:
        return f"--config-name {sweep[1]}: no such sweep; {meant(sweep[1], sweeps())}"
    parts: list[str] = [str(error.override)] if isinstance(error, OverrideParseException) else []
    cause: BaseException | None = error
    while cause is not None:
        text = _HINTS.sub("", str(cause))
        text = re.sub(r"\s+", " ", text).strip(" .")
        if text and not any(text in part for part in parts):
            parts.append(text)
        cause = cause.__cause__
    return "; ".join(parts)


class BeforeLaunch(Callback):
    """Tells a dry run's jobs, and readies a multirun for SLURM."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Tell the job of a dry run, and end the process."""
        if config.dry_run:
            _show(lambda: [list(config.hydra.overrides.task)], kwargs["config_name"])

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Tell the jobs of a dry run and end the process; else ready this one to submit to SLURM."""
        if config.dry_run:
            _show(lambda: list(_jobs(config)), kwargs["config_name"])
        if config.hydra.launcher.get("_target_", "").endswith("SlurmLauncher"):
            from nnloop.executor.allotment import STEP_SETUP
            from nnloop.executor.squeue import use_squeue

            use_squeue()
            with flag_override(config, ["readonly", "struct"], [False, False]):
                config.hydra.launcher.setup = [*(config.hydra.launcher.setup or []), STEP_SETUP]
            _close_exchange(str(config.hydra.launcher.submitit_folder))
            for name in [name for name in os.environ if name.startswith(("SLURM_", "SBATCH_"))]:
                if name != "SLURM_CONF":
                    del os.environ[name]  # of a job that this process runs in: its own jobs would take them over

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, ()


def _close_exchange(folder: str) -> None:
    """Make the folder of the jobs' pickles private, or end the process: Hydra goes on after a failed callback."""
    try:
        make_private(Path(folder.partition("%")[0] if "%" in folder else folder))
    except UserError as error:
        print(f"nnloop: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)


def _arrive() -> BeforeLaunch:
    register_resolvers()
    return BeforeLaunch()


def leave(folder: Path) -> None:
    """Close the job's log file, and remove its folder if nothing has come of the job."""
    for handler in list(logging.getLogger().handlers):
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).parent == folder.absolute():
            logging.getLogger().removeHandler(handler)
            handler.close()
    remove_unused(folder)


RunKind = tuple[str, ...]
"""The names of LLM, dataset, mode and proxy."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a dry run."""

    folder: Path
    candidates: int  # still to be generated
    seconds: tuple[float, float] | None  # (least, most); None: no run of its kind is known
    source: str  # of the estimate


def _show(jobs: Callable[[], Sequence[list[str]]], config_name: str) -> NoReturn:
    """Print what would be run, and end the process whatever happens: Hydra starts the jobs after a failed callback."""
    try:
        _print(jobs(), config_name)
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
    planned = [_plan(settings, job, known) for settings, job in zip(_settings(jobs, config_name), jobs, strict=True)]
    for number, job in enumerate(planned, 1):
        print(f"{number:>4}  {_hours(job.seconds):>15}  {job.candidates:>7,} candidates  {job.folder}")
    told = [job for job in planned if job.seconds is not None]
    total = tuple(sum(job.seconds[end] for job in told if job.seconds) for end in (0, 1)) if told else None
    left = f"; {len(planned) - len(told)} jobs have no estimate" if len(told) < len(planned) else ""
    print(f"{len(planned)} jobs, {sum(job.candidates for job in planned):,} candidates, {_hours(total)}{left}")
    for source in sorted({job.source for job in told}):
        print(f"estimate: {source}")
    print("nothing was submitted")


def _settings(jobs: Sequence[list[str]], config_name: str) -> Iterator[Settings]:
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


def _jobs(config: DictConfig) -> Iterator[list[str]]:
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
    if each is None and isinstance(settings.llm, HfLlmSettings) and settings.llm.name != "tiny":
        each, source = PAPER_B_SECONDS, "72 to 108 s a candidate: paper B's cycle on one RTX 4090, not this cluster"
    seconds = (each[0] * candidates, each[1] * candidates) if each else None
    return Job(folder, candidates=candidates, seconds=seconds, source=source)


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


def _hours(seconds: tuple[float, ...] | None) -> str:
    if seconds is None:
        return "? GPU-h"
    least, most = (f"{value / 3600:,.1f}" for value in seconds)
    return f"{least} GPU-h" if least == most else f"{least}-{most} GPU-h"
