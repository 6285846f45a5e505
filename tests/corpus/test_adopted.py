"""corpus=adopted: a folder of networks is read back, and any other is refused by name."""

from pathlib import Path

import pytest

from nnloop.corpus.adopted import FILE, load, read_networks
from nnloop.errors import CorpusError
from nnloop.records import Network

NETWORKS = [Network("1", "x = 1\n", "one", 0.5, 10), Network("2", "y = 'é'\n", "two")]


def test_networks_are_read_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("".join(f"{network.line()}\n" for network in NETWORKS), "utf-8")
    assert read_networks(tmp_path / FILE) == load(str(tmp_path)) == NETWORKS


@pytest.mark.parametrize("content", [None, "{", "[1]", '{"id": "1"}', '{"another": "record"}'])
def test_a_folder_of_another_kind_is_refused_by_name(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(CorpusError, match=f"corpus.path={tmp_path}"):
        load(str(tmp_path))
