"""job=evaluate: build, train and score given networks, without any LLM: one JSON line each, in path order."""

import glob
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TextIO

from nnloop.errors import CandidateFileError
from nnloop.executor import Executor
from nnloop.records import Candidate, Status, Trial, TrialResult, candidate_id

Pose = Callable[[Candidate], Trial]


def run(sources: Sequence[tuple[Path, bytes]], pose: Pose, executor: Executor, out: TextIO) -> None:
    """Judge every network and write a line as soon as it and those before it are done; `pose` makes the trials."""
    judged = [(path, *_judge(source, slot, pose, executor)) for slot, (path, source) in enumerate(sources)]
    for path, identity, future in judged:
        out.write(json.dumps(_line(path, identity, future.result()), ensure_ascii=False) + "\n")
        out.flush()


def read(pattern: str) -> list[tuple[Path, bytes]]:
    """Read the files that a path or a glob names. Raises CandidateFileError where one is missing or can't be read."""
    return [(path, _read(path)) for path in find(pattern)]


def find(pattern: str) -> list[Path]:
    """Return the files that a path or a glob names, sorted. Raises CandidateFileError where there is none."""
    if Path(pattern).is_file():
        return [Path(pattern)]
    found = sorted(path for path in map(Path, glob.glob(pattern, recursive=True)) if path.is_file())
    if not found:
        what = (
            "matches no file" if glob.has_magic(pattern) else "is a folder" if Path(pattern).is_dir() else "not found"
        )
        raise CandidateFileError(f"candidate={pattern}: {what}; give a Python file or a glob such as 'nets/*.py'")
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CandidateFileError(f"candidate={path}: can't be read ({error.strerror})") from None


def _judge(source: bytes, slot: int, pose: Pose, executor: Executor) -> tuple[str | None, Future[TrialResult]]:
    """Submit one network; source that is no Python is judged here."""
    try:
        code = source.decode()
        identity = candidate_id(code)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return None, _done(TrialResult(Status.UNPARSEABLE, reason))
    return identity, executor.submit(pose(Candidate(identity, code, "given", None, 0, slot)))


def _done(result: TrialResult) -> Future[TrialResult]:
    future: Future[TrialResult] = Future()
    future.set_result(result)
    return future


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
