"""job=evaluate: build, train and score given networks, without any LLM: one JSON line each, in path order."""

import glob
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TextIO

from nnloop import data
from nnloop.errors import CandidateFileError
from nnloop.executor import Executor, make_trial
from nnloop.executor.factory import make_executor
from nnloop.jobs.paths import matches
from nnloop.records import Candidate, Status, TrialResult, candidate_id
from nnloop.runs import foreign
from nnloop.settings import Settings
from nnloop.settings.members import only


def run(settings: Settings, folder: Path, out: TextIO, *, executor: Executor | None = None) -> None:
    """Train the networks in settings.candidate; write each one's line when its trial and those before it have ended.

    `executor` None: one is made. Raises CandidateFileError if a file is missing or can't be read.
    """
    files = read(settings.candidate or "")
    trials = judge([source for _, source in files], settings, folder, executor=executor)
    for (path, _), (identity, result) in zip(files, trials, strict=True):
        out.write(json.dumps(_line(path, identity, result), ensure_ascii=False) + "\n")
        out.flush()


def judge(
    sources: Sequence[bytes], settings: Settings, folder: Path, *, executor: Executor | None = None
) -> Iterator[tuple[str | None, TrialResult]]:
    """Train networks and yield each one's id and result, in their order; a source that isn't Python has no id.

    `executor` None: one is made for these trials.
    """
    if executor is None:
        with make_executor(settings, data.load(only(settings)), folder) as made:
            yield from judge(sources, settings, folder, executor=made)
        return
    candidates = [_candidate(source, slot) for slot, source in enumerate(sources)]
    for identity, future in [_submit(candidate, settings, executor) for candidate in candidates]:
        yield identity, future.result()


def read(pattern: str) -> list[tuple[Path, bytes]]:
    """Read the files that a path or a glob names. Raises CandidateFileError if one is missing or can't be read."""
    return [(path, _read(path)) for path in find(pattern)]


def find(pattern: str) -> list[Path]:
    """Return the files that a path or a glob names, sorted. Raises CandidateFileError if it names no file."""
    paths = [path for path in matches(pattern) if path.is_file()]
    if not paths:
        what = (
            "matches no file" if glob.has_magic(pattern) else "is a folder" if Path(pattern).is_dir() else "not found"
        )
        raise CandidateFileError(f"candidate={pattern}: {what}; give a Python file or a glob such as 'nets/*.py'")
    return paths


def _read(path: Path) -> bytes:
    try:
        return foreign.read_bytes(path, path.resolve().parent, foreign.SOURCE_BYTES)
    except OSError as error:
        raise CandidateFileError(f"candidate={path}: can't be read ({error.strerror})") from None


def _candidate(source: bytes, slot: int) -> Candidate | TrialResult:
    """Return the candidate; if the source is not Python, the result that says so."""
    try:
        code = source.decode()
        return Candidate(candidate_id(code), code, mode="given", parent=None, cycle=0, slot=slot)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return TrialResult(Status.UNPARSEABLE, reason)


def _submit(
    given: Candidate | TrialResult, settings: Settings, executor: Executor
) -> tuple[str | None, Future[TrialResult]]:
    if isinstance(given, Candidate):
        return given.id, executor.submit(make_trial(settings, given))
    future: Future[TrialResult] = Future()
    future.set_result(given)
    return None, future


def _line(path: Path, identity: str | None, result: TrialResult) -> dict[str, Any]:
    return {
        "candidate": str(path),
        "id": identity,
        "status": result.status.value,
        "reason": result.reason,
        "val_accuracy": result.val_accuracy,
        "test_accuracy": result.test_accuracy,
        "params": result.params,
        "seconds": round(result.seconds, 3),
    }
