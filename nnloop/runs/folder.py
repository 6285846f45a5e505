"""A run's folder: every file name, what may be written when, provenance."""

import json
import logging
import os
import platform
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from nnloop.errors import RunFolderError
from nnloop.records import Completion, CycleReport, Entry, Network, Status, TrialResult
from nnloop.runs.digest import Digest
from nnloop.runs.durable import Journal as Journal
from nnloop.runs.durable import journal as journal
from nnloop.runs.durable import make_folder
from nnloop.runs.durable import read_lines as read_lines
from nnloop.runs.durable import write_json as write_json
from nnloop.runs.durable import write_text as write_text
from nnloop.runs.lease import Lease, myself
from nnloop.settings import Settings

_PACKAGES = ("torch", "torchvision", "lightning", "transformers", "peft", "datasketch", "hydra-core", "wandb", "numpy")
_MAY_DIFFER = (
    *("executor.", "tracker.", "budget.", "summaries", "resume", "dry_run"),
    *("dataset.root", "dataset.mirror", "llm.device", "llm.batch_size", "llm.offload"),
)
"""Settings that say where a run runs, not what it computes."""

_log = logging.getLogger(__name__)


class RunDir:
    """Names and contents of one run folder; nothing is created before `open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.meta = path / "run.json"
        self.archive = path / "archive.jsonl"
        self.corpus_trials = path / "corpus.jsonl"
        self.novelty = path / "novelty"  # the index of what is known, to be had again without computing it
        self.dataset = path / "dataset.json"
        self.page = path / "report.html"
        self.log = path / "nnloop.log"
        self._journals: list[Journal] = []
        self._lease: Lease | None = None

    def code(self, candidate: str) -> Path:
        return self.path / "code" / f"{candidate}.py"

    def read_code(self, candidate: str) -> str:
        """Raises RunFolderError: a file that an entry names was durable before the entry, so somebody removed it."""
        try:
            return self.code(candidate).read_text("utf-8", "surrogatepass")
        except FileNotFoundError:
            raise RunFolderError(f"{self.code(candidate)}: is missing; put it back, archive.jsonl names it") from None

    def completions(self, cycle: int) -> Path:
        return self.path / "completions" / f"{cycle:04d}.jsonl"

    def cycle(self, cycle: int) -> Path:
        return self.path / "cycles" / f"{cycle:04d}"

    def trials(self, cycle: int) -> Path:
        """Trial results in the order in which they came, so that none is lost while an earlier slot trains."""
        return self.cycle(cycle) / "trials.jsonl"

    def adapter(self, cycle: int) -> Path:
        """The adapter that this cycle's fine-tune produced; the next cycle generates with it."""
        return self.cycle(cycle) / "adapter"

    def report(self, cycle: int) -> Path:
        """Written last: its presence closes the cycle."""
        return self.cycle(cycle) / "report.json"

    def open(self, settings: Settings) -> None:
        """Create the folder, or check that it was written with these settings. Raises RunFolderError."""
        try:
            for part in ("code", "completions", "cycles"):
                make_folder(self.path / part)
            if self.meta.exists():
                _refuse_other_settings(self, settings)
            else:
                self.create(provenance(settings))
        except OSError as error:
            raise RunFolderError(f"{self.path}: can't write there: {error.strerror or error}") from None

    def create(self, about: dict[str, Any]) -> None:
        """Make this a run folder, with its provenance."""
        write_json(self.meta, about)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep other processes off the folder. Raises RunFolderError that names the one in there."""
        try:
            make_folder(self.path)
            self._lease = Lease(self.path / "run.lock", myself())
            self._lease.take(_log.warning)
        except OSError as error:
            raise RunFolderError(f"{self.path}: can't write there: {error.strerror or error}") from None
        try:
            yield
        finally:
            self._lease.release()
            self._lease = None

    @contextmanager
    def journal(self, path: Path) -> Iterator[Journal]:
        """Open a journal of this run for writing; `settle` syncs it while it is open."""
        opened = Journal(path)
        self._journals.append(opened)
        try:
            yield opened
        finally:
            self._journals.remove(opened)
            opened.close()

    def settle(self) -> None:
        """Put all that was appended so far on the disk, before something is written that builds on it.

        Raises RunFolderError where another process has taken the folder over meanwhile.
        """
        if self._lease is not None:
            self._lease.check()
        for opened in self._journals:
            opened.sync()

    def keep_dataset(self, facts: dict[str, Any]) -> None:
        """Record what the run's data are. Raises RunFolderError where the run was begun with others."""
        before = self.dataset_facts()
        if before is None:
            write_json(self.dataset, facts)
        elif before["fingerprint"] != facts["fingerprint"]:
            raise RunFolderError(
                f"{self.path}: was begun with other images or another split of {before['name']} (fingerprint "
                f"{before['fingerprint']}, now {facts['fingerprint']}); choose another name="
            )

    def record_digest(self, digest: Digest) -> None:
        """Record the digest in run.json; a run that goes on under another one than it was begun with names both.

        A run that was begun before digests were kept stays without one.
        """
        about = self.provenance()
        recorded = about.get("digest")
        if recorded is not None:
            digest = Digest.from_json(recorded).followed_by(digest)
        elif self.archive.exists():
            return
        if digest.to_json() != recorded:
            self.create(about | {"digest": digest.to_json()})

    def dataset_facts(self) -> dict[str, Any] | None:
        """The fingerprint, and by part the images of each class; None in a folder that holds no such record."""
        try:
            found: dict[str, Any] = json.loads(self.dataset.read_text())
        except (OSError, ValueError):
            return None
        return found

    def settings(self) -> dict[str, Any]:
        found: dict[str, Any] = self.provenance()["settings"]
        return found

    def provenance(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.meta.read_text())
        except (OSError, ValueError):
            raise RunFolderError(f"{self.path}: no run folder (run.json is missing or damaged)") from None
        return found

    def entries(self) -> list[Entry]:
        return [Entry.from_json(line) for line in read_lines(self.archive)]

    def reports(self) -> list[CycleReport]:
        """Reports of the closed cycles, in order."""
        found = sorted(self.path.glob("cycles/*/report.json"))
        return [CycleReport.from_json(json.loads(path.read_text())) for path in found]

    def read_completions(self, cycle: int) -> dict[int, Completion]:
        """By slot."""
        return {c.slot: c for c in (Completion.from_json(line) for line in read_lines(self.completions(cycle)))}

    def read_trials(self, cycle: int) -> dict[str, TrialResult]:
        """By candidate id; trials that our own machinery failed are left out, so that they are run again."""
        rows = {row["candidate"]: TrialResult.from_json(row["result"]) for row in read_lines(self.trials(cycle))}
        return {candidate: result for candidate, result in rows.items() if result.status is not Status.INFRASTRUCTURE}

    def corpus(self) -> list[Network]:
        """The corpus with the accuracies that its trials reached in this run."""
        return [network for network, _ in self.judged_corpus()]

    def judged_corpus(self) -> list[tuple[Network, TrialResult]]:
        rows = read_lines(self.corpus_trials)
        return [(Network.from_json(row["network"]), TrialResult.from_json(row["result"])) for row in rows]


def provenance(settings: Settings) -> dict[str, Any]:
    return {
        "run_id": os.environ.get("WANDB_RUN_ID") or uuid.uuid4().hex[:12],  # a W&B agent has made its run already
        "settings": asdict(settings),
        "versions": _versions(),
        "commit": _commit(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in ("nnloop", *_PACKAGES):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _commit() -> str | None:
    """The checkout's commit, with + where it has local changes; None outside a checkout."""
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


def _refuse_other_settings(folder: RunDir, settings: Settings) -> None:
    keys = differing(folder.settings(), asdict(settings))
    if keys:
        old, new = _flat(folder.settings()), _flat(asdict(settings))
        shown = ", ".join(f"{key} (there {old.get(key)}, now {new.get(key)})" for key in keys[:8])
        raise RunFolderError(
            f"{folder.path}: holds a run with other settings: {shown}; choose another name=, or resume=fork to start a "
            "new folder from its closed cycles"
        )


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Keys of settings that differ, without those that only say where a run runs.

    A setting that came after the folder was written may be there as long as it is off.
    """
    old, new = _flat(one), _flat(other)
    keys = [key for key in sorted(old.keys() | new.keys()) if not key.startswith(_MAY_DIFFER)]
    return [key for key in keys if old.get(key) != new.get(key) and (key in old or new[key])]


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(data, dict):
        return {prefix[:-1]: data}
    return {key: value for name, node in data.items() for key, value in _flat(node, f"{prefix}{name}.").items()}
