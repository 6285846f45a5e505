"""llm=scripted: completions from a file."""

from pathlib import Path

import pytest
from asking import requests, scripted_settings

from nnloop.errors import ModelError
from nnloop.llm import load


def test_scripted_slots_walk_through_the_file_and_wrap(tmp_path: Path) -> None:
    engine = load(scripted_settings(tmp_path, ["a", "b\u2028c", "d"]), "delta", 4)
    assert [one.text for one in engine.generate(requests(4, cycle=1))] == ["b\u2028c", "d", "a", "b\u2028c"]


def test_a_line_may_say_why_its_text_ended(tmp_path: Path) -> None:
    settings = scripted_settings(tmp_path, ["a"])
    Path(settings.path).write_text('{"text": "a", "ending": "limit"}\n{"text": "b", "ending": "loop"}\n{"text": "c"}')
    ends = [one.generation for one in load(settings, "delta", 3).generate(requests(3))]
    assert [(end.truncated, end.looped) for end in ends] == [(True, False), (False, True), (False, False)]


@pytest.mark.parametrize(
    "content", ['{"text": "a", "ending": "tired"}', '{"txt": "a"}\n', "a\n", "[]\n", '{"text": 1}\n', ""]
)
def test_a_wrong_script_is_one_clear_error(tmp_path: Path, content: str) -> None:
    settings = scripted_settings(tmp_path, ["a"])
    Path(settings.path).write_text(content)
    with pytest.raises(ModelError, match=r"llm\.path="):
        load(settings, "delta", 4)
