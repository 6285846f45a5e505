"""Pieces of a sandbox for tests, and a process to confine: nothing that a layer takes away comes back."""

import os
import subprocess
import sys
from dataclasses import replace
from textwrap import dedent
from typing import Any

from paths import ROOT, SUPPORT

from nnloop.records import Limits
from nnloop.sandbox.config import ProbedSandbox, SandboxConfig
from nnloop.sandbox.layers import Layers
from nnloop.sandbox.view import View
from nnloop.sandbox.wire import TrialRequest
from nnloop.training.recipe import Recipe

RECIPE = Recipe(
    classes=4, mean=[0.5], std=[0.25], epochs=1, batch_size=8, lr=0.1, momentum=0.9, clip_norm=0.0, dropout=0.2
)
FULL = Layers(True, True, True, True, True, True, True, True, 6, True, True)


def request(**changes: Any) -> TrialRequest:
    """A trial of four classes with nine seconds."""
    plain = TrialRequest("", 0, RECIPE, limits=Limits(9.0, 1 << 30, 1000), max_params=None)
    return replace(plain, **changes)


def bare(scratch: str, scratch_mb: int = 1, logit_bytes: int = 100) -> ProbedSandbox:
    """A sandbox with no layer in force, whose trials' scratch folders lie in `scratch`."""
    config = SandboxConfig(hidden=[], without=[], scratch_mb=scratch_mb, logit_bytes=logit_bytes)
    view = View(readable=[], links=[], listed=[], hidden=[], parts=[], devices=[])
    return ProbedSandbox(config, Layers(), view, groups=None, scratch=scratch)


def alone(code: str) -> str:
    """Run a piece of Python in a process of its own and return the text that it prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, SUPPORT)))}
    command = [sys.executable, "-c", dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
