"""job=watch: what is wrong is told in one line, and Ctrl-C ends it in one line."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from fake_run import make_run

from nnloop.errors import RunFolderError, UserError
from nnloop.jobs import watch


@pytest.mark.parametrize(
    ("runs", "message"), [("nowhere", "runs=nowhere: no such folder"), (".", "no run folder there yet")]
)
def test_a_folder_without_a_run_is_told(
    runs: str, message: str, configure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFolderError, match=re.escape(message)):
        watch.run(configure("job=watch", f"runs={runs}"), tmp_path, io.StringIO())


def test_a_port_in_use_is_told_with_the_remedy(configure: Any, tmp_path: Path) -> None:
    make_run(tmp_path / "run", cycles=1, candidates=2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = configure("job=watch", f"runs={tmp_path}", f"job.port={port}")
        with pytest.raises(UserError, match=f"job.port={port}: is in use; .*job.port=0"):
            watch.run(settings, tmp_path, io.StringIO())


def test_the_address_is_told_and_ctrl_c_ends_with_one_line(tmp_path: Path) -> None:
    make_run(tmp_path / "outputs" / "run", cycles=1, candidates=2)
    command = [sys.executable, "-m", "nnloop", "job=watch", "runs=outputs", "job.port=0"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    assert process.stdout is not None
    told = process.stdout.readline()
    address = re.search(r"watching 1 run: (http://127\.0\.0\.1:\d+/\S{20,}/)$", told)
    assert address, told
    assert "ssh -L" in process.stdout.readline()
    with urllib.request.urlopen(address[1], timeout=20) as page:
        assert page.status == 200
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == ("stopped watching; the searches go on\n", "", 0)
