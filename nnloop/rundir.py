"""A run's folder: every file name, atomic writes, provenance.

Whatever is written here is written beside and renamed, or appended and fsynced, so a reader never meets half a file. A
torn last line of a journal (a kill in the middle of an append) is dropped when the journal is opened for writing.
"""

import fcntl
import json
import os
import platform
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from nnloop.errors import RunFolderError
from nnloop.records import Completion, CycleReport, Entry, Network, TrialResult
from nnloop.settings import Settings

_PACKAGES = ("torch", "torchvision", "lightning", "transformers", "peft", "datasketch", "hydra-core", "wandb", "numpy")
_MAY_DIFFER = (
    *("executor.", "tracker.", "budget.", "summaries"),
    *("dataset.root", "dataset.mirror", "llm.device", "llm.batch_size", "llm.rest"),
)
"""Settings that say where a run runs, not what it computes."""


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

    def code(self, candidate: str) -> Path:
        return self.path / "code" / f"{candidate}.py"

    def read_code(self, candidate: str) -> str:
        return self.code(candidate).read_text("utf-8", "surrogatepass")

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
            self.path.mkdir(parents=True, exist_ok=True)
            for part in ("code", "completions", "cycles"):
                (self.path / part).mkdir(exist_ok=True)
            if self.meta.exists():
                _refuse_other_settings(self, settings)
            else:
                write_json(self.meta, _provenance(settings))
        except OSError as error:
            raise RunFolderError(f"{self.path}: can't write there: {error.strerror or error}") from None

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep other processes off the folder; the lock dies with this process. Raises RunFolderError."""
        with (self.path / "run.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                raise RunFolderError(f"{self.path}: in use by {lock.read() or 'another process'}") from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {platform.node()}")
            lock.flush()
            yield

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
        """By candidate id."""
        return {row["candidate"]: TrialResult.from_json(row["result"]) for row in read_lines(self.trials(cycle))}

    def corpus(self) -> list[Network]:
        """The corpus with the accuracies that its trials reached in this run."""
        return [network for network, _ in self.judged_corpus()]

    def judged_corpus(self) -> list[tuple[Network, TrialResult]]:
        rows = read_lines(self.corpus_trials)
        return [(Network.from_json(row["network"]), TrialResult.from_json(row["result"])) for row in rows]


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step that survives a power loss."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def write_json(path: Path, data: Any) -> None:
    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


def sync_folder(folder: Path) -> None:
    """Make renames and new names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a JSONL file; a torn last line is left out, a damaged line before it is a RunFolderError."""
    if not path.exists():
        return
    whole, newline, _torn = path.read_bytes().rpartition(b"\n")
    for number, line in enumerate(whole.split(b"\n") if newline else [], 1):
        try:
            yield json.loads(line)
        except ValueError:
            raise RunFolderError(f"{path}: line {number} is damaged") from None


class Journal:
    """An append-only JSONL file with one writer; every line is on the disk when `append` returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _drop_torn_line(path)
        self._file = path.open("ab")
        sync_folder(path.parent)

    def append(self, line: str) -> None:
        self._file.write(line.encode("utf-8", "backslashreplace") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


@contextmanager
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    try:
        yield opened
    finally:
        opened.close()


def _drop_torn_line(path: Path) -> None:
    if path.exists():
        with path.open("rb+") as file:
            _truncate_after_last_newline(file)


def _truncate_after_last_newline(file: IO[bytes]) -> None:
    content = file.read()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        file.truncate(end)
        os.fsync(file.fileno())


def _provenance(settings: Settings) -> dict[str, Any]:
    return {
        "run_id": uuid.uuid4().hex[:12],
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
    root = Path(__file__).resolve().parent.parent
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
    """A setting that came after the folder was written may be there as long as it is off."""
    old, new = _flat(folder.settings()), _flat(asdict(settings))
    differing = [
        key
        for key in sorted(old.keys() | new.keys())
        if not key.startswith(_MAY_DIFFER) and old.get(key) != new.get(key) and (key in old or new[key])
    ]
    if differing:
        shown = ", ".join(f"{key} (there {old.get(key)}, now {new.get(key)})" for key in differing[:8])
        raise RunFolderError(f"{folder.path}: holds a run with other settings: {shown}; choose another name=")


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(data, dict):
        return {prefix[:-1]: data}
    return {key: value for name, node in data.items() for key, value in _flat(node, f"{prefix}{name}.").items()}
