"""Run a command as an unprivileged user, to test that no layer needs root. Only root can.

Folders that the command needs and the user can't reach (a Python below /root, say) are shown to it in a mount
namespace of its own; nothing on the disk is changed.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from paths import ROOT

from nnloop.sandbox import kernel

USER = 54321


def run(command: list[str], timeout_s: float = 590.0) -> "subprocess.CompletedProcess[str]":
    """Run it in the repository's root with a home of its own. Raises CalledProcessError and TimeoutExpired."""
    with tempfile.TemporaryDirectory(prefix="as-user-") as home:
        os.chown(home, USER, USER)
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "OMP_NUM_THREADS")}
        environment = kept | {"HOME": home, "TMPDIR": home, "USER": "nnloop-test", "PYTHONDONTWRITEBYTECODE": "1"}
        environment["NNLOOP_CACHE"] = str(Path(home) / "cache")
        return subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), *command],
            cwd=ROOT,
            env=environment | {"PYTHONPATH": str(ROOT)},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=True,
        )


def main() -> None:
    """Become the user and the command. Runs in a process of its own."""
    _open_up([ROOT, Path(sys.prefix), Path(sys.base_prefix)])
    os.chdir(ROOT)
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)
    os.execv(sys.argv[1], sys.argv[1:])


def _open_up(needed: list[Path]) -> None:
    closed = {parent for path in needed for parent in path.parents if not parent.stat().st_mode & 1}
    for folder in [folder for folder in closed if not closed & set(folder.parents)]:
        _show_only(folder, [path for path in needed if folder in path.parents])


def _show_only(folder: Path, paths: list[Path]) -> None:
    """Put in the place of a closed folder an open one that holds the paths."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("/", kernel.MS_REC | kernel.MS_PRIVATE)
    stage = Path(tempfile.mkdtemp(prefix="as-user-stage-"))
    kernel.mount(str(stage), 0, source="tmpfs", kind="tmpfs", data="mode=755")
    for number, path in enumerate(paths):
        (stage / str(number)).mkdir()
        kernel.mount(str(stage / str(number)), kernel.MS_BIND | kernel.MS_REC, source=str(path))
    kernel.mount(str(folder), 0, source="tmpfs", kind="tmpfs", data="mode=755")
    for number, path in enumerate(paths):
        path.mkdir(parents=True)
        kernel.mount(str(path), kernel.MS_BIND | kernel.MS_REC, source=str(stage / str(number)))
    kernel.unmount(str(stage))
    stage.rmdir()


if __name__ == "__main__":
    main()
