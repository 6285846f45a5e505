"""An asynchronous iterator in a thread of its own, so that a signal ends the wait for its next item at once."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

CLOSE_S = 2.0  # for what is under way to be cancelled; the thread does not keep the process from ending

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Last:
    """The end of the items, by an error or without one."""

    error: BaseException | None


def in_background(items: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    """Yield the items that an asynchronous iterator makes in a daemon thread; closing this one cancels that one."""
    made: SimpleQueue[T | _Last] = SimpleQueue()
    runner = asyncio.Runner()
    loop = runner.get_loop()
    thread = Thread(target=_make, args=(runner, items, made), name="in background", daemon=True)
    thread.start()
    try:
        while not isinstance(item := made.get(), _Last):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        with suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(_cancel_all, loop)
        thread.join(CLOSE_S)


def _make(runner: asyncio.Runner, items: AsyncGenerator[T, None], made: SimpleQueue[T | _Last]) -> None:
    """Put the items into the queue, and then how they ended. Runs in the thread."""

    async def put() -> None:
        async with aclosing(items):
            async for item in items:
                made.put(item)

    error: BaseException | None = None
    try:
        with runner:
            runner.run(put())
    except BaseException as raised:  # raised again where the items are awaited
        error = raised
    made.put(_Last(error))


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
