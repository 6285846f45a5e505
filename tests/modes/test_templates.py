"""Templates of prompts: the shipped sets, a user's own, and what is refused."""

from pathlib import Path

import pytest

from nnloop.errors import SettingsError
from nnloop.modes.templates import FORMS, SETS, read, shipped


def test_a_shipped_set_has_every_template(tmp_path: Path) -> None:
    for name in SETS:
        assert read(name, "delta") == shipped(name)
        assert shipped(name).texts.keys() == shipped("chat").texts.keys()
        for file, text in shipped(name).texts.items():  # they keep the rules that hold for a user's
            (tmp_path / f"{file}.txt").write_text(text)
        assert read(str(tmp_path), "delta") == shipped(name)


def test_a_file_is_the_prompt_of_the_runs_mode_and_the_rest_is_as_shipped(tmp_path: Path) -> None:
    file = tmp_path / "mine.md"
    file.write_text("Improve this:\n{code}\n\n")
    for form in FORMS:
        texts = read(str(file), form).texts
        assert texts == {**shipped("chat").texts, form: "Improve this:\n{code}"}


def test_a_folder_gives_the_templates_that_it_has(tmp_path: Path) -> None:
    (tmp_path / "memory.txt").write_text("\ufeffBefore:\n{items}\n", "utf-8")
    (tmp_path / "README.md").write_text("notes {x}")
    assert read(str(tmp_path), "delta").texts == {**shipped("chat").texts, "memory": "Before:\n{items}"}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("delta", "Improve it.", "has no {code}, which it has to show"),
        ("delta", "{code} {dataset}", "has {dataset}, which stands for nothing; allowed: {code}, {context}"),
        ("delta", '{code} {"lr": 1}', "a brace that means itself stands twice"),
        ("delta", "{code} {}", "which stands for nothing"),
        ("delta", "{code.__class__}", "which stands for nothing"),
        ("delta", "{code!r}", "has a format; a brace that means itself stands twice"),
        ("delta", "{code:>9}", "has a format; a brace that means itself stands twice"),
        ("delta", "{code} }", "a brace that means itself stands twice"),
        ("delta", "{code", "a brace that means itself stands twice"),
        ("memory", "nothing", "has no {items}"),
        ("retry", "{prompt} {answer}", "has no {reason}"),
        ("deltas", "{code}", "has deltas.txt, which is no prompt; there can be delta.txt, search_replace.txt"),
    ],
)
def test_a_template_that_can_not_be_used_is_refused(name: str, content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.txt").write_text(content)
    with pytest.raises(SettingsError) as caught:
        read(str(tmp_path), "delta")
    assert told in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_without_templates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must be chat, tiny, paper, a folder of prompts or a file"):
        read(str(tmp_path / "nowhere"), "delta")
    with pytest.raises(SettingsError, match=r"llm\.prompt=.*has no prompts"):
        read(str(tmp_path), "delta", "llm.prompt")
    (tmp_path / "delta.txt").write_bytes(b"{code} \xff")
    with pytest.raises(SettingsError, match="is no UTF-8 text"):
        read(str(tmp_path), "delta")


def test_braces_that_stand_twice_mean_themselves(tmp_path: Path) -> None:
    (tmp_path / "retry.txt").write_text("{prompt}{answer}{reason} {{json}}")
    assert read(str(tmp_path), "delta").fill("retry", prompt="{a}", answer="", reason="") == "{a} {json}"
