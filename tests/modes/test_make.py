"""The mode and the task that the settings name."""

from pathlib import Path

import pytest

from nnloop.errors import SettingsError
from nnloop.modes.make import make_mode, make_task
from nnloop.modes.templates import shipped


def test_the_task_has_what_prompts_state(configure) -> None:
    task = make_task(configure("dataset=digits", "mode.max_params=9", "proxy.epochs=3", "executor.wall_s=60"))
    assert (task.title, task.classes, task.channels, task.size) == ("Digits", 10, 1, 8)
    assert (task.max_params, task.training, task.seconds) == (9, "3 epochs of training", 60)


def test_prompts_are_the_llms_own_unless_the_mode_names_others(configure, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("Improve {code}")
    mine = f"mode.prompt={tmp_path}/mine.txt"
    chosen = [("llm=tiny",), ("llm=qwen",), ("llm=random",), ("llm=tiny", "mode.prompt=chat")]
    sets = [make_mode(configure(*overrides)).templates for overrides in chosen]
    assert sets == [shipped("tiny"), shipped("chat"), shipped("chat"), shipped("chat")]
    assert make_mode(configure("llm=tiny", "mode=full", mine)).templates.texts["full"] == "Improve {code}"
    blocks = make_mode(configure("mode.edit_format=search_replace", mine)).templates
    assert blocks.texts["search_replace"] == "Improve {code}"
    for setting in ("context=memory", "mode.max_params=9"):
        with pytest.raises(SettingsError, match=rf"mode.prompt: delta.txt has no .*, without which {setting} has no"):
            make_mode(configure(mine, setting))
