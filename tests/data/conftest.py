"""Datasets in the forms that these tests need: published archives, private caches, prepared sets."""

from collections.abc import Callable
from pathlib import Path

import pytest
from archive_server import serve
from raw_files import TEST, TRAIN, VAL, Prepared, mirrored, publish

from nnloop import data
from nnloop.settings import DatasetSettings, Settings


@pytest.fixture
def digits(configure: Callable[..., Settings]) -> DatasetSettings:
    return configure("dataset=digits").dataset


@pytest.fixture
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NNLOOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a dataset's archives, made once."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = publish(name, tmp_path_factory.mktemp(name), train=TRAIN, test=TEST, val=VAL)
        return made[name]

    return folder


@pytest.fixture(scope="session")
def prepared(
    configure: Callable[..., Settings],
    published: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Prepared]:
    """A dataset as it comes out of a cache of its own, made once: downloaded, unpacked, read, split, written."""
    made: dict[str, Prepared] = {}

    def load(name: str) -> Prepared:
        if name not in made:
            cache = tmp_path_factory.mktemp(f"cache-{name}")
            with pytest.MonkeyPatch.context() as patch, serve(published(name)) as served:
                patch.setenv("NNLOOP_CACHE", str(cache))
                settings = mirrored(configure, name, served)
                made[name] = Prepared(settings, data.load(settings), cache, [file for file, _ in served.asked])
        return made[name]

    return load
