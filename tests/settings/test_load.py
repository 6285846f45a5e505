"""From a composed config to typed settings: a wrong one is one clear error, and the later source wins."""

import pytest

from nnloop.errors import SettingsError
from nnloop.settings import ImagenetteSettings, LoraSettings, ScriptedLlmSettings


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["seed=abc"], "seed=abc: .*Integer"),
        (["llm.temperature=warm"], "llm.temperature=warm: .*Float"),
        (["+llm.heat=1"], "llm.heat: no such setting here; allowed: .*temperature"),
        (["+cycle=1"], "cycle: no such setting here; allowed: .*cycles"),
        (["llm=scripted"], "llm.path: a value is needed"),
        (["finetune.name=qlora"], "finetune.name=qlora: must be one of lora, off"),
        (["llm.engine=vllm"], "llm.engine=vllm: must be one of hf, openai, random, scripted"),
    ],
)
def test_a_wrong_setting_names_key_value_and_what_is_allowed(overrides, message, configure) -> None:
    with pytest.raises(SettingsError, match=f"^{message}"):
        configure(*overrides)


def test_every_group_becomes_the_dataclass_of_its_option(configure) -> None:
    settings = configure("llm=scripted", "llm.path=x", "dataset=imagenette", "finetune=lora", "seed=3")
    kinds = [type(one) for one in (settings.llm, settings.dataset, settings.finetune)]
    assert kinds == [ScriptedLlmSettings, ImagenetteSettings, LoraSettings]
    assert settings.seed == 3


def test_one_word_stands_for_a_list_of_it(configure) -> None:
    assert configure("llm=qwen").finetune.targets == ["auto"]
    assert configure("llm=qwen", "finetune.targets=o_proj").finetune.targets == ["o_proj"]
    assert configure("parents=quality_diversity", "parents.descriptors=depth").parents.descriptors == ["depth"]


def test_an_overlay_says_the_last_word_but_for_the_command_line(configure) -> None:
    debug = configure("debug=one_candidate", "dataset=digits")
    assert (debug.cycles, debug.candidates, debug.name, debug.executor.workers) == (1, 1, "debug", 1)
    paper = configure("experiment=paper_full", "dataset=digits", "cycles=3")
    assert (paper.admission.min_accuracy, paper.selection.rule, paper.cycles) == (0.40, "admitted", 3)
    assert (paper.mode.name, paper.mode.max_params, paper.finetune.layers) == ("full", 500_000, 24)
