"""A fork starts from the closed cycles of another run."""

from pathlib import Path

import pytest
from oracle import Oracle, search, timeless

from nnloop.errors import RunFolderError
from nnloop.runs.folder import RunFolder
from nnloop.runs.fork import fork, source_of

SMALL = ("llm=random", "dataset=digits", "finetune=off", "tracker=none", "cycles=2", "candidates=3")


def test_a_fork_goes_on_from_the_closed_cycles_under_new_settings(configure, tmp_path: Path) -> None:
    old, target = tmp_path / "run", tmp_path / "run-fork"
    search(configure(*SMALL, "novelty=off"), old, Oracle())
    more = configure(*SMALL, "novelty=off", "cycles=3", "selection.rule=admitted")
    with pytest.raises(RunFolderError, match=r"cycles .*, selection.rule \(there better, now admitted\).*resume=fork"):
        search(more, old, Oracle())
    assert source_of("fork", target) == old
    for _ in range(2):  # the second time there is nothing to do
        fork(RunFolder(old), RunFolder(target), more)
        search(more, target, Oracle())
    assert timeless(target)[:6] == timeless(old)
    assert [entry["generation"]["cycle"] for entry in timeless(target)[6:]] == [2, 2, 2]
    about = RunFolder(target).provenance()
    assert about["forked_from"] == {"folder": str(old), "run_id": RunFolder(old).provenance()["run_id"], "cycles": 2}
    assert about["run_id"] != about["forked_from"]["run_id"]


def test_a_fork_refuses_results_of_another_protocol_and_a_folder_without_a_run(configure, tmp_path: Path) -> None:
    search(configure(*SMALL, "novelty=off"), tmp_path / "run", Oracle())
    other = configure(*SMALL, "novelty=off", "proxy.epochs=2")
    with pytest.raises(RunFolderError, match=r"results of another protocol: proxy\.epochs differ"):
        fork(RunFolder(tmp_path / "run"), RunFolder(tmp_path / "new"), other)
    with pytest.raises(RunFolderError, match="nowhere holds no run"):
        fork(RunFolder(tmp_path / "nowhere"), RunFolder(tmp_path / "new"), other)
    assert not (tmp_path / "new").exists()
