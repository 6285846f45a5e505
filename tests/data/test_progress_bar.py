"""Progress bars."""

import os
import pty
import sys

import pytest

from nnloop.data.progress_bar import bar

SHOW_CURSOR = b"\x1b[?25h"  # the last thing that a bar writes


def shown(monkeypatch: pytest.MonkeyPatch, in_bytes: bool) -> str:
    """Show a bar that is half done on a terminal, and return what came there."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        with bar("preparing", in_bytes=in_bytes) as advance:
            advance(500, 1000)
        text = b""
        while SHOW_CURSOR not in text:
            text += os.read(ours, 1 << 16)
    os.close(ours)
    return text.decode()


@pytest.mark.parametrize(("in_bytes", "progress"), [(False, "500/1000"), (True, "0.5/1.0 kB")])
def test_a_bar_says_on_a_terminal_how_far_the_work_is(
    in_bytes: bool, progress: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown(monkeypatch, in_bytes)
    assert "preparing" in text
    assert progress in text


def test_nothing_is_shown_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("preparing") as advance:
        advance(500, 1000)
    assert capsys.readouterr().err.strip() == ""
