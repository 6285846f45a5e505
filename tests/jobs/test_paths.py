"""A path of the very name goes before a glob."""

from pathlib import Path

import pytest

from nnloop.jobs.paths import matches


def test_a_path_with_a_globs_signs_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("net[1].py", "net1.py", "net2.py"):
        Path(name).touch()
    assert matches("net[1].py") == [Path("net[1].py")]
    assert matches("net[12].py") == [Path("net1.py"), Path("net2.py")]
    assert matches("nowhere*") == []
