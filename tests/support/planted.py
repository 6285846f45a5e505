"""The world that hostile networks must not change: a home, a run, services and secrets, planted for them to find."""

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Self

from paths import CONF, PACKAGE

SECRETS = {"WANDB_API_KEY": "planted-secret", "HF_TOKEN": "planted-secret", "AWS_SECRET_ACCESS_KEY": "planted-secret"}


class World:
    """A home, a run, services and secrets for the attacks to find; tells which have changed."""

    def __init__(self, base: Path) -> None:
        self.base = base
        for folder in ("home/.ssh", "home/.cache/huggingface", "run", "cache/prepared", "tmp"):
            (base / folder).mkdir(parents=True)
        for file in ("home/.netrc", "home/.ssh/id_ed25519", "home/.cache/huggingface/token", "run/archive.jsonl"):
            (base / file).write_text("planted-secret\n")
        (base / "cache/prepared/labels_y.npy").write_bytes(bytes(64))
        self._mailbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._mailbox.bind(str(base / "d"))
        self._mailbox.setblocking(False)
        self._listeners = [socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX), socket.socket()]
        abstract = f"nnloop-planted-{base}"
        for listener, address in zip(
            self._listeners, (str(base / "s"), "\0" + abstract, ("127.0.0.1", 0)), strict=True
        ):
            listener.bind(address)
            listener.listen()
            listener.setblocking(False)
        self.planted = {
            "HOME": str(base / "home"),
            "RUN": str(base / "run"),
            "CACHE": str(base / "cache"),
            "SOCKET": str(base / "s"),
            "DATAGRAM": str(base / "d"),
            "ABSTRACT": abstract,
            "PORT": str(self._listeners[2].getsockname()[1]),
            "PARENT": str(os.getpid()),
        }

    def __enter__(self) -> Self:
        self._environment = dict(os.environ)
        os.environ.update(SECRETS, HOME=self.planted["HOME"], TMPDIR=str(self.base / "tmp"))
        self.snapshot()
        return self

    def snapshot(self) -> None:
        """Remember the present state as the start."""
        self._before = self._look()

    def __exit__(self, *_: object) -> None:
        os.environ.clear()
        os.environ.update(self._environment)
        for opened in (self._mailbox, *self._listeners):
            opened.close()

    def changes(self) -> list[str]:
        """List every difference from the start: files, shared memory, and services that somebody has reached."""
        now = self._look()
        changed = [path for path in self._before.keys() | now.keys() if self._before.get(path) != now.get(path)]
        for listener in self._listeners:
            try:
                listener.accept()
            except BlockingIOError:
                continue
            changed.append(f"connection to {listener.getsockname()}")
        with suppress(BlockingIOError):
            changed.append(f"datagram {self._mailbox.recv(100)!r}")
        return sorted(changed)

    def _look(self) -> dict[str, str]:
        package = PACKAGE
        site = Path(os.__file__).parent / "site-packages", *map(Path, {p for p in sys.path if p.endswith("-packages")})
        state = {}
        for folder in (self.base, package, CONF):
            for path in folder.rglob("*"):
                if "__pycache__" not in path.parts:
                    facts = path.lstat()
                    file = path.is_file()
                    inside = f"{facts.st_mtime_ns} {sha256(path.read_bytes()).hexdigest()}" if file else ""
                    state[str(path)] = f"{facts.st_mode} {facts.st_nlink if file else 0} {inside}"
        for folder in (*site, Path("/dev/shm")):
            names = os.listdir(folder) if folder.is_dir() else []
            state |= {f"{folder}/{name}": "" for name in names if "nnloop-was" in name or name == "sitecustomize.py"}
        shared = Path("/proc/sysvipc/shm")
        lines = shared.read_text().splitlines() if shared.exists() else []
        return state | {f"segment {line}": "" for line in lines if line.split()[0] == "4711"}


@contextmanager
def planted() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder, World(Path(folder)) as world:
        os.environ.setdefault("NNLOOP_CACHE", str(Path(folder) / "cache"))
        yield world
