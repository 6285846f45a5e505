"""One W&B run per search.

Covers: the identity of the run across restarts, bounded time to open and close it, every byte under the run folder, and
that no fault of W&B stops a search. Doesn't cover uploading a run that stayed offline: `wandb sync` does that.
"""

import logging
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nnloop
from nnloop.records import CycleReport, Entry, FinetuneStep
from nnloop.runs.folder import RunFolder
from nnloop.settings import WandbSettings
from nnloop.tracking import Artifact
from nnloop.tracking.labels import NAME, artifact_name, fit, notes, tags
from nnloop.tracking.metrics import (
    COLUMNS,
    CYCLE_TABLE,
    FINER,
    FULL_TABLE,
    RUN_COLUMNS,
    STEP,
    UNITS,
    Running,
    best_facts,
    rows,
    scalars,
    tuning_row,
)
from nnloop.tracking.preflight import WandbMode, choose_mode
from nnloop.tracking.steps import Recorded, candidate_at, closed_at, finetune_at, parts

log = logging.getLogger(__name__)

INIT_TIMEOUT_S = 20  # wandb's own 90 becomes 102 with its retries
FINISH_TIMEOUT_S = 60  # without it, finish() waits for a lost server for more than a quarter of an hour
_FOLDERS = ("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR")
_FIXED = ("adapter", "networks")  # kinds of artifacts whose files never change: no second copy is needed
_SOURCES = (".py", ".yaml", ".txt", ".css", ".js", ".html", ".jinja")


class WandbTracker:
    """tracker=wandb."""

    def __init__(self, settings: WandbSettings, gpus: int = 0) -> None:
        """`gpus` is the number that the search may use, of which tracker.system=null depends."""
        self._settings, self._gpus = settings, gpus
        self._run: Any = None  # None before `start`, after `finish`, and where the run could not be opened
        self._folder = RunFolder(Path())
        self._recorded = Recorded(Path())
        self._last = -1  # the last step that W&B has
        self._running = Running()
        self._tuned: dict[int, int] = {}  # steps of the fine-tune by cycle
        self._grown = False  # this process has logged a row
        self._warned = False

    def start(self, run: RunFolder, *, group: str, settings: Mapping[str, Any]) -> None:
        """Open the run online if possible, else offline, and log all rows that W&B doesn't have yet."""
        self._folder = RunFolder(run.path.resolve())
        self._recorded = Recorded(self._wandb)
        with self._forgiving("start"):
            self._last = self._recorded.last()
            about = {key: value for key, value in self._folder.provenance().items() if key != "settings"}
            self._run = self._open(group=group, config={**settings, "provenance": about})
            if self._run.resumed:
                self._last = max(self._last, self._run.step - 1)
            self._catch_up()

    def candidate(self, entry: Entry) -> None:
        """Log a row for the candidate, and its facts in the summary if it is the best so far."""
        improved = self._running.add(entry)
        if self._run is None:
            return
        with self._forgiving("log a candidate"):
            new = self._log(self._running.row(entry), candidate_at(entry.cycle, entry.slot))
            if improved and new:
                self._run.summary.update(best_facts(entry, self._folder.read_code(str(entry.candidate))))

    def finetune_step(self, cycle: int, step: FinetuneStep) -> None:
        """Log loss and learning rate of a step."""
        self._tuned[cycle] = max(step.step, self._tuned.get(cycle, 0))
        if self._run is not None:
            before = sum(steps for of, steps in self._tuned.items() if of < cycle)
            with self._forgiving("log a step"):
                self._log(tuning_row(cycle, step, before), finetune_at(cycle, step.step))

    def cycle(self, report: CycleReport, entries: Sequence[Entry]) -> None:
        """Log the cycle's numbers and the table of its candidates."""
        step = closed_at(report.cycle)
        if self._run is None or step <= self._last:
            return
        with self._forgiving("log a cycle"):
            row = scalars(report, self._running.accuracy) | {CYCLE_TABLE: self._table(entries)}
            self._log(row, step)
            self._recorded.mark(step)
            if not report.valid_rate.value:
                name = self._folder.path.name
                self._run.alert("dead cycle", f"{name}: no completion of cycle {report.cycle + 1} was valid")

    def artifact(self, made: Artifact, *made_from: Artifact) -> None:
        """Attach an artifact if its path is there; its inputs are logged before it."""
        if self._run is None or not made.path.exists():
            return
        with self._forgiving(f"store {made.name}"):
            for source in made_from:
                # As use_artifact does with a draft, but without its wait and its refusal of an offline run: the same
                # files under the same name are no new version, and become an input of the run when they arrive.
                self._run._log_artifact(
                    self._draft(source),
                    aliases=list(source.aliases) or None,
                    is_user_created=True,
                    use_after_commit=True,
                )
            names = [":".join((self._artifact_name(one), *one.aliases[:1])) for one in made_from]
            self._run.log_artifact(self._draft(made, {"made_from": names}), aliases=list(made.aliases) or None)

    def finish(
        self, summary: Mapping[str, Any], media: Mapping[str, Callable[[], Path]] | None = None, failed: bool = False
    ) -> None:
        """Log the table of all candidates and the media, and close the run."""
        if self._run is None:
            return
        with self._forgiving("finish"):
            self._run.summary.update(dict(summary))
            if self._grown:
                row = {FULL_TABLE: self._table(self._folder.entries())}
                for key, make in (media or {}).items():
                    with self._forgiving(f"make {key}"):
                        row[key] = _medium(make())
                self._log(row, self._last + 1)
        with self._forgiving("finish"):
            import wandb

            self._run.finish(exit_code=int(failed))
            wandb.teardown()  # ends its service process, which keeps the folders of this run
        self._run = None

    @property
    def _wandb(self) -> Path:
        return self._folder.path / "wandb"

    def _log(self, row: Mapping[str, Any], step: int) -> bool:
        """Log a row that W&B doesn't have yet; return whether it had not."""
        if step <= self._last:
            return False
        self._run.log(dict(row), step=step, commit=True)  # commit: else it waits for the next one, and a kill loses it
        self._last, self._grown = step, True
        return True

    def _catch_up(self) -> None:
        """Log all that is on the disk, cycle by cycle; rows that W&B has are left out."""
        entries, reports = self._folder.entries(), {report.cycle: report for report in self._folder.reports()}
        for cycle in sorted({-1, *(entry.cycle for entry in entries), *reports}):  # -1: before the first cycle
            own = [entry for entry in entries if entry.cycle == cycle]
            for entry in own:
                self.candidate(entry)
            for step in self._folder.read_finetune_steps(cycle):
                self.finetune_step(cycle, step)
            if cycle in reports:
                self.cycle(reports[cycle], own)

    def _draft(self, made: Artifact, metadata: Mapping[str, Any] | None = None) -> Any:
        import wandb

        artifact = wandb.Artifact(self._artifact_name(made), made.kind, metadata=dict(metadata or {}))
        path, policy = made.path, "immutable" if made.kind in _FIXED else "mutable"
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            inside = file.relative_to(path if path.is_dir() else path.parent).as_posix()
            if made.files is None or inside in made.files:
                artifact.add_file(str(file), inside, policy=policy)
        return artifact

    def _artifact_name(self, made: Artifact) -> str:
        return artifact_name(self._folder.path.name, made.name)

    def _table(self, entries: Sequence[Entry]) -> Any:
        """Return the table of some entries, with their candidates' code and their completions from the run folder."""
        import wandb

        folder = self._folder
        names = {entry.candidate for entry in entries if entry.candidate}
        codes = {name: folder.read_code(name) for name in names if folder.code(name).exists()}
        texts = {
            (cycle, slot): completion.text
            for cycle in sorted({entry.cycle for entry in entries})
            for slot, completion in folder.read_completions(cycle).items()
        }
        about = folder.provenance()
        settings = about["settings"]
        groups = [str(settings[group]["name"]) for group in ("llm", "dataset", "mode")]
        run = dict(zip(RUN_COLUMNS, [folder.path.name, about["run_id"], *groups, settings["seed"]], strict=True))
        return wandb.Table(columns=list(COLUMNS), data=rows(entries, codes, texts, run=run), allow_mixed_types=True)

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

    def _open(self, *, group: str, config: dict[str, Any]) -> Any:
        """Open the run online if possible, else offline, and log which."""
        import wandb

        own = self._own_settings()
        mode = choose_mode(self._settings, wandb.setup(own).settings.base_url)
        overrides = config["provenance"].get("overrides", [])

        def init(mode: WandbMode) -> Any:
            return wandb.init(
                project=self._settings.project,
                entity=self._settings.entity,
                name=fit(self._folder.path.name, NAME),
                tags=tags(config, overrides),
                notes=notes(overrides),
                id=str(config["provenance"]["run_id"]),
                group=group,
                job_type="search",
                config=config,
                mode=mode.name,
                resume="allow",
                allow_val_change=True,  # where a run runs may differ between two starts
                reinit="finish_previous",
                dir=str(self._folder.path),
                settings=own,
            )

        self._wandb.mkdir(parents=True, exist_ok=True)
        run, mode = _init_or_offline(init, mode)
        for axis, keys in ({STEP: UNITS} | FINER).items():
            run.define_metric(axis)
            for key in keys:
                run.define_metric(key, step_metric=axis)
        if self._settings.code:
            root = Path(nnloop.__file__).parent
            name = artifact_name(self._folder.path.name, "source")
            run.log_code(str(root), name=name, include_fn=lambda path: path.endswith(_SOURCES))
        if mode.name == "online":
            log.info("W&B: %s", run.url)
        else:
            sync = shlex.join(["wandb", "sync", *(str(part) for part in parts(self._wandb) or [Path(run.dir).parent])])
            log.info("W&B: %s (%s); upload later with: %s", mode.name, mode.why, sync)
        return run

    def _own_settings(self) -> Any:
        """Return wandb's settings: without what run.json and the log hold, unless tracker's settings want it."""
        import wandb

        given = self._settings
        system = self._gpus > 0 if given.system is None else given.system
        return wandb.Settings(
            init_timeout=INIT_TIMEOUT_S,
            finish_timeout=FINISH_TIMEOUT_S,
            console="wrap" if given.console else "off",
            silent=True,
            disable_git=not given.code,
            disable_code=not given.code,
            disable_job_creation=True,
            x_disable_stats=not system,
            x_transaction_log_flush_interval=0.2,  # seconds of history that a kill may cost
            x_disable_meta=not (system or given.code),
            x_save_requirements=False,
        )


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


def _medium(path: Path) -> Any:
    """Return a page or a picture for W&B; the page stays as it is."""
    import wandb

    if path.suffix == ".html":
        return wandb.Html(path.read_text("utf-8", "surrogatepass"), inject=False, data_is_not_path=True)
    return wandb.Image(str(path))


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
