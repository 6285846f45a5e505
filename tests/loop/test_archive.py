"""The archive and its novelty index: graphs are kept on the disk, and the index comes back without being computed."""

from dataclasses import replace
from pathlib import Path

import pytest
from edits import BASE, WIDER
from entries import entry, generation

from nnloop.loop.archive import Archive
from nnloop.novelty import build
from nnloop.novelty.shingles import shingle
from nnloop.records import Network, Status, TrialResult, candidate_id
from nnloop.runs.folder import RunFolder
from nnloop.settings import MinHashSettings

RULE = MinHashSettings("graph", "graph", 10, 256, 0.85, 0.9)
GRAPH = '[["input","",[2,3,8,8],[]],["relu","[*]",[2,3,8,8],[0]]]'
RESULT = TrialResult(Status.OK, val_accuracy=0.5, graph=GRAPH)
CORPUS = [(Network(candidate_id(BASE), BASE, "base", 0.5), replace(RESULT, graph=GRAPH.replace("relu", "silu")))]
ENTRY = entry(candidate_id(WIDER), result=RESULT, admitted=True, selected=True, facts={"parent": candidate_id(BASE)})


def opened(folder: Path) -> Archive:
    (folder / "code").mkdir(exist_ok=True)
    return Archive(RunFolder(folder), build(RULE), CORPUS)


def test_a_graph_is_on_the_disk_and_not_in_memory(tmp_path: Path) -> None:
    archive = opened(tmp_path)
    archive.add(ENTRY, WIDER)
    archive.commit()
    archive.close()
    (stored,) = RunFolder(tmp_path).entries()
    assert stored.result is not None
    assert stored.result.graph == GRAPH
    (entry,) = archive.entries
    assert entry == replace(ENTRY, result=replace(RESULT, graph=None))
    assert all(result.graph is None for result in archive.results.values())


def test_an_archive_opened_again_judges_as_before_without_computing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = opened(tmp_path)
    archive.add(ENTRY, WIDER)
    before = archive.novelty.judge("new", BASE, GRAPH)
    assert (before.novel, before.nearest) == (False, candidate_id(WIDER))
    archive.commit()
    archive.close()
    asked: list[str] = []
    monkeypatch.setattr("nnloop.novelty.minhash.shingle", lambda *args: asked.append(args[0]) or shingle(*args))
    again = opened(tmp_path)
    assert asked == []
    assert again.novelty.judge("new", BASE, GRAPH) == before
    again.close()


def test_a_killed_process_leaves_an_index_that_spares_the_next_most_of_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnloop.loop.archive.SAVE_AFTER", 4)
    archive = opened(tmp_path)
    for slot in range(10):
        code = BASE.replace("16, 32", f"16, {100 + slot}")
        archive.add(replace(ENTRY, generation=generation(slot), candidate=candidate_id(code)), code)
        archive.commit()
    asked: list[str] = []
    monkeypatch.setattr("nnloop.novelty.minhash.shingle", lambda *args: asked.append(args[0]) or shingle(*args))
    again = opened(tmp_path)
    assert len(asked) == 2 * 3  # of the corpus network and ten others, eight were saved; three have graph and source
    again.close()
