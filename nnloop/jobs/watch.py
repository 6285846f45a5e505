"""job=watch: a page in the browser that follows running searches."""

import asyncio
import errno
import getpass
import platform
import secrets
from pathlib import Path
from typing import TextIO

from nnloop.errors import RunFolderError, UserError
from nnloop.jobs.paths import matches, run_folders
from nnloop.settings import Settings, WatchJobSettings
from nnloop.watch.page_server import serve


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Serve the page of the runs that `runs` names, and of later ones in that folder, until Ctrl-C.

    Nothing is written to a run's folder. Raises RunFolderError without a run, and UserError if the port is in use.
    """
    assert isinstance(settings.job, WatchJobSettings)
    pattern, port, token = str(settings.runs), settings.job.port, secrets.token_urlsafe(24)
    if not matches(pattern):
        raise RunFolderError(f"runs={pattern}: no such folder")
    if not run_folders(pattern):
        raise RunFolderError(f"runs={pattern}: no run folder there yet (none holds a run.json)")

    def show(port: int, runs: int) -> None:
        there = f"{getpass.getuser()}@{platform.node()}"
        print(f"watching {runs} run{'s' if runs != 1 else ''}: http://127.0.0.1:{port}/{token}/", file=out)
        print(f"from another machine: ssh -L {port}:127.0.0.1:{port} {there}, then the same address there", file=out)
        out.flush()

    try:
        asyncio.run(serve(lambda: run_folders(pattern), port=port, token=token, show=show))
    except KeyboardInterrupt:
        print("stopped watching; the searches go on", file=out)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        reason = "is in use" if error.errno == errno.EADDRINUSE else "may not be used"
        raise UserError(f"job.port={port}: {reason}; choose another one, or job.port=0 for any free one") from None
