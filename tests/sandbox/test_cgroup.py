"""Control groups: plain folders stand for the kernel's, and the kernel's own are used where it lets us."""

import subprocess
import sys
from pathlib import Path

import pytest
from sandboxes import alone

from nnloop.sandbox import cgroup
from nnloop.sandbox.cgroup import Group, Home


@pytest.fixture(params=[1, 2])
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Home:
    folders = [tmp_path / name for name in (("memory", "pids", "cpu") if request.param == 1 else ("all",) * 3)]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    return Home(str(folders[0]), str(folders[1]), request.param, cpu=str(folders[2]))


def test_a_group_has_its_limits_and_its_processes(home: Home) -> None:
    group = Group(home, "one", memory_bytes=1 << 20, processes=5, cores=0.5)
    group.add(4711)
    memory, pids = Path(home.memory, "one"), Path(home.pids, "one")
    limit = {1: "memory.limit_in_bytes", 2: "memory.max"}[home.version]
    assert ((memory / limit).read_text(), (pids / "pids.max").read_text()) == (str(1 << 20), "5")
    file, share = {1: ("cpu.cfs_quota_us", "50000"), 2: ("cpu.max", "50000 100000")}[home.version]
    assert Path(home.cpu, "one", file).read_text() == share
    assert group.shares_cpu
    assert (memory / "cgroup.procs").read_text() == (pids / "cgroup.procs").read_text() == "4711"


@pytest.mark.parametrize(("count", "killed"), [("0", False), ("2", True)])
def test_the_kernels_count_tells_that_memory_ran_out(home: Home, count: str, killed: bool) -> None:
    group = Group(home, "one", memory_bytes=1 << 20, processes=5, cores=0.5)
    file = {1: "memory.oom_control", 2: "memory.events"}[home.version]
    assert not group.out_of_memory()
    Path(home.memory, "one", file).write_text(f"oom_kill_disable 1\noom_kill {count}\n")
    assert group.out_of_memory() is killed


def test_a_group_that_cannot_be_limited_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="one"):
        Group(Home(str(tmp_path / "none"), str(tmp_path / "none"), 2), "one", memory_bytes=1, processes=1, cores=1.0)


def test_sweeping_removes_the_groups_of_one_name(home: Home) -> None:
    for folder in {home.memory, home.pids, home.cpu}:
        for name in ("mine-1", "mine-2", "other"):
            Path(folder, name).mkdir()
    cgroup.sweep(home, "mine-")
    assert {path.name for folder in (home.memory, home.pids, home.cpu) for path in Path(folder).iterdir()} == {"other"}


HUNGRY = """
    import subprocess, sys
    from nnloop.sandbox import cgroup

    home = cgroup.find()
    assert home == next((each for each in cgroup._homes() if cgroup._usable(each)), None)
    if home is None:
        print("none")
        raise SystemExit
    group = cgroup.Group(home, "nnloop-test-{name}", memory_bytes=32 << 20, processes=64, cores=1.0)
    hungry = "input(); print(len(b'x' * (200 << 20)))"
    child = subprocess.Popen([sys.executable, "-c", hungry], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    group.add(child.pid)
    child.communicate(b"\\n")
    print(child.returncode, group.out_of_memory())
    group.remove()
    print(cgroup._removed(group._memory))
"""


def test_the_kernel_kills_a_process_that_takes_more_than_its_group_may(tmp_path: Path) -> None:
    said = alone(HUNGRY.format(name=tmp_path.name)).splitlines()
    if said == ["none"]:
        pytest.skip("this user can make no control groups")
    assert said == ["-9 True", "True"]


def test_removing_a_group_kills_its_processes(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        (tmp_path / "cgroup.procs").write_text(str(child.pid))
        cgroup._kill_all(str(tmp_path))
        assert child.wait() == -9
