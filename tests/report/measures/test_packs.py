from pathlib import Path

import pytest

from nnloop.errors import RunFolderError
from nnloop.report.measures import packs

DOCUMENTS = [{"kind": "a", "n": 1}, {"kind": "b"}, {"kind": "a", "n": 2, "text": "\udc80 ü\n"}]


def test_a_pack_gives_its_documents_back_by_kind(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sweep.jsonl.xz"
    packs.write_pack(path, DOCUMENTS)
    assert packs.read_documents(path, "a") == [DOCUMENTS[0], DOCUMENTS[2]]
    assert [packs.holds(path, kind) for kind in ("a", "b", "c")] == [True, True, False]


def test_a_file_has_a_plain_name() -> None:
    assert (
        packs.plain("tiny-digits-delta-s0-search.staleness=0~dd3b/_é")
        == "tiny-digits-delta-s0-search.staleness-0-dd3b-_é"
    )


def test_the_same_documents_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "one.jsonl.xz", tmp_path / "other.jsonl.xz"
    packs.write_pack(one, DOCUMENTS)
    packs.write_pack(other, DOCUMENTS)
    assert one.read_bytes() == other.read_bytes()


def test_a_single_document_stands_in_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    packs.write_document(path, DOCUMENTS[0])
    assert path.read_text() == '{"kind": "a", "n": 1}\n'
    assert packs.read_documents(path, "a") == [DOCUMENTS[0]]


def test_result_files_are_those_of_a_folder_and_its_subfolders(tmp_path: Path) -> None:
    names = ["a.json", "b.jsonl.xz", "c.csv", "below/d.json", "below/deeper/e.json"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "folder.json").mkdir()
    assert packs.files(tmp_path) == [tmp_path / "a.json", tmp_path / "b.jsonl.xz", tmp_path / "below/d.json"]
    assert packs.files(tmp_path / "c.csv") == [tmp_path / "c.csv"]


def test_a_damaged_pack_is_a_fault_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl.xz"
    packs.write_pack(path, DOCUMENTS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunFolderError, match=r"sweep\.jsonl\.xz: can't be read"):
        packs.holds(path, "c")
