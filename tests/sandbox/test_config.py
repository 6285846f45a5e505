"""A probed sandbox is the one that was asked for, as far as the machine has it, and cleans up after itself."""

import json
from pathlib import Path

from sandboxes import alone, bare
from trials import linux

from nnloop.sandbox.cgroup import Home
from nnloop.sandbox.config import ProbedSandbox, group_prefix

HIDDEN = "/sys/devices/system/cpu/online"
CODE = """
    import json
    from nnloop.sandbox.config import SandboxConfig, probe

    print(json.dumps(probe(SandboxConfig(hidden={hidden}, scratch_mb=1, logit_bytes=1, **{asked})).to_json()))
"""


def probed(**asked: object) -> ProbedSandbox:
    return ProbedSandbox.from_json(json.loads(alone(CODE.format(asked=asked, hidden=[HIDDEN]))))


def test_inline_has_no_layer() -> None:
    sandbox = probed(without=[], inline=True)
    assert (str(sandbox.layers), sandbox.groups, sandbox.scratch) == ("none", None, "")


@linux
def test_layers_that_are_to_be_left_off_are_off_and_scratch_folders_take_the_place_of_a_root() -> None:
    sandbox = probed(without=["root", "cgroup"])
    assert (sandbox.layers.root, sandbox.layers.cgroup, sandbox.groups) == (False, False, None)
    assert sandbox.layers.seccomp
    assert sandbox.view.hidden == [HIDDEN]
    assert Path(sandbox.scratch).is_dir()
    sandbox.remove_leftovers(1)
    assert not Path(sandbox.scratch).exists()


def test_a_sandbox_survives_json() -> None:
    sandbox = bare("/scratch")
    assert ProbedSandbox.from_json(json.loads(json.dumps(sandbox.to_json()))) == sandbox


def test_leftover_groups_of_this_warm_process_alone_are_removed(tmp_path: Path) -> None:
    for name in (f"{group_prefix(7)}1", f"{group_prefix(77)}1"):
        (tmp_path / name).mkdir()
    json_form = bare("").to_json() | {"groups": Home(str(tmp_path), str(tmp_path), 2).to_json()}
    ProbedSandbox.from_json(json_form).remove_leftovers(7)
    assert [path.name for path in tmp_path.iterdir()] == [f"{group_prefix(77)}1"]
