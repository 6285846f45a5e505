"""Every hostile network ends as it says, alone, and leaves nothing behind, as this user and as one without rights.

`make attacks` writes how long each takes and its leftovers into nnloop/sandbox/ATTACKS.md.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import hostile
import pytest
from hostile import ATTACKS, Attack
from planted import World, planted
from trials import left_behind, linux, network, trial

from nnloop.executor.local import LocalExecutor
from nnloop.records import Status, TrialResult

RECOVERY_MS = 3000  # on a busy machine; ATTACKS.md has the times of an idle one
FAST = [attack for attack in ATTACKS if attack.proxy == "fast"]
pytestmark = linux


@pytest.fixture(scope="module")
def world(cache: Path) -> Iterator[World]:
    with planted() as there:
        yield there


@pytest.fixture(scope="module")
def walled(world: World) -> Iterator[LocalExecutor]:
    with hostile.start(2, "fast") as executor:
        executor.submit(trial(network())).result()
        world.snapshot()
        yield executor


@pytest.fixture(scope="module")
def judged(walled: LocalExecutor, world: World) -> dict[str, Future[TrialResult]]:
    """Every attack's trial, all queued at once, and an honest trial after them."""
    ended = {attack.name: walled.submit(attack.trial(world)) for attack in FAST}
    ended["honest"] = walled.submit(trial(network()))
    return ended


@pytest.mark.parametrize("attack", FAST, ids=lambda attack: attack.name)
def test_an_attack_ends_as_stated(attack: Attack, judged: dict[str, Future[TrialResult]]) -> None:
    result = judged[attack.name].result()
    if "seccomp" not in result.sandbox or "root" not in result.sandbox:
        pytest.skip(f"this machine has only {result.sandbox}")
    assert attack.ended_as_stated(result), result
    assert len(result.reason) <= 300
    assert result.reason.isprintable()


def test_an_honest_trial_after_the_attacks_is_unaffected(
    judged: dict[str, Future[TrialResult]], walled: LocalExecutor
) -> None:
    assert judged["honest"].result().status is Status.OK
    again = walled.submit(trial(network())).result()
    assert again.val_accuracy == judged["honest"].result().val_accuracy


def test_nothing_outside_the_scratch_folder_has_changed(judged: dict[str, Future[TrialResult]], world: World) -> None:
    for future in judged.values():
        future.result()
    assert world.changes() == []


def test_no_process_outlives_its_trial(judged: dict[str, Future[TrialResult]]) -> None:
    for future in judged.values():
        future.result()
    assert left_behind() == []


def test_no_descriptor_outlives_its_trial(walled: LocalExecutor, judged: dict[str, Future[TrialResult]]) -> None:
    for future in judged.values():
        future.result()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        walled.submit(trial(network(init="1 / 0"))).result()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_world_that_was_changed_says_so(tmp_path: Path) -> None:
    with World(tmp_path / "base") as world:
        assert world.changes() == []
        (tmp_path / "base/run/archive.jsonl").write_text("{}")
        (tmp_path / "base/home/.bashrc").write_text("")
        assert [Path(path).name for path in world.changes()] == [".bashrc", "archive.jsonl"]


def test_the_table_of_attacks_is_up_to_date() -> None:
    rows = [line.split(" | ") for line in hostile.TABLE.read_text().splitlines() if line.startswith("| ")][1:]
    stated = [[f"| {attack.name}", attack.claim, attack.status] for attack in ATTACKS]
    assert [row[:3] for row in rows] == stated, "run `make attacks`"
    assert all(int(row[3]) < RECOVERY_MS for row in rows)
    fast = [row for row, attack in zip(rows, ATTACKS, strict=True) if attack.proxy == "fast"]
    assert [row[4] for row in fast] == [row[2] for row in fast]
    assert all(row[5].rstrip(" |") for row in fast)


def _problems(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if not row["as_stated"] or row["changes"] or row.get("recovery_ms", 0) > RECOVERY_MS]


@pytest.mark.long
def test_own_training_loops_are_held_to_one_pass(world: World) -> None:
    assert _problems(hostile.measure(world, lambda attack: attack.proxy == "lemur")) == []


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; without it the tests above were his")
def test_the_attacks_end_alike_for_an_unprivileged_user() -> None:
    """Those that reach out; `make attacks` runs all."""
    rows = hostile.as_a_user("outward")
    assert len(rows) == len([attack for attack in FAST if attack.reaches_out()]) > 50
    assert _problems(rows) == []


@pytest.mark.long
def test_filter_and_landlock_hold_where_there_are_no_namespaces(world: World) -> None:
    """Of the attacks on the machine and the user's files none gets through; how they end may differ."""
    rows = hostile.together(world, hostile.OUTWARD, hostile.LANDLOCK_ALONE)
    assert [row for row in rows if hostile.got_through(row)] == []


def _leftovers(counts: dict[str, Any]) -> list[object]:
    """List everything that trials left behind, and every wrong end."""
    left = [*counts["wrong"], *counts["processes"], *counts["changes"], *counts["groups"]]
    left += ["another warm process"] * (not counts["same_zygote"])
    names = ("parent_descriptors", "zygote_descriptors")
    return left + [name for name in names if counts["after"][name] > counts["before"][name]]


@pytest.mark.long
def test_many_trials_a_third_of_them_hostile_leave_nothing_behind(world: World) -> None:
    counts = hostile.mixed(world, hostile.mixture(60))
    assert _leftovers(counts) == []
    assert counts["trials"] == 60
