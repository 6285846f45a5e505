"""The hostile networks of tests/attacks, the world that they must not change, and the table of how they end.

    python tests/support/hostile.py table             run all in three modes and write the table of how they ended
    python tests/support/hostile.py together FILE     run all two at a time, and write how they ended as JSON
    python tests/support/hostile.py outward FILE      the same with those alone that reach out of their process
    python tests/support/hostile.py try NAME...       run these, and print how they ended
    python tests/support/hostile.py mixed TRIALS      run many trials, a third of them hostile, and count the leftovers
    python tests/support/hostile.py soak              run 1,000 of them in pieces, go on where it was stopped, and keep
                                                      what each left behind in tests/attacks/soak.json

An attack's docstring says what it does and how its trial has to end; `@RUN@` and the like in its code stand for
things that are planted for it to find.
"""

import ast
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import as_user
from hydra import compose, initialize_config_dir
from paths import CONF, PACKAGE, ROOT, TESTS
from planted import World, planted
from trials import left_behind, network, trial, zygotes

from nnloop import build, corpus, data
from nnloop.executor.local import LocalExecutor
from nnloop.records import Trial, TrialResult
from nnloop.sandbox import cgroup
from nnloop.sandbox.config import group_prefix
from nnloop.settings.load import load

TABLE = PACKAGE / "sandbox" / "ATTACKS.md"
SOAK = TESTS / "attacks" / "soak.json"
SOAK_TRIALS = 1000
SOAK_PIECE = 50
TIMEOUT_S = 1.0
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


def start(workers: int, proxy: str, *overrides: str) -> LocalExecutor:
    bounds = ("sandbox.scratch_mb=32", "mode.max_params=1000000")
    chosen = ["dataset=digits", f"executor.workers={workers}", f"proxy={proxy}", *bounds, *overrides]
    if proxy == "lemur":
        chosen.append("proxy.transform=norm")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = load(compose("config", chosen))
    return build.make_executor(settings, data.load(settings.dataset), Path())


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


def mixture(trials: int) -> list[Attack | str]:
    """List many trials, a third of them hostile, in random order."""
    honest, hostile = _honest(), [attack for attack in ATTACKS if attack.proxy == "fast"]
    plan: list[Attack | str] = [hostile[i % len(hostile)] for i in range(trials // 3)]
    plan += [honest[i % len(honest)] for i in range(trials - len(plan))]
    random.Random(0).shuffle(plan)
    return plan


def _honest() -> list[str]:
    return [network.code for network in corpus.seeds() if network.name in ("mlp", "nin", "silu", "plain")]


def mixed(world: World, plan: list[Attack | str]) -> dict[str, Any]:
    """Run these trials; return the wrong ends and the leftovers."""
    honest = _honest()
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


def soak() -> None:
    """Run the mixture in pieces, and keep each piece's result; go on where it was stopped."""
    pieces: list[dict[str, Any]] = json.loads(SOAK.read_text()) if SOAK.exists() else []
    plan = mixture(SOAK_TRIALS)
    if sum(piece["trials"] for piece in pieces) >= len(plan):
        pieces = []
    for at in range(sum(piece["trials"] for piece in pieces), len(plan), SOAK_PIECE):
        with planted() as world:
            counts = mixed(world, plan[at : at + SOAK_PIECE])
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        pieces.append({"date": time.strftime("%Y-%m-%d"), "commit": commit.stdout.strip(), **counts})
        SOAK.write_text(json.dumps(pieces, indent=1) + "\n")
        print(json.dumps(pieces[-1]), flush=True)


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


def together(world: World, attacks: list[Attack], *overrides: str) -> list[dict[str, Any]]:
    """Run attacks on proxy=fast two at a time."""
    with start(2, "fast", *overrides) as executor:
        executor.submit(trial(network())).result()
        world.snapshot()
        running = [(attack, executor.submit(attack.trial(world))) for attack in attacks if attack.proxy == "fast"]
        rows = [_row(attack, future.result()) for attack, future in running]
        left = left_behind()
        honest = executor.submit(trial(network())).result().status.value
        return [{**row, "changes": world.changes(), "left": left, "honest": honest} for row in rows]


OUTWARD = [attack for attack in ATTACKS if attack.reaches_out()]
LANDLOCK_ALONE = "sandbox.without=[user,cgroup]"


def as_a_user(mode: str) -> list[dict[str, Any]]:
    """Run `together` or `outward` as an unprivileged user; only root can."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        os.chmod(folder, 0o777)
        rows_file = Path(folder) / "rows.json"
        as_user.run([sys.executable, "tests/support/hostile.py", mode, str(rows_file)])
        rows: list[dict[str, Any]] = json.loads(rows_file.read_text())
        return rows


def got_through(row: dict[str, Any]) -> bool:
    """Tell if an attack reached something outside, in a mode in which it may end otherwise than with all layers."""
    said = "got through" in row["reason"] or "planted" in row["reason"]
    return said or bool(row["changes"] or row["left"]) or row["honest"] != "ok"


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
        user, landlock = as_a_user("together"), together(world, ATTACKS, LANDLOCK_ALONE)
        TABLE.write_text(render(measure(world), user=user, landlock=landlock))


def render(rows: list[dict[str, Any]], *, user: list[dict[str, Any]], landlock: list[dict[str, Any]]) -> str:
    """Return the table in Markdown. Raises SystemExit where an attack did not end as stated."""
    wrong = [row for row in rows + user if not row["as_stated"] or row["changes"]]
    wrong += [row for row in landlock if got_through(row)]
    if wrong:
        raise SystemExit(json.dumps(wrong, indent=1))
    taken = {row["name"]: row["recovery_ms"] for row in rows}
    there, alone = ({row["name"]: row["status"] for row in mode} for mode in (user, landlock))
    lines = [
        f"| {each.name} | {each.claim} | {each.status} | {taken[each.name]} | {there.get(each.name, '')} | "
        f"{alone.get(each.name, '')} |\n"
        for each in ATTACKS
    ]
    layers = {"layers": rows[0]["layers"], "user": user[0]["layers"], "landlock": landlock[0]["layers"]}
    return INTRODUCTION.format(count=len(lines), **layers) + "".join(lines)


INTRODUCTION = """# Hostile networks and how their trials end

Written by `make attacks` from the {count} networks in tests/attacks, in three modes; none got through:

- as root with all layers, one after another: each ended with the status in the third column and changed nothing outside
  its scratch folder; the fourth has the milliseconds from the verdict until the next trial's network was being built,
  beside the machine's other work. Layers: {layers};
- as an unprivileged user, two at a time. Layers: {user};
- where user namespaces and control groups are not to be had, two at a time: there an attack may end otherwise. Layers:
  {landlock}.

Attacks on a training by the network's own loop (proxy=lemur) ran in the first mode alone. The default tests run all in
the first mode, long tests those that reach out of their process in the other two.

| attack | what it does | ends as | recovery, ms | as a user | Landlock alone |
|---|---|---|---|---|---|
"""


def main() -> None:
    match sys.argv[1:]:
        case ["table"]:
            write_table()
        case ["together", file]:
            with planted() as world:
                Path(file).write_text(json.dumps(together(world, ATTACKS)))
        case ["outward", file]:
            with planted() as world:
                Path(file).write_text(json.dumps(together(world, OUTWARD)))
        case ["try", *names]:
            with planted() as world:
                for row in measure(world, lambda attack: attack.name in names):
                    print(json.dumps(row), flush=True)
        case ["mixed", count]:
            with planted() as world:
                print(json.dumps(mixed(world, mixture(int(count))), indent=1))
        case ["soak"]:
            soak()
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
