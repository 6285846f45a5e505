"""The hostile networks of tests/attacks, the world that they must not change, and the table of how they end.

    python tests/support/hostile.py table              run all one after another and write the table of how they ended
    python tests/support/hostile.py together FILE      run all at once, two at a time, and write how they ended as JSON
    python tests/support/hostile.py mixed [TRIALS]     run many trials, a third of them hostile, and count the leftovers

An attack's docstring says what it does and how its trial has to end; `@RUN@` and the like in its code stand for
things that are planted for it to find.
"""

import ast
import json
import os
import random
import re
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from hydra import compose, initialize_config_dir
from paths import CONF, PACKAGE, TESTS
from trials import left_behind, network, trial, zygotes

from nnloop import build, corpus, data
from nnloop.executor.local import LocalExecutor
from nnloop.records import Trial, TrialResult
from nnloop.sandbox import cgroup
from nnloop.sandbox.config import group_prefix
from nnloop.settings.load import load

TABLE = PACKAGE / "sandbox" / "ATTACKS.md"
TIMEOUT_S = 1.0
SECRETS = {"WANDB_API_KEY": "planted-secret", "HF_TOKEN": "planted-secret", "AWS_SECRET_ACCESS_KEY": "planted-secret"}
CLOCK = network(init="raise RuntimeError(__import__('time').monotonic())")


@dataclass(frozen=True, slots=True)
class Attack:
    """A hostile network and the end that its trial has to come to."""

    name: str
    claim: str  # one sentence about its doing
    status: str  # how its trial ends
    reason: str  # part of the result's reason, or several such, divided by |
    proxy: str
    most: float  # the highest validation accuracy that it may reach
    code: str

    def trial(self, world: "World") -> Trial:
        code = self.code
        for token, value in world.planted.items():
            code = code.replace(f"@{token}@", value)
        return trial(code, wall_s=TIMEOUT_S if self.status == "timeout" else 60.0)

    def reaches_out(self) -> bool:
        """Tell if it is after something planted or the machine, rather than its own process or training."""
        return any(sign in self.code for sign in ("@", "got through", "reach: the machine", "found {"))

    def ended_as_stated(self, result: TrialResult) -> bool:
        said = any(part in result.reason for part in self.reason.split(" | "))
        return result.status.value == self.status and said and (result.val_accuracy or 0.0) <= self.most


def read_attack(file: Path) -> Attack:
    code = file.read_text()
    doc = ast.get_docstring(ast.parse(code)) or ""
    stated = dict(re.findall(r"^(expect|reason|proxy|at most): (.*)$", doc, re.MULTILINE))
    claim = " ".join(doc.split("\n\n")[0].split())
    return Attack(
        file.stem,
        claim,
        status=stated["expect"],
        reason=stated.get("reason", ""),
        proxy=stated.get("proxy", "fast"),
        most=float(stated.get("at most", 1.0)),
        code=code,
    )


ATTACKS = [read_attack(file) for file in sorted((TESTS / "attacks").glob("*.py"))]


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


def start(workers: int, proxy: str, *overrides: str) -> LocalExecutor:
    bounds = ("sandbox.scratch_mb=32", "mode.max_params=1000000")
    chosen = ["dataset=digits", f"executor.workers={workers}", f"proxy={proxy}", *bounds, *overrides]
    if proxy == "lemur":
        chosen.append("proxy.transform=norm")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = load(compose("config", chosen))
    return build.make_executor(settings, data.load(settings.dataset), Path())


@contextmanager
def planted() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder, World(Path(folder)) as world:
        os.environ.setdefault("NNLOOP_CACHE", str(Path(folder) / "cache"))
        yield world


def measure(world: World, only: Callable[[Attack], bool] = lambda attack: True) -> list[dict[str, Any]]:
    """Run the attacks one after another in one worker, and after each look around and time the next trial's start."""
    rows = []
    for proxy in ("fast", "lemur"):
        chosen = [attack for attack in ATTACKS if attack.proxy == proxy and only(attack)]
        if not chosen:
            continue
        with start(1, proxy) as executor:
            executor.submit(trial(network())).result()
            world.snapshot()  # the warm process has made its own folders
            for attack in chosen:
                result = executor.submit(attack.trial(world)).result()
                verdict = time.monotonic()
                began = float(executor.submit(trial(CLOCK)).result().reason.removeprefix("RuntimeError: "))
                recovery_ms = round(1e3 * (began - verdict))
                rows.append({**_row(attack, result), "recovery_ms": recovery_ms, "changes": world.changes()})
    return rows


def mixed(world: World, trials: int, seed: int = 0) -> dict[str, Any]:
    """Run many trials, a third of them hostile, in random order; return the wrong ends and the leftovers."""
    generator = random.Random(seed)
    honest = [network.code for network in corpus.seeds() if network.name in ("mlp", "nin", "silu", "plain")]
    hostile = [attack for attack in ATTACKS if attack.proxy == "fast"]
    plan: list[Attack | str] = [hostile[i % len(hostile)] for i in range(trials // 3)]
    plan += [honest[i % len(honest)] for i in range(trials - len(plan))]
    generator.shuffle(plan)
    with start(2, "fast") as executor:
        reference = {code: executor.submit(trial(code)).result() for code in honest}
        world.snapshot()
        (zygote,) = zygotes()
        before, began = _resources(zygote), time.monotonic()
        running = [executor.submit(item.trial(world) if isinstance(item, Attack) else trial(item)) for item in plan]
        results = [future.result() for future in running]
        seconds = time.monotonic() - began
        processes, after = left_behind(), _resources(zygote)
        same_zygote = zygotes() == [zygote]
    wrong = [
        f"{item.name}: {result.status.value} {result.reason}"
        for item, result in zip(plan, results, strict=True)
        if isinstance(item, Attack) and not item.ended_as_stated(result)
    ]
    wrong += [
        f"honest: {result.status.value} {result.val_accuracy} {result.reason}"
        for item, result in zip(plan, results, strict=True)
        if isinstance(item, str) and result.val_accuracy != reference[item].val_accuracy
    ]
    return {
        "trials": len(results),
        "hostile": sum(isinstance(item, Attack) for item in plan),
        "seconds": round(seconds, 1),
        "wrong": wrong,
        "processes": processes,
        "changes": world.changes(),
        "same_zygote": same_zygote,
        "before": before,
        "after": after,
        "groups": [name for name in _groups() if name.startswith(group_prefix(zygote))],
        "layers": executor.layers,
    }


def _resources(zygote: int) -> dict[str, int]:
    """Count descriptors and resident MiB of this process and of the warm one."""
    used = {}
    for name, pid in (("parent", os.getpid()), ("zygote", zygote)):
        used[f"{name}_descriptors"] = len(os.listdir(f"/proc/{pid}/fd"))
        used[f"{name}_mib"] = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
    return used


def _groups() -> list[str]:
    home = cgroup.find()
    return [] if home is None else [name for folder in {home.memory, home.pids} for name in os.listdir(folder)]


def together(world: World) -> list[dict[str, Any]]:
    """Run the attacks on proxy=fast two at a time."""
    with start(2, "fast") as executor:
        executor.submit(trial(network())).result()
        world.snapshot()
        running = [(attack, executor.submit(attack.trial(world))) for attack in ATTACKS if attack.proxy == "fast"]
        rows = [_row(attack, future.result()) for attack, future in running]
        left_behind()
        return [{**row, "changes": world.changes()} for row in rows]


def _row(attack: Attack, result: TrialResult) -> dict[str, Any]:
    return {
        "name": attack.name,
        "status": result.status.value,
        "reason": result.reason,
        "as_stated": attack.ended_as_stated(result),
        "layers": result.sandbox,
    }


def write_table() -> None:
    with planted() as world:
        TABLE.write_text(render(measure(world)))


def render(rows: list[dict[str, Any]]) -> str:
    """Return the table in Markdown. Raises SystemExit where an attack did not end as stated."""
    wrong = [row for row in rows if not row["as_stated"] or row["changes"]]
    if wrong:
        raise SystemExit(json.dumps(wrong, indent=1))
    taken = {row["name"]: row["recovery_ms"] for row in rows}
    lines = [f"| {attack.name} | {attack.claim} | {attack.status} | {taken[attack.name]} |\n" for attack in ATTACKS]
    return INTRODUCTION.format(count=len(lines), layers=rows[0]["layers"]) + "".join(lines)


INTRODUCTION = """# Hostile networks and how their trials end

Written by `make attacks` from the {count} networks in tests/attacks, run one after another as root: each ended with
this status and changed nothing outside its scratch folder. The last column is the milliseconds from the verdict until
the next trial's network was being built. Layers in force: {layers}.
Long tests run them as an unprivileged user and with Landlock alone too.

| attack | what it does | ends as | recovery, ms |
|---|---|---|---|
"""


def main() -> None:
    match sys.argv[1:]:
        case ["table"]:
            write_table()
        case ["together", file]:
            with planted() as world:
                Path(file).write_text(json.dumps(together(world)))
        case ["mixed", *count]:
            with planted() as world:
                print(json.dumps(mixed(world, int(count[0]) if count else 1000), indent=1))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
