"""One W&B run per search.

Covers: the identity of the run across restarts, bounded time to open and close it, every byte under the run folder, and
that no fault of W&B stops a search. Doesn't cover uploading a run that stayed offline: `wandb sync` does that.
"""

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from nnloop.records import CycleReport, Entry
from nnloop.runs.durable import write_json
from nnloop.runs.folder import RunFolder
from nnloop.settings import WandbSettings
from nnloop.tracking import Artifact
from nnloop.tracking.metrics import COLUMNS, CYCLE_TABLE, FULL_TABLE, METRICS, STEP, rows, scalars
from nnloop.tracking.preflight import WandbMode, choose_mode

log = logging.getLogger(__name__)

INIT_TIMEOUT_S = 20  # wandb's own 90 becomes 102 with its retries
NAME = 128  # characters of a run's or an artifact's name, at most
TAG = 64
FINISH_TIMEOUT_S = 60  # without it, finish() waits for a lost server for more than a quarter of an hour
_FOLDERS = ("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR")


class WandbTracker:
    """tracker=wandb."""

    def __init__(self, settings: WandbSettings) -> None:
        self._settings = settings
        self._run: Any = None  # None before `start`, after `finish`, and where the run could not be opened
        self._folder = RunFolder(Path())
        self._logged: set[int] = set()
        self._last: int | None = None  # the last cycle that this process logged
        self._warned = False

    def start(self, run: RunFolder, *, group: str, settings: Mapping[str, Any]) -> None:
        """Open the run online if possible, else offline, and log the closed cycles that W&B doesn't have yet."""
        self._folder = RunFolder(run.path.resolve())
        with self._forgiving("start"):
            self._logged, begun = _read_marker(self._marker)
            if begun is not None and begun not in self._logged and _is_recorded(self._wandb, 2 * begun):
                self._logged.add(begun)
            about = {key: value for key, value in self._folder.provenance().items() if key != "settings"}
            self._run = _open(self._settings, self._wandb, group=group, config={**settings, "provenance": about})
            self._catch_up()

    def cycle(self, report: CycleReport, entries: Sequence[Entry]) -> None:
        """Log the cycle's numbers and the table of its candidates."""
        if self._run is None or report.cycle in self._logged:
            return
        with self._forgiving("log a cycle"):
            row = scalars(report) | {CYCLE_TABLE: _table(self._folder, entries)}
            self._mark(begun=report.cycle)
            # commit: else the row waits for the next one, and a kill loses it
            self._run.log(row, step=2 * report.cycle, commit=True)
            self._last = report.cycle
            self._logged.add(report.cycle)
            self._mark(begun=None)
            if not report.valid_rate.value:
                name = self._folder.path.name
                self._run.alert("dead cycle", f"{name}: no completion of cycle {report.cycle} was valid")

    def artifact(self, made: Artifact, *made_from: Artifact) -> None:
        """Attach an artifact if its path is there; its inputs are logged before it."""
        if self._run is None or not made.path.exists():
            return
        with self._forgiving(f"store {made.name}"):
            for source in made_from:
                # As use_artifact does with a draft, but without its wait and its refusal of an offline run: the same
                # files under the same name are no new version, and become an input of the run when they arrive.
                self._run._log_artifact(self._draft(source), is_user_created=True, use_after_commit=True)
            names = [self._artifact_name(source) for source in made_from]
            self._run.log_artifact(self._draft(made, {"made_from": names}))

    def _draft(self, made: Artifact, metadata: Mapping[str, Any] | None = None) -> Any:
        import wandb

        artifact = wandb.Artifact(self._artifact_name(made), made.kind, metadata=dict(metadata or {}))
        fixed = made.kind in ("adapter", "code")  # never changed once written: no second copy is needed
        path = made.path
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            inside = file.relative_to(path if path.is_dir() else path.parent)
            artifact.add_file(str(file), inside.as_posix(), policy="immutable" if fixed else "mutable")
        return artifact

    def _artifact_name(self, made: Artifact) -> str:
        return re.sub(r"[^A-Za-z0-9_.-]", "-", f"{self._folder.path.name}-{made.name}")[-NAME:]

    def finish(self, summary: Mapping[str, Any], failed: bool = False) -> None:
        """Log the table of all candidates and close the run."""
        if self._run is None:
            return
        with self._forgiving("finish"):
            self._run.summary.update(dict(summary))
            if self._last is not None:  # between the steps of two cycles: a run that goes on later finds its own free
                self._run.log(
                    {FULL_TABLE: _table(self._folder, self._folder.entries())}, step=2 * self._last + 1, commit=True
                )
        with self._forgiving("finish"):
            import wandb

            self._run.finish(exit_code=int(failed))
            wandb.teardown()  # ends its service process, which keeps the folders of this run
        self._run = None

    @property
    def _wandb(self) -> Path:
        return self._folder.path / "wandb"

    @property
    def _marker(self) -> Path:
        """The cycles that W&B has, and the one that was being handed over; the next start makes up for the others."""
        return self._wandb / "logged.json"

    def _mark(self, begun: int | None) -> None:
        write_json(self._marker, {"logged": sorted(self._logged), "begun": begun})

    def _catch_up(self) -> None:
        entries = self._folder.entries()
        for report in self._folder.reports():
            if report.cycle not in self._logged:
                self.cycle(report, [entry for entry in entries if entry.cycle == report.cycle])

    @contextmanager
    def _forgiving(self, what: str) -> Iterator[None]:
        """Turn a fault of W&B into one warning, the first time, and go on without it."""
        try:
            with _environment(dict.fromkeys(_FOLDERS, str(self._wandb))):
                yield
        except Exception as error:  # of W&B, its service or its transport: none of them may end a search
            if not self._warned:
                log.warning("W&B: could not %s (%s); the search goes on", what, _one_line(error))
            self._warned = True


def _open(settings: WandbSettings, folder: Path, *, group: str, config: dict[str, Any]) -> Any:
    """Open the run online if possible, else offline, and log which."""
    import wandb

    mode = choose_mode(settings, wandb.setup(_quiet(wandb)).settings.base_url)

    def init(mode: WandbMode) -> Any:
        return wandb.init(
            project=settings.project,
            entity=settings.entity,
            name=folder.parent.name[:NAME],
            tags=[_tag(override) for override in config["provenance"].get("overrides", [])],
            id=str(config["provenance"]["run_id"]),
            group=group,
            job_type="search",
            config=config,
            mode=mode.name,
            resume="allow",
            allow_val_change=True,  # where a run runs may differ between two starts
            reinit="finish_previous",
            dir=str(folder.parent),
            settings=_quiet(wandb),
        )

    folder.mkdir(parents=True, exist_ok=True)
    run, mode = _init_or_offline(init, mode)
    run.define_metric(STEP)
    for key, metric in METRICS.items():
        run.define_metric(key, step_metric=STEP, summary=metric.summary)
    if mode.name == "online":
        log.info("W&B: %s", run.url)
    else:
        log.info("W&B: %s (%s); upload later with: wandb sync %s", mode.name, mode.why, Path(run.dir).parent)
    return run


def _tag(override: str) -> str:
    """Shorten an override to the length that a tag may have; the hash of all tells two of a kind apart."""
    if len(override) <= TAG:
        return override
    return f"{override[: TAG - 9]}~{sha256(override.encode()).hexdigest()[:8]}"


def _init_or_offline(init: Callable[[WandbMode], Any], mode: WandbMode) -> tuple[Any, WandbMode]:
    if mode.name != "online":
        return init(mode), mode
    try:
        return init(mode), mode
    except Exception as error:  # as above
        import wandb

        wandb.teardown()  # its service holds on to the id of the run that failed
        offline = WandbMode("offline", _one_line(error))
        return init(offline), offline


def _quiet(wandb: Any) -> Any:
    """Return settings without capture of console, machine statistics and source, which run.json and the log hold."""
    return wandb.Settings(
        init_timeout=INIT_TIMEOUT_S,
        finish_timeout=FINISH_TIMEOUT_S,
        console="off",
        silent=True,
        disable_git=True,
        disable_code=True,
        disable_job_creation=True,
        x_disable_stats=True,
        x_transaction_log_flush_interval=0.2,  # seconds of history that a kill may cost
        x_disable_meta=True,
        x_save_requirements=False,
    )


def _table(folder: RunFolder, entries: Sequence[Entry]) -> Any:
    """Return the table of some entries, with their candidates' code and their completions from the run folder."""
    import wandb

    names = {entry.candidate for entry in entries if entry.candidate}
    codes = {name: folder.read_code(name) for name in names if folder.code(name).exists()}
    texts = {
        (cycle, slot): completion.text
        for cycle in sorted({entry.cycle for entry in entries})
        for slot, completion in folder.read_completions(cycle).items()
    }
    return wandb.Table(columns=list(COLUMNS), data=rows(entries, codes, texts), allow_mixed_types=True)


def _read_marker(marker: Path) -> tuple[set[int], int | None]:
    """Return the logged cycles, and the one that was begun when a kill came."""
    known = json.loads(marker.read_text()) if marker.exists() else {"logged": [], "begun": None}
    return set(known["logged"]), known["begun"]


def _is_recorded(folder: Path, step: int) -> bool:
    """Return whether an earlier start's transaction log, from which an offline run is uploaded, has a row of this step.

    An online run is not looked at: the server's last step is known again, and wandb drops rows of steps before it.
    """
    for transactions in sorted(folder.glob("offline-run-*/*.wandb")):
        command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(transactions)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FINISH_TIMEOUT_S)
        rows = [json.loads(line)["history"]["item"] for line in done.stdout.splitlines() if '"type":"history"' in line]
        if any(row["_step"] == step for row in rows):
            return True
    return False


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while. Trials must not inherit them, nor the way to wandb's service process."""
    before = {name: os.environ.get(name) for name in (*values, "WANDB_SERVICE")}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
