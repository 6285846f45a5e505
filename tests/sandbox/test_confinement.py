"""A confined process has a clean environment, few descriptors and hard limits, without any namespace too."""

import json
import os
from pathlib import Path

import pytest
from sandboxes import alone
from trials import linux

CODE = """
    import json, os, resource
    from dataclasses import replace
    from sandboxes import bare
    from nnloop.records import Limits
    from nnloop.sandbox.confinement import Confinement, confine
    from nnloop.sandbox.layers import Layers

    os.environ["SECRET"] = "1"
    os.environ["OMP_NUM_THREADS"] = "3"
    spared, other = os.open("/dev/null", os.O_RDONLY), os.open("/dev/null", os.O_RDONLY)
    sandbox = replace(bare({scratch!r}), layers=Layers({layers}))
    confine(Confinement(sandbox, Limits(10.0, 1 << 30), 1.0, {scratch!r}), open_descriptors={{spared}})

    def is_open(descriptor):
        try:
            os.fstat(descriptor)
            return True
        except OSError:
            return False

    def attempt(path, mode="r"):
        try:
            open(path, mode).close()
            return True
        except OSError:
            return False

    print(json.dumps({{
        "cwd": os.getcwd(),
        "environment": dict(os.environ),
        "open": [is_open(spared), is_open(other)],
        "cpu_s": resource.getrlimit(resource.RLIMIT_CPU)[0],
        "file_bytes": resource.getrlimit(resource.RLIMIT_FSIZE)[1],
        "outside": attempt({outside!r}),
        "inside": attempt({scratch!r} + "/new", "w"),
    }}))
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "outside").write_text("")
    (tmp_path / "scratch").mkdir()
    return tmp_path.resolve() / "scratch"


def confined(scratch: Path, layers: str = "") -> dict[str, object]:
    code = CODE.format(scratch=str(scratch), outside=str(scratch.parent / "outside"), layers=layers)
    facts: dict[str, object] = json.loads(alone(code))
    return facts


def test_limits_environment_and_descriptors_hold_without_any_layer(scratch: Path) -> None:
    facts = confined(scratch)
    environment = facts["environment"]
    assert isinstance(environment, dict)
    assert "SECRET" not in environment
    assert (environment["HOME"], environment["OMP_NUM_THREADS"]) == (str(scratch), "3")
    assert (facts["cwd"], facts["open"]) == (str(scratch), [True, False])
    assert (facts["cpu_s"], facts["file_bytes"]) == (15 + (os.cpu_count() or 1), 1 << 20)
    assert (facts["outside"], facts["inside"]) == (True, True)


@linux
def test_landlock_and_the_filter_leave_the_scratch_folder(scratch: Path) -> None:
    facts = confined(scratch, "no_new_privs=True, seccomp=True, landlock=1")
    assert (facts["outside"], facts["inside"]) == (False, True)
