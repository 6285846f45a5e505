"""The layers of the wall: which of them a machine has, and the meaning of a missing one."""

import os

import pytest
from sandboxes import FULL, alone
from trials import linux

from nnloop.sandbox.layers import Layers, probe
from nnloop.sandbox.view import make_view


def test_layers_say_what_is_missing_and_what_a_candidate_could_reach() -> None:
    assert (FULL.missing(), FULL.leaks()) == ([], [])
    assert FULL.without(["net"]).leaks() == []  # seccomp refuses sockets as well
    assert FULL.without(["net", "seccomp"]).leaks() == ["the network"]
    assert FULL.without(["user", "landlock"]).leaks() == ["your files", "other processes"]
    assert str(FULL.without(["user"])) == "no_new_privs+seccomp+rlimits+cgroup+landlock6"


def test_layers_survive_json() -> None:
    assert Layers.from_json(FULL.to_json()) == FULL


def test_control_groups_are_in_force_only_where_they_were_found() -> None:
    layers = probe(make_view(()), groups=False)
    assert not layers.cgroup
    assert layers.rlimits


@linux
def test_every_kernel_has_no_new_privs_and_the_filter() -> None:
    layers = probe(make_view(()), groups=False)
    assert layers.no_new_privs
    assert layers.seccomp


ENTERED = """
    import os
    from nnloop.sandbox.layers import Layers, enter

    spaces = ("user", "net", "uts")
    before = [os.readlink(f"/proc/self/ns/{name}") for name in spaces]
    try:
        enter(Layers(user=True, net=True))
    except OSError:
        print("none")
        raise SystemExit
    after = [os.readlink(f"/proc/self/ns/{name}") for name in spaces]
    print(*(one != other for one, other in zip(before, after)), os.getuid())
"""


@linux
def test_entering_leaves_the_namespaces_of_the_layers_and_no_other() -> None:
    said = alone(ENTERED)
    if said == "none":
        pytest.skip("this machine has no user namespaces")
    assert said == f"True True False {os.getuid()}"
