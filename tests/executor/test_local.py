"""Trials on this machine, for real: in parallel, repeatable, and none lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from paths import ROOT
from trials import left_behind, linux, network, trial, zygotes

from nnloop import build, data
from nnloop.errors import SettingsError, UserError
from nnloop.executor.local import LocalExecutor
from nnloop.records import Status
from nnloop.settings import Settings

Configure = Callable[..., Settings]
SLEEP = network(init="__import__('time').sleep(1000)")


def start(configure: Configure, *overrides: str) -> LocalExecutor:
    settings = configure("dataset=digits", *overrides)
    return build.make_executor(settings, data.load(settings.dataset), Path())


def test_a_trial_fills_the_whole_result(executor: LocalExecutor) -> None:
    result = executor.submit(trial(network())).result()
    assert (result.status, result.reason, result.params, result.flops) == (Status.OK, "", 650, 1280)
    assert (result.precision, result.memory_format) == ("float32", "channels_last")
    assert result.val_accuracy is not None
    assert result.test_accuracy is not None
    assert min(result.val_accuracy, result.test_accuracy) > 0.4
    assert result.train_loss is not None
    assert 0 < result.train_loss < 3
    assert 0 < result.seconds < 60
    assert result.peak_bytes is not None
    assert result.peak_bytes > 1 << 26
    assert result.sandbox == executor.layers != ""


def test_the_same_seed_gives_the_same_result_and_another_another(executor: LocalExecutor) -> None:
    code = network(init="self.drop = nn.Dropout(0.1)", forward="x = self.drop(x)")
    first, again, other = (executor.submit(trial(code, seed=seed)) for seed in (3, 3, 4))
    assert first.result().train_loss == again.result().train_loss
    assert first.result().val_accuracy == again.result().val_accuracy
    assert first.result().train_loss != other.result().train_loss


def test_too_many_parameters_are_rejected_untrained(executor: LocalExecutor) -> None:
    result = executor.submit(trial(network(init="self.more = nn.Linear(1000, 1000)"))).result()
    assert (result.status, result.params) == (Status.REJECTED, 1_001_650)
    assert result.reason == "1,001,650 parameters, 1,000,000 are allowed"
    assert result.val_accuracy is None


def test_trials_run_side_by_side(executor: LocalExecutor) -> None:
    pair = [executor.submit(trial(SLEEP, wall_s=1.0)) for _ in range(2)]
    started = time.monotonic()
    assert {future.result().status for future in pair} == {Status.TIMEOUT}
    assert time.monotonic() - started < 7.5


def test_the_time_limit_is_kept(executor: LocalExecutor) -> None:
    result = executor.submit(trial(SLEEP, wall_s=1.0)).result()
    assert result.reason == "stopped after 4 s while building"
    assert 4.0 <= result.seconds < 6.0


@linux
def test_a_trial_whose_warm_process_dies_is_run_again(executor: LocalExecutor) -> None:
    executor.submit(trial(network())).result()
    slow = executor.submit(trial(network(init="__import__('time').sleep(1)")))
    (zygote,) = zygotes()
    time.sleep(0.3)
    os.kill(zygote, signal.SIGKILL)
    assert slow.result().status is Status.OK
    assert zygotes() != [zygote]


def test_closing_ends_what_runs_and_drops_what_waits(configure: Configure) -> None:
    executor = start(configure, "executor.workers=1")
    running, waiting = (executor.submit(trial(SLEEP, wall_s=500.0)) for _ in range(2))
    started = time.monotonic()
    executor.close()
    assert time.monotonic() - started < 10
    assert running.result().status is Status.INFRASTRUCTURE
    assert waiting.cancelled()


def test_starting_an_executor_imports_no_torch_here() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests/support'); from paths import CONF; from hydra import *; "
        "from nnloop import build, data; from nnloop.settings.load import load; "
        "initialize_config_dir(str(CONF), version_base='1.3'); s = load(compose('config', ['dataset=digits'])); "
        "build.make_executor(s, data.load(s.dataset), None).close(); "
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@linux
def test_strict_refuses_where_a_candidate_could_get_out(configure: Configure) -> None:
    with pytest.raises(UserError, match=r"^sandbox=strict: .*could reach the network and your files") as caught:
        start(configure, "sandbox=strict", "sandbox.without=[user,seccomp,landlock]")
    assert "\n" not in str(caught.value)


def test_an_unknown_layer_is_refused(configure: Configure) -> None:
    with pytest.raises(SettingsError, match=r"sandbox.without=moat: must be one of user, pid"):
        start(configure, "sandbox.without=[moat]")


def test_inline_runs_a_trial_with_no_wall(configure: Configure) -> None:
    with start(configure, "sandbox=inline") as executor:
        assert (executor.layers, executor.workers) == ("inline", 1)
        result = executor.submit(trial(network())).result()
    assert (result.status, result.sandbox) == (Status.OK, "inline")


@linux
def test_without_namespaces_filter_or_landlock_a_daemon_still_dies_with_its_trial(
    configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    daemon = network(
        init="import os, time\n        if os.fork() == 0:\n            os.setsid()\n"
        "            if os.fork() == 0:\n                time.sleep(1000)\n            os._exit(0)"
    )
    with start(configure, "executor.workers=1", "sandbox.without=[user,seccomp,landlock]") as executor:
        assert [record.levelname for record in caplog.records if "lacks user, pid, net" in record.message] == [
            "WARNING"
        ]
        assert executor.submit(trial(daemon, wall_s=20.0)).result().status is Status.OK
        assert left_behind() == []
        assert executor.submit(trial(network())).result().status is Status.OK
