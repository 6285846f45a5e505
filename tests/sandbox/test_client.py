"""The parent's side: a trial's outcome comes back, and a warm process that is gone is said to be gone."""

import sys

import numpy as np
import pytest
from sandboxes import request
from trials import network, trial

from nnloop.errors import InfrastructureError
from nnloop.executor.local import LocalExecutor
from nnloop.sandbox.client import Zygote
from nnloop.sandbox.config import SandboxConfig

CONFIG = SandboxConfig(hidden=[], without=[], scratch_mb=1, logit_bytes=100)
PIXELS = np.zeros((2, 1, 2, 2), dtype=np.uint8)
ARRAYS = [PIXELS, np.zeros(2, dtype=np.int64), PIXELS, PIXELS]


def test_an_outcome_has_the_end_the_report_and_the_seconds(executor: LocalExecutor) -> None:
    executor.submit(trial(network())).result()
    outcome = executor._zygote.run(request(code=network(init="print('hello', flush=True); 1 / 0")))
    assert (outcome.exit_info.cause, outcome.exit_info.code, outcome.exit_info.output) == ("exit", 0, "hello\n")
    assert outcome.report.startswith(b'{"event": "unfit"')
    assert 0 < outcome.seconds < 60


def test_a_warm_process_that_ends_at_once_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InfrastructureError, match=r"^the warm process: "):
        Zygote(CONFIG, ARRAYS)


def test_the_last_words_of_a_warm_process_are_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'ImportError: no torch' >&2\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(InfrastructureError, match=r"^the warm process: .*: ImportError: no torch$"):
        Zygote(CONFIG, ARRAYS)


def test_a_closed_warm_process_is_dead_and_runs_nothing() -> None:
    zygote = Zygote(CONFIG, ARRAYS)
    assert zygote.alive()
    zygote.close()
    assert not zygote.alive()
    with pytest.raises(InfrastructureError, match="the warm process: "):
        zygote.run(request())
