"""The warm process holds no secret, survives its trials and ends with its parent."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sandboxes import request
from trials import left_behind, linux, network, trial, zygotes

from nnloop.executor.local import LocalExecutor
from nnloop.records import Status
from nnloop.sandbox import wire, zygote
from nnloop.sandbox.supervise import Work
from nnloop.sandbox.wire import ExitInfo, TrialRequest


@linux
def test_one_warm_process_serves_all_trials_and_its_supervisors_leave(executor: LocalExecutor) -> None:
    executor.submit(trial(network())).result()
    before = zygotes()
    assert executor.submit(trial(network())).result().status is Status.OK
    assert zygotes() == before
    assert left_behind() == []


@linux
def test_the_environment_of_a_warm_process_holds_nothing_but_its_own(executor: LocalExecutor) -> None:
    executor.submit(trial(network())).result()
    (pid,) = zygotes()
    names = {part.split("=")[0] for part in Path(f"/proc/{pid}/environ").read_text().split("\0") if part}
    own = (
        "PATH",
        "LANG",
        "LC_",
        "LD_LIBRARY_PATH",
        "CUDA_",
        "NVIDIA_",
        "TMPDIR",
        "PYTHON",
        "MALLOC_",
        "OMP_NUM_THREADS",
    )
    assert [
        name for name in names if not name.startswith((*own, "PYTORCH_NVML", "TORCHDYNAMO", "GLIBC_TUNABLES"))
    ] == []


@pytest.mark.parametrize("message", [b"", b"\x07"], ids=["nothing", "a torn message"])
def test_a_parent_that_hangs_up_ends_it(message: bytes) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", "nnloop.sandbox.zygote", str(theirs.fileno())]
        with subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL) as process:
            ours.sendall(message)
            ours.close()
            theirs.close()
            assert process.wait(60) == (1 if message else 0)


def test_an_inline_trial_answers_as_a_supervised_one_does() -> None:
    parent, theirs = socket.socketpair()
    ours, connection = socket.socketpair()
    asked: list[TrialRequest] = []

    def make_work(wanted: TrialRequest, weights: bytes) -> Work:
        asked.append(wanted)
        return lambda report: lambda: wire.write_all(report, b"the report" + weights)

    with parent, theirs, ours:
        socket.send_fds(parent, [b"t"], [connection.fileno()])
        connection.close()
        wire.send(ours, request(weights_bytes=3).to_json())
        ours.sendall(b"123")
        zygote._run_inline(theirs, make_work)
        assert wire.receive_exactly(ours, 1) == b"!"
        message = wire.receive(ours)
        assert message is not None
        exit_info = ExitInfo.from_json(message)
        assert (exit_info.cause, exit_info.code) == ("exit", 0)
        assert wire.receive_exactly(ours, exit_info.report_bytes) == b"the report123"
    assert asked == [request(weights_bytes=3)]
