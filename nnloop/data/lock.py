"""A lock between processes, on this machine and on a shared file system."""

import fcntl
import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def acquire(path: Path) -> Iterator[bool]:
    """Hold the lock file `path` for the block; wait for another holder, and name it once in the log.

    The lock ends with its process. Yields True if no other process can be in the block, False if the file system has no
    locks: then every process must write files under names of its own, and work may be done twice. Raises OSError if the
    lock file can't be written.
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
