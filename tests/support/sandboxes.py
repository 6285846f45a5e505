"""Pieces of a sandbox for tests that need no warm process."""

from dataclasses import replace
from typing import Any

from recipes import recipe

from nnloop.records import Limits
from nnloop.sandbox.config import ProbedSandbox, SandboxConfig
from nnloop.sandbox.layers import Layers
from nnloop.sandbox.view import View
from nnloop.sandbox.wire import TrialRequest

FULL = Layers(True, True, True, True, True, True, True, True, 6, True, True)


def request(**changes: Any) -> TrialRequest:
    """A trial of four classes with nine seconds."""
    plain = TrialRequest("", 0, replace(recipe(), classes=4), limits=Limits(9.0, 1 << 30, 1000), max_params=None)
    return replace(plain, **changes)


def bare(scratch: str, scratch_mb: int = 1, logit_bytes: int = 100) -> ProbedSandbox:
    """A sandbox with no layer in force, whose trials' scratch folders lie in `scratch`."""
    config = SandboxConfig(hidden=(), without=(), scratch_mb=scratch_mb, logit_bytes=logit_bytes)
    view = View(readable=(), hidden=(), parts=(), devices=())
    return ProbedSandbox(config, Layers(), view, groups=None, scratch=scratch)
