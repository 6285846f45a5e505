"""The groups of the config and the settings beside them."""

from paths import ROOT

from nnloop.settings import BudgetSettings, LoraSettings, NoFinetuneSettings
from nnloop.settings.groups import kinds, options, plain


def test_a_groups_kinds_are_those_of_its_annotation() -> None:
    assert kinds()["finetune"] == [LoraSettings, NoFinetuneSettings]
    assert kinds()["budget"] == [BudgetSettings]


def test_every_folder_of_conf_is_a_group_and_every_option_has_a_kind() -> None:
    folders = {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()}
    assert folders - set(kinds()) == {"experiment", "debug", "hydra"}
    for group in folders & set(kinds()) - {"llm"}:
        assert set(options(group)) == {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}


def test_a_groups_dataclass_is_chosen_by_a_name_or_an_llms_engine() -> None:
    assert options("finetune") == {"lora": LoraSettings, "off": NoFinetuneSettings}
    assert sorted(options("llm")) == ["hf", "openai", "random", "scripted"]
    assert options("budget") == {}


def test_the_settings_beside_the_groups_are_plain_values() -> None:
    names = {field.name for field in plain()}
    assert {"seed", "cycles", "resume"} <= names
    assert not names & set(kinds())
