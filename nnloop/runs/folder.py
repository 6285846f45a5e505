"""The folder of one run: every file name in it, its lock, and its provenance."""

import json
import logging
import os
import platform
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from nnloop.errors import RunFolderError
from nnloop.records import Completion, CycleReport, Entry, FinetuneStep, Network, Status, TrialResult
from nnloop.runs import foreign
from nnloop.runs.digest import Digest
from nnloop.runs.durable import Journal, make_folder, read_lines, read_lines_after, write_json
from nnloop.runs.lease import Lease, myself
from nnloop.runs.repeats import Incumbent
from nnloop.settings import Settings
from nnloop.settings.command import readable
from nnloop.settings.keys import affecting, flat, former
from nnloop.settings.setting import COMPUTED, Affects

_PACKAGES = ("torch", "torchvision", "lightning", "transformers", "peft", "datasketch", "hydra-core", "wandb", "numpy")
_BEGUN = (".hydra", "nnloop.log", "run.json", "run.lock", "dataset.json", "multirun.yaml", "ending.json")
"""Files and folders that are there before anything has been done."""

FORMAT = 2
"""Version of a run folder's files, raised whenever older folders can't be read any longer."""
_ID = re.compile(r"[\w-]{1,80}", re.ASCII)

_log = logging.getLogger(__name__)

T = TypeVar("T")


class RunFolder:
    """Names and contents of one run folder; nothing is created before `open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.meta = path / "run.json"
        self.archive = path / "archive.jsonl"
        self.corpus_trials = path / "corpus.jsonl"
        self.incumbent = path / "incumbent.json"
        self.incumbent_trials = path / "incumbent.jsonl"  # the trials that measured it
        self.novelty = path / "novelty"  # the novelty index, which can be computed again
        self.dataset = path / "dataset.json"
        self.page = path / "report.html"
        self.log = path / "nnloop.log"
        self.lock_file = path / "run.lock"
        self.ending = path / "ending.json"  # how the last process ended, while none runs
        self.live = path / "live.json"  # what the search is doing, for a page that watches it
        self._journals: list[Journal] = []
        self._lease: Lease | None = None

    def code(self, candidate: str) -> Path:
        """Return the file of a candidate's source. Raises RunFolderError if the name is no candidate's id."""
        if not _ID.fullmatch(candidate):
            raise RunFolderError(f"{self.archive}: {candidate!r} is no id of a candidate")
        return self.path / "code" / f"{candidate}.py"

    def read_code(self, candidate: str) -> str:
        """Return a candidate's source.

        Raises RunFolderError if it is missing: it was written before the entry that names it, so somebody removed it.
        """
        path = self.code(candidate)
        try:
            return foreign.read_text(path, self.path, foreign.SOURCE_BYTES)
        except FileNotFoundError:
            raise RunFolderError(f"{path}: is missing; put it back, archive.jsonl names it") from None
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{path}: can't be read: {_reason(error)}") from None

    def completions(self, cycle: int) -> Path:
        """Return the journal of a cycle's completions."""
        return self.path / "completions" / f"{cycle:04d}.jsonl"

    def cycle(self, cycle: int) -> Path:
        """Return the folder of a cycle's results."""
        return self.path / "cycles" / f"{cycle:04d}"

    def trials(self, cycle: int) -> Path:
        """Return the journal of a cycle's trial results, in the order in which the trials end."""
        return self.cycle(cycle) / "trials.jsonl"

    def adapter(self, cycle: int) -> Path:
        """Return the folder of the adapter from a cycle's fine-tune; the next cycle generates with it."""
        return self.cycle(cycle) / "adapter"

    def finetune_steps(self, cycle: int) -> Path:
        """Return the journal of the steps of a cycle's fine-tune; -1: of the one before the first cycle."""
        return (self.cycle(cycle) if cycle >= 0 else self.first_adapter.parent) / "finetune.jsonl"

    def costs(self, cycle: int) -> Path:
        """Return the file of a cycle's costs so far; a process that takes the cycle up goes on from them."""
        return self.cycle(cycle) / "costs.json"

    @property
    def first_adapter(self) -> Path:
        """The folder of the adapter from the fine-tune before the first cycle."""
        return self.path / "before" / "adapter"

    def report(self, cycle: int) -> Path:
        """Return the file of a cycle's report. It is written last: a cycle with a report is closed."""
        return self.cycle(cycle) / "report.json"

    def open(self, settings: Settings, overrides: Sequence[str] = ()) -> None:
        """Create the folder, or check that it was written with these settings. Raises RunFolderError.

        `overrides` of the command line are recorded: the folder's name may be too short for all.
        """
        try:
            for part in ("code", "completions", "cycles"):
                make_folder(self.path / part)
            if self.meta.exists():
                _refuse_other_settings(self, settings)
            else:
                self.create(provenance(settings, overrides))
        except OSError as error:
            raise RunFolderError(f"{self.path}: can't write there: {error.strerror or error}") from None

    def create(self, about: dict[str, Any]) -> None:
        """Make this a run folder, with its provenance."""
        write_json(self.meta, about)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder against other processes. Raises RunFolderError, which names the process that has the lock."""
        try:
            make_folder(self.path)
            self._lease = Lease(self.lock_file, myself())
            self._lease.acquire(_log.warning)
        except OSError as error:
            raise RunFolderError(f"{self.path}: can't write there: {error.strerror or error}") from None
        try:
            yield
        finally:
            self._lease.release()
            self._lease = None

    @contextmanager
    def journal(self, path: Path) -> Iterator[Journal]:
        """Open a journal of this run for writing; `flush` syncs it while it is open."""
        opened = Journal(path)
        self._journals.append(opened)
        try:
            yield opened
        finally:
            self._journals.remove(opened)
            opened.close()

    def flush(self) -> None:
        """Put every line appended so far on the disk, before a file is written that depends on them.

        Raises RunFolderError if another process has taken over the lock meanwhile.
        """
        if self._lease is not None:
            self._lease.check()
        for opened in self._journals:
            opened.sync()

    def save_dataset(self, facts: dict[str, Any]) -> None:
        """Record the facts of the run's dataset. Raises RunFolderError if the run was begun with other images."""
        before = self.dataset_facts()
        if before is None:
            write_json(self.dataset, facts)
        elif before["fingerprint"] != facts["fingerprint"]:
            raise RunFolderError(
                f"{self.path}: was begun with other images or another split of {before['name']} (fingerprint "
                f"{before['fingerprint']}, now {facts['fingerprint']}); choose another name="
            )

    def record_digest(self, digest: Digest) -> None:
        """Record the digest in run.json, beside the run's earlier digest if they differ.

        A run from before there were digests stays without one.
        """
        about = self.provenance()
        recorded = about.get("digest")
        if recorded is not None:
            digest = Digest.from_json(recorded).followed_by(digest)
        elif self.archive.exists():
            return
        if digest.to_json() != recorded:
            self.create(about | {"digest": digest.to_json()})

    def record_prompts(self, texts: dict[str, str]) -> None:
        """Record the texts of a run's prompts in run.json. Raises RunFolderError if it was begun with other texts."""
        about = self.provenance()
        before = about.get("prompts")
        if before is None:
            self.create(about | {"prompts": texts})
        elif before != texts:
            changed = sorted(name for name in before.keys() | texts.keys() if before.get(name) != texts.get(name))
            raise RunFolderError(
                f"{self.path}: was begun with other words of its prompts ({', '.join(changed)}; run.json has the"
                " former); put them back in mode.prompt, or choose another name="
            )

    def record_dtype(self, dtype: str | None) -> None:
        """Record the dtype of the LLM's weights in run.json; None: they are not here.

        Raises RunFolderError if the run was begun in another one, which writes other completions. A run from before it
        was recorded stays without.
        """
        about = self.provenance()
        before = about.get("dtype")
        if before is None and dtype is not None and not self.archive.exists():
            self.create(about | {"dtype": dtype})
        elif None not in (before, dtype) and before != dtype:
            raise RunFolderError(
                f"{self.path}: was begun with the LLM's weights in {before}, here in {dtype}; to go on, add"
                f" llm.dtype={before} hydra.run.dir={self.path}"
            )

    def dataset_facts(self) -> dict[str, Any] | None:
        """Return the facts that `save_dataset` recorded; None if there are none."""
        try:
            return dict(json.loads(self._text(self.dataset)))
        except (OSError, ValueError, TypeError, RecursionError):
            return None

    def _text(self, path: Path) -> str:
        return foreign.read_text(path, self.path, foreign.DOCUMENT_BYTES)

    def settings(self) -> dict[str, Any]:
        """Return the settings that the run was begun with. Raises RunFolderError."""
        return dict(self.provenance()["settings"])

    def provenance(self) -> dict[str, Any]:
        """Return the contents of run.json. Raises RunFolderError if it is missing, damaged or of an older version."""
        try:
            about = json.loads(self._text(self.meta))
        except (OSError, ValueError, RecursionError):
            about = None
        if not isinstance(about, dict):
            raise RunFolderError(f"{self.path}: no run folder (run.json is missing or damaged)")
        if about.get("format") != FORMAT:
            raise RunFolderError(f"{self.path}: written by an older version of nnloop, which alone can read it")
        if not isinstance(about.get("settings"), dict):
            raise RunFolderError(f"{self.meta}: is damaged, it has no settings")
        if about.get("digest") is not None:
            _checked(self.meta, Digest.from_json, about["digest"])
        return about

    def entries(self) -> list[Entry]:
        """Return the archive, in (cycle, slot) order.

        This and the methods below raise RunFolderError for a file in another format.
        """
        return self._read(self.archive, _entry)

    def entries_after(self, place: int) -> tuple[list[Entry], int]:
        """Return the archive's entries from a byte on, and the byte at which its whole lines end."""
        rows, end = read_lines_after(self.archive, self.path, place)
        return [_checked(self.archive, _entry, row) for row in rows], end

    def reports(self, after: int = 0) -> list[CycleReport]:
        """Return the reports of the closed cycles from the cycle `after` on, in order."""
        paths = sorted(self.path.glob("cycles/*/report.json"))[after:]
        return [
            _checked(path, lambda each: CycleReport.from_json(json.loads(self._text(each))), path) for path in paths
        ]

    def read_completions(self, cycle: int) -> dict[int, Completion]:
        """Return a cycle's completions by slot."""
        return {one.slot: one for one in self._read(self.completions(cycle), Completion.from_json)}

    def read_trials(self, cycle: int) -> dict[str, TrialResult]:
        """Return a cycle's results by candidate id; trials of status infrastructure are left out, to be run again."""
        trials = self._read(self.trials(cycle), lambda row: (row["candidate"], TrialResult.from_json(row["result"])))
        return {candidate: result for candidate, result in trials if result.status is not Status.INFRASTRUCTURE}

    def read_finetune_steps(self, cycle: int) -> list[FinetuneStep]:
        """Return the steps of a cycle's fine-tune in order; one that was done again after a kill counts once."""
        steps = {one.step: one for one in self._read(self.finetune_steps(cycle), FinetuneStep.from_json)}
        return [steps[number] for number in sorted(steps)]

    def read_incumbent(self) -> Incumbent | None:
        """Return the run's incumbent; None if it was not measured."""
        if not self.incumbent.exists():
            return None
        return _checked(self.incumbent, lambda text: Incumbent.from_json(json.loads(text)), self.incumbent.read_text())

    def corpus(self) -> list[Network]:
        """Return the corpus with the accuracies of its trials in this run; variants are left out."""
        return [network for network, _ in self.judged_corpus() if network.variant_of is None]

    def judged_corpus(self) -> list[tuple[Network, TrialResult]]:
        """Return every corpus network with the result of its trial."""
        return self._read(
            self.corpus_trials, lambda row: (Network.from_json(row["network"]), TrialResult.from_json(row["result"]))
        )

    def _read(self, path: Path, convert: Callable[[Any], T]) -> list[T]:
        return [_checked(path, convert, row) for row in read_lines(path, self.path)]


def _entry(row: object) -> Entry:
    """Return an entry whose ids can stand in a path. Raises ValueError."""
    entry = Entry.from_json(row)
    for name in (entry.candidate, entry.parent):
        if name is not None and not _ID.fullmatch(name):
            raise ValueError(f"{name!r} is no id of a network")
    return entry


def remove_unused(path: Path) -> None:
    """Remove a job's folder, and the folders above that are empty then, if nothing has come of the job.

    A folder stays if it holds any file beside the ones that every job begins with.
    """
    try:
        files = [file for file in path.rglob("*") if not file.is_dir()]
        begun = [file for file in files if file.relative_to(path).parts[0] in _BEGUN or not file.stat().st_size]
        if len(begun) < len(files) or path.resolve() == Path.cwd():
            return
        for file in begun:
            file.unlink()
        for folder in sorted((folder for folder in path.rglob("*")), reverse=True):
            folder.rmdir()
        for folder in (path, *list(path.parents)[:3]):
            if folder.resolve() == Path.cwd():
                return
            folder.rmdir()
    except OSError:
        return  # another process uses the folder, or something else lies there


def _checked(path: Path, convert: Callable[[Any], T], row: object) -> T:
    """Convert a row of a file. Raises RunFolderError if its form is not this version's."""
    try:
        return convert(row)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise RunFolderError(f"{path}: not as this version of nnloop writes it ({error})") from None
    except OSError as error:
        raise RunFolderError(f"{path}: can't be read: {_reason(error)}") from None


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def provenance(settings: Settings, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return the contents of a new run's run.json: its id, overrides, settings, versions, commit and machine."""
    return {
        "format": FORMAT,
        "run_id": os.environ.get("WANDB_RUN_ID") or uuid.uuid4().hex[:12],  # a W&B agent has made its run already
        "overrides": [readable(override) for override in overrides],
        "settings": asdict(settings),
        "versions": _versions(),
        "commit": _commit(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def _versions() -> dict[str, str]:
    versions = {}
    for package in ("nnloop", *_PACKAGES):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _commit() -> str | None:
    """Return the checkout's commit, with + if it has local changes; None outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    head = _git(root, "rev-parse", "HEAD")
    return None if head is None else head + ("+" if _git(root, "status", "--porcelain") else "")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _refuse_other_settings(folder: RunFolder, settings: Settings) -> None:
    old, new = flat(folder.settings()), flat(asdict(settings))
    in_force = {"llm.dtype"} if new.get("llm.dtype") == folder.provenance().get("dtype") else set()
    keys = [key for key in differing(old, new) if key not in in_force]
    if keys:
        shown = ", ".join(f"{key} (there {old.get(key)}, now {new.get(key)})" for key in keys[:8])
        raise RunFolderError(
            f"{folder.path}: holds a run with other settings: {shown}; choose another name=, or resume=fork to start a "
            "new folder from its closed cycles"
        )


def differing(one: Mapping[str, Any], other: Mapping[str, Any], parts: Sequence[Affects] = COMPUTED) -> list[str]:
    """Return the dotted keys of settings that differ and affect one of these parts of a run.

    A setting that is newer than the folder counts only if it is on.
    """
    old, new = affecting(one, *parts), affecting(other, *parts)
    keys = sorted(old.keys() | new.keys())
    return [key for key in keys if old.get(key, former(key)) != new.get(key, former(key)) and (key in old or new[key])]
