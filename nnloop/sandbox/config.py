"""The sandbox that an executor asks for, and the sandbox that this machine can give it."""

import tempfile
from dataclasses import dataclass

from nnloop.json_record import Record
from nnloop.sandbox import cgroup, layers
from nnloop.sandbox.scratch import remove
from nnloop.sandbox.view import View, make_view


@dataclass(frozen=True, slots=True)
class SandboxConfig(Record):
    """The settings that all trials of an executor share."""

    hidden: list[str]  # folders that no candidate may see
    without: list[str]  # layers to leave off
    scratch_mb: int  # size of a candidate's scratch folder
    logit_bytes: int  # size of the logits that a trial has to return
    inline: bool = False  # run one trial in the warm process itself, with no wall


@dataclass(frozen=True, slots=True)
class ProbedSandbox(Record):
    """A SandboxConfig, and this machine's means for it."""

    config: SandboxConfig
    layers: layers.Layers
    view: View
    groups: cgroup.Home | None  # None: no control groups
    scratch: str  # folder for the trials' scratch folders; empty if every trial has a root of its own

    def remove_leftovers(self, warm_pid: int) -> None:
        """Remove the control groups and scratch folders that killed supervisors of a warm process have left."""
        if self.groups:
            cgroup.sweep(self.groups, group_prefix(warm_pid))
        if self.scratch:
            remove(self.scratch)


def probe(config: SandboxConfig) -> ProbedSandbox:
    """Find out which layers of the wall this machine allows."""
    view = make_view(config.hidden)
    if config.inline:
        return ProbedSandbox(config, layers.Layers(), view, groups=None, scratch="")
    groups = None if "cgroup" in config.without else cgroup.find()
    available = layers.probe(view, groups is not None).without(config.without)
    scratch = "" if available.root else tempfile.mkdtemp(prefix="nnloop-")
    return ProbedSandbox(config, available, view, groups=groups, scratch=scratch)


def group_prefix(warm_pid: int) -> str:
    """Return the prefix of the names of a warm process's control groups."""
    return f"nnloop-{warm_pid}-"
