"""One process at a time, on this machine and on a shared file system."""

import fcntl
import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Keep other processes that hold the same path out; wait for them, saying once for whom. Raises OSError.

    The lock dies with its process. Yields False where the file system knows no locks: whatever is written then has to
    go under names of its own, and work may be done twice.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            log.info("waiting for %s, which is at the same work (%s)", file.read() or "another process", path)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            log.warning("%s: no locks on this file system (%s); work may be done twice", path, error.strerror)
            yield False
            return
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
        yield True
