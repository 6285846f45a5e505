"""A supervisor ends its candidate at each limit and says how it ended; no layer of the wall is needed for that."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from sandboxes import alone
from trials import linux

from nnloop.sandbox.wire import ExitInfo

pytestmark = linux

CODE = """
    import base64, json, mmap, os, socket, time
    from sandboxes import bare, request
    from nnloop.records import Limits
    from nnloop.sandbox import wire
    from nnloop.sandbox.supervise import supervise

    def make_work(request, weights):
        def work(report):
            {preparation}
            def run():
                {work}
            return run
        return work

    ours, theirs = socket.socketpair()
    {wall}
    supervisor = os.fork()
    if supervisor == 0:
        ours.close()
        try:
            supervise(theirs, bare({scratch!r}), make_work, start_s={start_s})
        finally:
            os._exit(0)
    theirs.close()
    wire.send(ours, request(limits=Limits({wall_s}, {memory_bytes}, 1000)).to_json())
    assert wire.receive_exactly(ours, 1) == b"!"
    {meanwhile}
    message = wire.receive(ours)
    report = wire.receive_exactly(ours, message["report_bytes"])
    os.waitpid(supervisor, 0)
    print(json.dumps([message, base64.b64encode(report).decode()]))
"""


class Ended:
    """The end of one trial."""

    def __init__(self, folder: Path, work: str, **more: Any) -> None:
        facts: dict[str, Any] = {
            "wall_s": 20.0,
            "memory_bytes": 1 << 30,
            "meanwhile": "pass",
            "wall": "pass",
            "preparation": "pass",
            "start_s": 60.0,
            "scratch": str(folder),
        }
        message, report = json.loads(alone(CODE.format(work=work, **(facts | more))))
        self.exit_info = ExitInfo.from_json(message)
        self.report = base64.b64decode(report)


def test_a_report_and_the_end_of_the_output_come_back(tmp_path: Path) -> None:
    ended = Ended(tmp_path, "os.write(report, b'the report'); print('x' * 5000 + 'last', flush=True)")
    assert (ended.exit_info.cause, ended.exit_info.code, ended.report) == ("exit", 0, b"the report")
    assert ended.exit_info.output == "x" * 995 + "last\n"
    assert ended.exit_info.peak_bytes > 1 << 20


def test_a_scratch_folder_is_there_for_the_trial_and_gone_after_it(tmp_path: Path) -> None:
    ended = Ended(tmp_path, "open('file', 'w').close(); os.write(report, os.getcwd().encode())")
    assert Path(ended.report.decode()).parent == tmp_path
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("work", "code"),
    [("raise SystemExit", 1), ("1 / 0", 1), ("os._exit(7)", 7), ("os.abort()", -6)],
)
def test_a_process_that_dies_is_told_by_its_code(tmp_path: Path, work: str, code: int) -> None:
    ended = Ended(tmp_path, work)
    assert (ended.exit_info.cause, ended.exit_info.code) == ("exit", code)


@pytest.mark.parametrize(
    ("cause", "work", "limit"),
    [
        ("timeout", "time.sleep(100)", {"wall_s": 0.1}),
        ("timeout", "while True: pass", {"wall_s": 0.2}),
        ("flood", "while True: os.write(report, bytes(1 << 16))", {}),
        (
            "memory",
            "m = mmap.mmap(-1, 200 << 20); [m.write(bytes(1 << 20)) for _ in range(200)]; time.sleep(100)",
            {"memory_bytes": 100 << 20},
        ),
        ("disk", "[open(str(i), 'wb').write(b'x' * (1 << 20)) for i in range(3)]; time.sleep(100)", {}),
    ],
)
def test_a_process_beyond_a_limit_is_killed(tmp_path: Path, cause: str, work: str, limit: dict[str, Any]) -> None:
    ended = Ended(tmp_path, work, **limit)
    assert (ended.exit_info.cause, ended.exit_info.code) == (cause, -9)


def test_a_parent_that_hangs_up_cancels_the_trial(tmp_path: Path) -> None:
    ended = Ended(tmp_path, "time.sleep(100)", meanwhile="ours.shutdown(socket.SHUT_WR)")
    assert (ended.exit_info.cause, ended.exit_info.code) == ("cancelled", -9)


def test_a_daemon_that_keeps_the_pipes_open_dies_with_its_trial(tmp_path: Path) -> None:
    work = "os.fork() or (os.setsid(), time.sleep(100))"
    assert Ended(tmp_path, work).exit_info.cause == "exit"


def test_a_wall_that_cannot_be_built_is_broken_and_says_why(tmp_path: Path) -> None:
    ended = Ended(tmp_path, "pass", wall="os.chdir = lambda folder: os.listdir('/no/such/folder')")
    assert (ended.exit_info.cause, ended.report) == ("broken", b"")
    assert ended.exit_info.fault.startswith("FileNotFoundError: ")


@pytest.mark.parametrize(
    ("preparation", "fault"),
    [
        ("raise OSError('no device')", "OSError: no device"),
        ("os._exit(0)", "its process ended before the candidate's code"),
        ("os.kill(os.getpid(), 9)", "its process ended before the candidate's code"),
        ("time.sleep(100)", "the candidate's code was not reached within 0.5 s"),
    ],
)
def test_a_failure_before_the_candidates_code_is_ours(tmp_path: Path, preparation: str, fault: str) -> None:
    ended = Ended(tmp_path, "pass", preparation=preparation, start_s=0.5)
    assert (ended.exit_info.cause, ended.exit_info.fault) == ("broken", fault)


CLAIMS = """
    import os, signal, socket
    from sandboxes import bare, request
    from nnloop.sandbox import wire
    from nnloop.sandbox.supervise import READY, supervise

    def make_work(request, weights):
        return lambda report: lambda: claim(int(request.code), report)

    def claim(end, report):
        for descriptor in (each for each in range(64) if each != report):
            for word in (READY, b"OSError: mount: no", b'{"cause": "broken", "fault": "no"}'):
                try:
                    os.write(descriptor, word)
                except OSError:
                    break
        if end < 256:
            os._exit(end)
        os.kill(os.getpid(), end - 256)

    for end in [*range(0, 256, 5), 113, *(256 + number for number in range(1, signal.SIGRTMAX + 1))]:
        ours, theirs = socket.socketpair()
        if os.fork() == 0:
            ours.close()
            supervise(theirs, bare(SCRATCH), make_work)
            os._exit(0)
        theirs.close()
        wire.send(ours, request(code=str(end), limits=request().limits.from_json(LIMITS)).to_json())
        assert wire.receive_exactly(ours, 1) == b"!"
        message = wire.receive(ours)
        assert (message["cause"], message["fault"]) in (("exit", ""), ("timeout", "")), message
        os.wait()
        ours.close()
    print("done")
"""


def test_no_exit_code_no_signal_and_no_words_claim_our_fault(tmp_path: Path) -> None:
    limits = {"wall_s": 0.3, "memory_bytes": 1 << 30, "output_bytes": 1000}  # some stop themselves
    assert alone(CLAIMS.replace("SCRATCH", repr(str(tmp_path))).replace("LIMITS", repr(limits))) == "done"


def test_where_memory_runs_out_the_kernel_ends_a_candidate_before_its_supervisor(tmp_path: Path) -> None:
    work = "[os.write(report, open(f'/proc/{pid}/oom_score_adj').read().encode()) for pid in (os.getppid(), 'self')]"
    supervisor, candidate = Ended(tmp_path, work).report.split()
    assert int(supervisor) < int(candidate) == 1000
