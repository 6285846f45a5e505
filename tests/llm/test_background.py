"""Items come from a thread; errors, signals and an early end behave as if there were none."""

import asyncio
import threading
from collections.abc import AsyncGenerator

import pytest

from nnloop.llm.background import in_background


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "in background"]


def test_items_come_in_their_order_and_the_thread_ends() -> None:
    async def count() -> AsyncGenerator[int, None]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    assert list(in_background(count())) == [0, 1, 2]
    assert threads() == []


def test_an_error_is_raised_where_the_items_are_awaited() -> None:
    async def fail() -> AsyncGenerator[int, None]:
        yield 0
        raise OSError("gone")

    items = in_background(fail())
    assert next(items) == 0
    with pytest.raises(OSError, match="gone"):
        next(items)
    assert threads() == []


def test_closing_cancels_what_is_awaited() -> None:
    ended = threading.Event()

    async def hang() -> AsyncGenerator[int, None]:
        try:
            yield 0
            await asyncio.sleep(60)
        finally:
            ended.set()

    items = in_background(hang())
    assert next(items) == 0
    items.close()
    assert ended.wait(2)
    assert threads() == []
