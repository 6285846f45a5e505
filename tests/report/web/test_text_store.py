import random
from pathlib import Path
from typing import Any

import pytest
from fake_run import make_run
from report_pages import page_of, unpacked

from nnloop.report.measures.read import read
from nnloop.report.web import text_store
from nnloop.report.web.text_store import LONGEST, BlockCache, edited, split, text_blocks
from nnloop.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "run", cycles=3, candidates=10)


def source_of(page: Any, run: RunFolder, name: str) -> str:
    """Put a network's source together as the page's script does."""
    places = {known: f"networks-{entry.cycle}" for known, entry in read(run.path).by_id.items()}
    (part,) = unpacked(page, places.get(name, "networks-corpus"))[name]
    if isinstance(part, str):
        return part
    lines = source_of(page, run, part["edited"]).split("\n")
    for low, high, put in reversed(part["edits"]):
        lines[low:high] = put
    return "\n".join(lines)


def test_every_network_is_stored_once_as_its_parent_and_its_edits(run: RunFolder) -> None:
    page = page_of(run)
    kinds = set()
    for name in read(run.path).by_id:
        assert source_of(page, run, name) == run.read_code(name)
        kinds |= {type(part) for cycle in range(3) for part in unpacked(page, f"networks-{cycle}").get(name, ())}
    assert dict in kinds


def test_edits_lead_from_any_text_to_any_other() -> None:
    letters = random.Random(0)
    for _ in range(200):
        old, new = ("\n".join(letters.choices("abc", k=letters.randrange(12))) for _ in range(2))
        (part,) = edited("p", old, new)
        lines = old.split("\n")
        for low, high, put in reversed(part["edits"]) if isinstance(part, dict) else ():
            lines[low:high] = put
        assert (part if isinstance(part, str) else "\n".join(lines)) == new


def test_a_prompt_is_its_template_and_the_networks_that_it_shows() -> None:
    code, other, strings = "x = 1\n" * 20, "y = 2\n" * 20, {}
    known = [({"network": "a"}, code), ({"network": "b"}, other)]
    first = split(f"Improve\n{code}\nnow{other}", known, strings)
    assert first == [0, {"network": "a"}, 1, {"network": "b"}]
    assert split(f"Improve\n{code}\nelse", known, strings) == [0, {"network": "a"}, 2]
    assert list(strings) == ["Improve\n", "\nnow", "\nelse"]


def test_a_runaway_completion_is_cut_and_the_page_counts_it(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=1, candidates=2, text="x" * (LONGEST + 100))
    page = page_of(run)
    texts = unpacked(page, "texts-0")
    assert texts["strings"][texts["answers"]["0"][0]] == "x" * LONGEST + "\n[100 more characters]"
    assert f"not in this page: 2 texts are cut after {LONGEST:,} characters" in page.text


def test_the_oldest_prompts_and_answers_are_left_out_of_a_page_that_is_too_large(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = text_blocks(read(run.path), BlockCache())
    monkeypatch.setattr(text_store, "MOST_BYTES", sum(len(whole[f"texts-{cycle}"]) for cycle in range(3)) - 1)
    kept, told = text_blocks(read(run.path), BlockCache())
    assert whole.keys() - kept.keys() == {"texts-0"}
    assert told == ["prompts and answers of the first 1 cycles are left out, for the page's size"]


def test_blocks_of_closed_cycles_are_packed_once(run: RunFolder) -> None:
    cache, source = BlockCache(), read(run.path)
    first, _ = text_blocks(source, cache)
    assert {f"texts-{cycle}" for cycle in range(3)} <= cache.packed.keys()
    for path in (run.path / "completions").iterdir():
        path.unlink()
    assert text_blocks(source, cache)[0] == first


def test_the_part_of_an_answer_that_was_read_is_marked(run: RunFolder) -> None:
    texts = unpacked(page_of(run), "texts-0")
    slot = next(str(entry.slot) for entry in run.entries() if entry.valid and entry.cycle == 0)
    answer = texts["strings"][texts["answers"][slot][0]]
    low, high = texts["parsed"][slot]
    assert answer[low:high] == answer.rstrip("\n")
