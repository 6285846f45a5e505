"""Shared by all tests: settings composed as the command line composes them, and a cache of their own."""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import checkpoints
import pytest
from hydra import compose, initialize_config_dir
from paths import CONF, ROOT

from nnloop import build, data
from nnloop.executor.local import LocalExecutor
from nnloop.settings import Settings
from nnloop.settings.load import load

if TYPE_CHECKING:
    from nnloop.llm.hf import HfEngine  # imports torch


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One $NNLOOP_CACHE for the session, so that nothing of the user's is read or written."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["NNLOOP_CACHE"] = str(folder)
    yield folder
    del os.environ["NNLOOP_CACHE"]


@pytest.fixture(scope="session")
def configure() -> Callable[..., Settings]:
    """Compose and check settings from overrides: configure("llm=random", "dataset=digits")."""

    def composed(*overrides: str) -> Settings:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return load(compose("config", overrides=list(overrides)))

    return composed


@pytest.fixture(scope="session")
def executor(cache: Path, configure: Callable[..., Settings]) -> Iterator[LocalExecutor]:
    """One warm executor on digits for the session: starting one imports torch."""
    chosen = configure("dataset=digits", "executor.workers=2", "sandbox.scratch_mb=32", "mode.max_params=1000000")
    with build.make_executor(chosen, data.load(chosen.dataset), Path()) as started:
        yield started


@pytest.fixture
def closed_path() -> Iterator[Path]:
    """A folder that no other user could exchange, on machines with an open /tmp too."""
    open_to_all = Path(tempfile.gettempdir()).stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH
    with tempfile.TemporaryDirectory(prefix=".closed-", dir=ROOT if open_to_all else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small models are slower on several."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small checkpoint of each architecture."""
    return {kind: checkpoints.make(tmp_path_factory.mktemp(kind), kind) for kind in checkpoints.KINDS}


@pytest.fixture
def engine(folders: dict[str, Path]) -> "HfEngine":
    """An engine with a small checkpoint, to be tuned."""
    from nnloop.llm.hf import HfEngine

    return HfEngine(checkpoints.settings(folders["qwen"]), "delta")
