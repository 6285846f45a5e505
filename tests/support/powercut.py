"""A disk that forgets: what was not fsynced is gone after a cut. Also cuts a process off at a named step.

The model is POSIX's, taken strictly: a file has the length of its last fsync, a name is there if its folder was fsynced
after it came, and a rename that no fsync of the folder followed did not happen. `Disk.restore` rebuilds a tree from
that. Inodes that were seen are kept alive by hard links, so that no number is used twice.

As a script's `sitecustomize` (see `environment`) it watches a whole process, which it kills at the step that
POWERCUT_STEP names: "<when> <operation> <part of the path> <count>", as in "before fsync archive.jsonl 2".
"""

import json
import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

_fsync, _replace, _rename = os.fsync, os.replace, os.rename  # the real ones


class Disk:
    """Watches fsyncs and renames below `root`; `shadow` (on the same file system) keeps what is durable."""

    def __init__(self, root: Path, shadow: Path, step: Callable[[str], None] = lambda name: None) -> None:
        """`step` is told of every operation: "before fsync <path>", "after rename <path>"; it may raise, or kill."""
        self.root, self._shadow, self._step = root.resolve(), shadow, step
        for part in ("files", "lengths", "folders"):
            (shadow / part).mkdir(parents=True, exist_ok=True)

    def install(self, patch: Callable[[object, str, object], None] = setattr) -> None:
        patch(os, "fsync", self._on_fsync)
        patch(os, "replace", lambda old, new: self._on_rename(_replace, old, new))
        patch(os, "rename", lambda old, new: self._on_rename(_rename, old, new))

    def restore(self, rng: random.Random | None = None) -> None:
        """Put the tree into a state that a power cut may leave: the least, or with `rng` a part of the rest too."""
        kept = self._shadow / "restored"
        shutil.rmtree(kept, ignore_errors=True)
        self._copy(self.root, kept, rng, durable=True)
        for entry in self.root.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        shutil.copytree(kept, self.root, dirs_exist_ok=True)
        for part in ("files", "lengths", "folders"):
            shutil.rmtree(self._shadow / part)
            (self._shadow / part).mkdir()
        self.adopt()

    def adopt(self) -> None:
        """Take everything below the root as durable."""
        for path in [self.root, *self.root.rglob("*")]:
            self._keep(path)

    def _on_fsync(self, descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if not path.is_relative_to(self.root):
            _fsync(descriptor)
            return
        name = str(path.relative_to(self.root))
        self._step(f"before fsync {name}")
        self._keep(path)
        self._step(f"after fsync {name}")

    def _on_rename(self, real: Callable[..., None], old: str | Path, new: str | Path) -> None:
        path = Path(new).resolve()
        if not path.is_relative_to(self.root):
            real(old, new)
            return
        name = str(path.relative_to(self.root))
        self._step(f"before rename {name}")
        real(old, new)
        self._step(f"after rename {name}")

    def _keep(self, path: Path) -> None:
        found = path.stat()
        if path.is_dir():
            names = {entry.name: [entry.stat().st_ino, entry.is_dir()] for entry in path.iterdir()}
            for entry in path.iterdir():
                if not entry.is_dir():
                    self._link(entry)
            _put(self._shadow / "folders" / str(found.st_ino), json.dumps(names))
        else:
            self._link(path)
            _put(self._shadow / "lengths" / str(found.st_ino), str(found.st_size))

    def _link(self, path: Path) -> None:
        link = self._shadow / "files" / str(path.stat().st_ino)
        if not link.exists():
            os.link(path, link)

    def _copy(self, folder: Path, target: Path, rng: random.Random | None, durable: bool, inode: int = 0) -> None:
        """Copy what survives of a folder; one whose fsync never came is empty."""
        target.mkdir(parents=True, exist_ok=True)
        listing = self._shadow / "folders" / str(inode or folder.stat().st_ino)
        names = json.loads(listing.read_text()) if durable and listing.exists() else {}
        for name, (number, is_folder) in names.items():
            if is_folder:
                self._copy(folder / name, target / name, rng, True, number)
            else:
                self._cut(number, target / name, rng)

    def _cut(self, inode: int, target: Path, rng: random.Random | None) -> None:
        length = self._shadow / "lengths" / str(inode)
        content = (self._shadow / "files" / str(inode)).read_bytes()
        size = int(length.read_text()) if length.exists() else 0
        if rng is not None and size < len(content):
            size = rng.randint(size, len(content))  # a torn tail
        target.write_bytes(content[:size])


def _put(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(text)
    _replace(beside, path)


def environment(root: Path, shadow: Path, step: str = "") -> dict[str, str]:
    """Variables under which every Python process watches `root`, and kills its process group at `step`."""
    site = shadow.parent / f"{shadow.name}-site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text("import powercut; powercut.watch()\n")
    path = os.pathsep.join([str(site), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    return {"PYTHONPATH": path, "POWERCUT_ROOT": str(root), "POWERCUT_SHADOW": str(shadow), "POWERCUT_STEP": step}


def watch() -> None:
    """Install the disk in this process as its environment says."""
    when, operation, part, count = (os.environ.get("POWERCUT_STEP") or "never - - 1").split()
    left = int(count)

    def step(name: str) -> None:
        nonlocal left
        if name.startswith(f"{when} {operation} ") and part in name:
            left -= 1
            if left == 0:
                os.killpg(0, signal.SIGKILL)

    Disk(Path(os.environ["POWERCUT_ROOT"]), Path(os.environ["POWERCUT_SHADOW"]), step).install()
