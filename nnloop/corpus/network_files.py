"""corpus=folder, and the networks that job=adopt collects: the .py files below a folder. They are read, never run."""

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nnloop.errors import CompletionError, CorpusError
from nnloop.records import Network
from nnloop.runs import foreign

MOST_FILES = 100_000  # of one kind in a folder

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FolderNetworks:
    """The networks of a folder, each once, and a line for each file that is none: its path and the reason."""

    networks: Sequence[Network]
    left_out: Sequence[str]


def load(path: str, identify: Callable[[str], str]) -> list[Network]:
    """Read the networks of corpus.path; log the files that are left out. Raises CorpusError if there is no network."""
    read = read_networks_in(Path(path).expanduser(), identify, key="corpus.path")
    for line in read.left_out:
        _log.warning("corpus.path=%s: left out %s", path, line)
    return list(read.networks)


def read_networks_in(folder: Path, identify: Callable[[str], str], *, key: str) -> FolderNetworks:
    """Read every file that is a network; `identify` gives a source's id, or raises CompletionError.

    A network is named for its file, or for its path if another one's file has the same name. Raises CorpusError, which
    names `key`, the setting of the folder.
    """
    if not folder.is_dir():
        raise CorpusError(f"{key}={folder}: no such folder")
    networks: dict[str, Network] = {}
    left_out = []
    for path in files_in(folder, "*.py", key=key):
        inside = path.relative_to(folder)
        try:
            code = foreign.read_bytes(path, folder, foreign.SOURCE_BYTES).decode("utf-8", "replace")
            identity = identify(code)
        except (CompletionError, OSError) as error:
            reason = error.reason if isinstance(error, CompletionError) else error.strerror
            left_out.append(f"{inside}: {reason}")
        else:
            networks.setdefault(identity, Network(identity, code, inside.with_suffix("").as_posix()))
    if not networks:
        raise CorpusError(f"{key}={folder}: no network in it{f' ({left_out[0]})' if left_out else ''}")
    return FolderNetworks(_named(list(networks.values())), left_out)


def files_in(folder: Path, name: str, *, key: str) -> list[Path]:
    """Return the files of a name or pattern below a folder, sorted, without hidden ones.

    Raises CorpusError for far too many.
    """
    paths = sorted(itertools.islice(folder.rglob(name), MOST_FILES + 1))
    if len(paths) > MOST_FILES:
        raise CorpusError(f"{key}={folder}: more than {MOST_FILES:,} files {name} in it")
    return [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def _named(networks: Sequence[Network]) -> list[Network]:
    """Shorten the names, which are paths, to the files' where these differ."""
    stems = Counter(network.name.rpartition("/")[2] for network in networks)
    short = {network.id: network.name.rpartition("/")[2] for network in networks}
    return [replace(one, name=short[one.id]) if stems[short[one.id]] == 1 else one for one in networks]
