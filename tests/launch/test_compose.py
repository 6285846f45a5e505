"""Settings from Python are those of the command line, with options of the user's own beside nnloop's."""

import re
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT

from nnloop.errors import SettingsError
from nnloop.launch.compose import compose_job
from nnloop.settings import HfLlmSettings, OpenAiLlmSettings


def test_keywords_dotted_keys_and_texts_give_the_same_job() -> None:
    texts = compose_job("search", ["llm=qwen", "cycles=3", "name=a", "llm.template.think=true", "mode.prompt=a,b"], {})
    given = {"llm": "qwen", "cycles": np.int64(3), "name": "a", "llm.template": {"think": True}, "mode.prompt": "a,b"}
    words = compose_job("search", [], given)
    assert words.settings == texts.settings
    assert words.folder == texts.folder
    assert texts.folder.parent == Path("outputs/a")


def test_a_run_folder_of_one_s_own_and_overlays_that_are_none(tmp_path: Path) -> None:
    job = compose_job("search", [], {"experiment": None, "hydra.run.dir": tmp_path / "a b"})
    assert job.folder == tmp_path / "a b"
    assert job.overrides == []


def test_jobs_of_the_same_second_have_folders_of_their_own() -> None:
    folders = {compose_job("adopt", ["folder=x"], {}).folder for _ in range(2)}
    assert len(folders) == 2


def test_the_documented_llms_of_one_s_own_have_their_names(tmp_path: Path) -> None:
    (tmp_path / "llm").mkdir()
    mine, served = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/llms.md").read_text(), re.S)
    (tmp_path / "llm/mine.yaml").write_text(mine)
    (tmp_path / "llm/served.yaml").write_text(served)
    job = compose_job("search", [], {"llm": "mine", "dataset": "digits"}, config_dir=tmp_path)
    assert isinstance(job.settings.llm, HfLlmSettings)
    assert (job.settings.llm.name, job.settings.llm.model) == ("mine", "my_model")
    assert job.folder == Path("outputs/search/mine-digits-delta-s0")
    job = compose_job("search", [], {"llm": "served", "finetune": "off"}, config_dir=tmp_path)
    assert isinstance(job.settings.llm, OpenAiLlmSettings)
    assert job.settings.llm.name == "served"
    (tmp_path / "llm/nameless.yaml").write_text("model: x\n")
    with pytest.raises(SettingsError, match=r"^llm\.engine=None: must be one of hf, openai"):
        compose_job("search", [], {"llm": "nameless"}, config_dir=tmp_path)
    with pytest.raises(SettingsError, match=r"^llm=mein: no such option; did you mean mine\?$"):
        compose_job("search", [], {"llm": "mein"}, config_dir=tmp_path)
