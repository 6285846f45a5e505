"""The executor that the settings name."""

from collections.abc import Callable
from pathlib import Path

from nnloop import data
from nnloop.executor.factory import make_executor
from nnloop.executor.local import LocalExecutor
from nnloop.settings import Settings


def test_executor_local_has_the_workers_that_the_settings_name(configure: Callable[..., Settings]) -> None:
    settings = configure("dataset=digits", "executor.workers=3")
    with make_executor(settings, data.load(settings.dataset), Path()) as executor:
        assert isinstance(executor, LocalExecutor)
        assert executor.workers == 3
