"""Signals end a search in order: in a grace time, or at once where nothing has to be finished."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from nnloop.stop import Interrupted, Stop


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def interrupted_after(steps: Callable[[Stop], Iterator[str]], grace_s: float = 10.0) -> list[str]:
    """Run the steps until they are interrupted; return those that were reached."""
    reached: list[str] = []
    with pytest.raises(Interrupted):
        _run(steps, grace_s, reached)
    return reached


def _run(steps: Callable[[Stop], Iterator[str]], grace_s: float, reached: list[str]) -> None:
    with Stop(grace_s) as stop:
        reached.extend(iter(steps(stop)))


def test_outside_of_the_grace_a_signal_interrupts_where_it_arrives() -> None:
    def steps(stop: Stop) -> Iterator[str]:
        yield "begun"
        interrupt()
        yield "gone on"

    assert interrupted_after(steps) == ["begun"]


def test_within_the_grace_the_code_goes_on_and_its_end_interrupts() -> None:
    def steps(stop: Stop) -> Iterator[str]:
        with stop.grace():
            interrupt()
            yield f"requested: {stop.requested}"
        yield "gone on"

    assert interrupted_after(steps) == ["requested: True"]


def test_a_look_at_a_requested_stop_interrupts() -> None:
    def steps(stop: Stop) -> Iterator[str]:
        with stop.grace():
            stop.obey()
            yield "nothing requested"
            interrupt()
            stop.obey()
            yield "gone on"

    assert interrupted_after(steps) == ["nothing requested"]


def test_a_wait_is_left_when_the_grace_time_is_over() -> None:
    def steps(stop: Stop) -> Iterator[str]:
        with stop.grace():
            interrupt()
            with stop.waiting():
                time.sleep(30)
                yield "waited"

    started = time.monotonic()
    assert interrupted_after(steps, grace_s=0.1) == []
    assert time.monotonic() - started < 5


def test_no_item_passes_after_a_signal() -> None:
    def steps(stop: Stop) -> Iterator[str]:
        with stop.grace():
            for item in stop.until_requested(iter("abcd")):
                yield item
                if item == "b":
                    interrupt()

    assert interrupted_after(steps) == ["a", "b"]


def test_without_a_signal_everything_passes_and_the_old_handlers_return() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Stop(10.0) as stop, stop.grace():
        assert list(stop.until_requested(iter("abc"))) == ["a", "b", "c"]
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_second_interrupt_ends_at_once() -> None:
    code = (
        "import os, signal, time; from nnloop.stop import Interrupted, Stop\n"
        "with Stop(1000.0) as stop, stop.grace():\n"
        "    os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGINT); time.sleep(1000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 130
    assert "SIGINT: trials in flight get 1000 s; Ctrl-C ends at once" in done.stderr


def test_in_a_program_of_the_user_s_a_second_interrupt_ends_the_search_alone() -> None:
    def twice() -> None:
        with Stop(1000.0, owns_process=False) as stop, stop.grace():
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.requested
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1000)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted):
        twice()
    assert signal.getsignal(signal.SIGINT) is before


def test_an_alarm_of_the_program_rings_in_a_search_and_is_set_again_after_a_stop() -> None:
    rung: list[int] = []
    left = signal.getitimer(signal.ITIMER_REAL)
    before = signal.signal(signal.SIGALRM, lambda number, _: rung.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with Stop(10.0), Stop(10.0).grace():
            time.sleep(0.05)
        assert rung == [signal.SIGALRM]
        signal.setitimer(signal.ITIMER_REAL, 500.0)
        with pytest.raises(Interrupted), Stop(10.0) as stop, stop.grace():
            interrupt()
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 400
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *left)
