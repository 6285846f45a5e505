"""From a composed config to typed settings: a wrong one is one clear error, and the later source wins."""

import pytest

from nnloop.errors import SettingsError
from nnloop.settings import ImagenetteSettings, LoraSettings, ScriptedLlmSettings


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["seed=abc"], "seed=abc: must be a whole number"),
        (["llm.temperature=warm"], "llm.temperature=warm: must be a number"),
        (["+llm.heat=1"], "llm.heat: no such setting; allowed: .*temperature"),
        (["+cycle=1"], "cycle: no such setting; did you mean cycles"),
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


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("meta-llama/Llama-3.2-1B-Instruct", "Llama-3.2-1B-Instruct"),
        ("/models/my coder/", "my-coder"),
        ("/models/SmolLM2.Q4_1.gguf", "SmolLM2.Q4_1"),
        ("/root/hub/models--org--small/snapshots/0123456789abcdef", "small"),
    ],
)
def test_an_llm_of_ones_own_has_a_name_of_its_own(model: str, name: str, configure) -> None:
    for llm in ("deepseek", "tiny", "smollm2"):
        assert configure(f"llm={llm}", f"llm.model='{model}'").llm.name == name
        assert configure(f"llm={llm}", f"llm.model='{model}'", "llm.name=mine").llm.name == "mine"


@pytest.mark.parametrize("llm", ["deepseek", "qwen", "mistral", "smollm2", "tiny"])
def test_a_shipped_llm_is_called_as_its_option(llm: str, configure) -> None:
    assert configure(f"llm={llm}").llm.name == llm
    assert configure("llm=openai", "finetune=off").llm.name == "openai"
    assert configure("llm=openai", "finetune=off", "llm.model=gpt-x").llm.name == "gpt-x"
