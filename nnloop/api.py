"""nnloop from Python: the calls that the package exports, and the one way by which a job is run.

    run = nnloop.search(llm="tiny", dataset="digits", cycles=2)
    run.networks                                     # a DataFrame; without pandas a list of records
    nnloop.evaluate("net.py", dataset="digits")      # one result
    nnloop.load("outputs/search/tiny-digits-delta-s0-cycles_2")

Settings are the command line's: keywords (`cycles=2`), dotted keys (`**{"llm.temperature": 0.5}`), dicts
(`llm={"temperature": 0.5}`) or texts ("llm.temperature=0.5"). Paths are relative to the working directory, and runs lie
in outputs/ below it; the same call goes on with the same run. A wrong setting or another fault of the input raises a
UserError of one line. A search that is interrupted raises KeyboardInterrupt, and everything up to there is saved.

A call leaves nothing of the program changed: signal handlers, logging, Hydra, environment. One call runs at a time.
"""

import contextlib
import functools
import html
import io
import logging
import os
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ParamSpec, TextIO, TypeVar

from nnloop.errors import CandidateFileError, RunFolderError, UserError
from nnloop.launch import leave
from nnloop.launch.compose import ComposedJob, compose_job
from nnloop.printable import ConsoleFormatter, PrintableFormatter
from nnloop.records import TrialResult
from nnloop.report.measures.read import Run, read
from nnloop.report.networks import TrainedNetwork, trained_networks
from nnloop.report.notebook import in_notebook
from nnloop.settings import Settings
from nnloop.settings.idle import idle
from nnloop.stop import Interrupted

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger("nnloop")
_running = threading.Lock()


@dataclass(frozen=True)
class SearchResult:
    """A run as it lies in its folder: what `search` and `load` return. In a notebook it shows the run's page."""

    _run: Run

    @property
    def folder(self) -> Path:
        """Folder of the run."""
        return self._run.path

    @property
    def finished(self) -> bool:
        """True if every cycle is closed; else the same call of `search` goes on."""
        return self._run.finished

    @functools.cached_property
    def records(self) -> list[TrainedNetwork]:
        """The distinct networks that trained, the most accurate first."""
        return trained_networks(self._run)

    @property
    def networks(self) -> Any:
        """`records` as a pandas.DataFrame, a row each; without pandas (pip install 'nnloop[pandas]') `records`."""
        try:
            import pandas as pd
        except ImportError:
            return self.records
        rows = [asdict(record) for record in self.records]
        return pd.DataFrame(rows, columns=list(TrainedNetwork.__dataclass_fields__))

    @property
    def best(self) -> TrainedNetwork | None:
        """The incumbent, the winner under fresh seeds; where none was measured, the best of single trials."""
        known = self._run.incumbent
        chosen = [one for one in self.records if known is not None and one.id == known.candidate]
        return next(iter([*chosen, *self.records]), None)

    def __str__(self) -> str:
        from nnloop.report.terminal import summary

        return summary(self._run)

    def __repr__(self) -> str:
        return f"<run {self._run.name}: {len(self._run.reports)} cycles, {len(self._run.networks)} networks>"

    def _repr_html_(self) -> str:
        from nnloop.report.web.run_page import run_page
        from nnloop.report.web.text_store import BlockCache

        page = html.escape(run_page(self._run.so_far, BlockCache()), quote=True)
        return f'<iframe srcdoc="{page}" style="width: 100%; height: 40em; border: 0"></iframe>'


def _plainly(call: Callable[P, T]) -> Callable[P, T]:
    """Let errors of the input and interrupts leave a call without the frames below it."""

    @functools.wraps(call)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except UserError as error:
            raise error.with_traceback(None) from None
        except Interrupted:
            raise Interrupted("the search was stopped; the same call goes on from here") from None
        except OSError as error:
            reason = f"{error.filename or 'output folder'}: {error.strerror or error}"
        raise RunFolderError(reason)

    return called


@_plainly
def search(*overrides: str, config_dir: str | Path | None = None, **settings: object) -> SearchResult:
    """Run a search, or the missing part of one, and return the run.

    Args:
        overrides: settings as on the command line, such as "llm.temperature=0.5".
        config_dir: a folder with config groups of your own, as --config-dir.
        settings: settings by name; dotted keys by **{"llm.temperature": 0.5}.

    Raises:
        UserError: one line about a wrong setting, or a dataset, model or folder that can't be used.
        KeyboardInterrupt: the search was interrupted; the same call goes on.
    """
    with _job("search", overrides, settings, config_dir=config_dir) as job:
        run_job(job.settings, job.folder, job.overrides, out=io.StringIO(), owns_process=False)
        return SearchResult(read(job.folder))


@_plainly
def evaluate(
    candidate: str | Path, *overrides: str, config_dir: str | Path | None = None, **settings: object
) -> TrialResult:
    """Build, train and score one network, as a search would: `candidate` is its code, or the path of its file.

    A network that fails is a result too: `status` says how, `reason` why. Accuracies are fractions. The other arguments
    and the errors are those of `search`; CandidateFileError, a UserError: the file can't be read.
    """
    source = _source(candidate)
    with _job("evaluate", overrides, {**settings, "candidate": "code"}, config_dir=config_dir) as job:
        from nnloop.jobs.evaluate import judge

        ((_, result),) = judge([source], job.settings, job.folder)
        return result


@_plainly
def job(name: str, *overrides: str, config_dir: str | Path | None = None, **settings: object) -> str:
    """Run another job of the command line, such as export, report, adopt or prepare, and return what it prints.

    The other arguments and the errors are those of `search`.
    """
    out = io.StringIO()
    with _job(name, overrides, settings, config_dir=config_dir) as composed:
        run_job(composed.settings, composed.folder, composed.overrides, out=out, owns_process=False)
    return out.getvalue()


@_plainly
def load(folder: str | Path) -> SearchResult:
    """Read a run from its folder, one that is going on too: its closed cycles. Raises UserError if it is no run."""
    path = Path(folder).expanduser()
    runs = [] if (path / "run.json").exists() else sorted(path.glob("*/run.json"))
    if runs:
        raise RunFolderError(f"{path}: a folder of {len(runs)} runs; give one of them, such as {runs[0].parent}")
    if not path.exists():
        raise RunFolderError(f"{path}: no such folder")
    return SearchResult(read(path))


def run_job(
    settings: Settings, folder: Path, overrides: Sequence[str], *, out: TextIO, owns_process: bool = True
) -> None:
    """Run the job that the settings name in its folder; what it prints goes to `out`.

    The command line and the calls above run every job by this. A folder of which nothing has come is removed.
    `owns_process` False: a second Ctrl-C ends the search and not the process.
    """
    for sentence in idle(settings, overrides):
        _log.warning("%s", sentence)
    from nnloop import build  # imports the rest of the package: a wrong setting is told before that

    build.run(settings, folder, overrides, out=out, owns_process=owns_process)
    if settings.job.name != "search":
        leave(folder)


@contextlib.contextmanager
def _job(
    name: str, overrides: Sequence[str], settings: dict[str, object], *, config_dir: str | Path | None
) -> Iterator[ComposedJob]:
    """Compose a job and log it, the only one of this process. Raises UserError if another one runs."""
    if not _running.acquire(blocking=False):
        raise UserError("nnloop runs a job in this process already; wait for its end, or use another process")
    try:
        composed = compose_job(name, overrides, settings, config_dir=config_dir)
        with _unchanged(), _logged(composed.folder):
            yield composed
    finally:
        _running.release()


@contextlib.contextmanager
def _unchanged() -> Iterator[None]:
    """Give the program back its environment, exception hook, random generator and warnings, which libraries change."""
    environment, hook, drawn = dict(os.environ), sys.excepthook, random.getstate()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "IProgress not found")  # tqdm's advice to a notebook without ipywidgets
            yield
    finally:
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        sys.excepthook = hook
        random.setstate(drawn)


@contextlib.contextmanager
def _logged(folder: Path) -> Iterator[None]:
    """Log to the job's folder, and to stderr if the program doesn't show nnloop's log by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    before, shown = (_log.level, _log.propagate), _log.isEnabledFor(logging.INFO)
    handlers: list[logging.Handler] = [_JobLog(folder / "nnloop.log"), *([] if shown else [_console()])]
    for handler in handlers:
        _log.addHandler(handler)
    _log.setLevel(min(_log.getEffectiveLevel(), logging.INFO))
    _log.propagate = shown
    try:
        yield
    finally:
        for handler in handlers:
            _log.removeHandler(handler)
        handlers[0].close()
        _log.setLevel(before[0])
        _log.propagate = before[1]
        leave(folder)


def _console() -> logging.Handler:
    """Return a handler for stderr; a notebook shows that as an error, and gets stdout."""
    handler = logging.StreamHandler(sys.stdout if in_notebook() else sys.stderr)
    handler.setFormatter(ConsoleFormatter())
    return handler


class _JobLog(logging.FileHandler):
    """The log of a job; a full disk loses lines of it and stops nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.setFormatter(PrintableFormatter("[%(asctime)s][%(name)s][%(levelname)s] - %(message)s"))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Ignore the error."""


def _source(candidate: str | Path) -> bytes:
    """Return a network's code. Raises CandidateFileError."""
    from nnloop.jobs.evaluate import read as read_files

    if isinstance(candidate, str) and "\n" in candidate:
        return candidate.encode("utf-8", "surrogatepass")
    if not isinstance(candidate, str | os.PathLike):
        raise CandidateFileError(f"candidate={candidate!r}: give the code of a network or the path of its file")
    sources = read_files(os.path.expanduser(candidate))
    if len(sources) > 1:
        raise CandidateFileError(f"candidate={candidate}: matches {len(sources)} files; give one of them")
    return sources[0][1]
