"""Settings by dotted key, and what each affects."""

from dataclasses import asdict, fields

import pytest

from nnloop.settings.groups import kinds, plain
from nnloop.settings.keys import affecting, affects, allowed, extends, flat, given
from nnloop.settings.setting import DATA, LABEL, PLACE, PROTOCOL, RESULT, Affects, rules

FIELDS = [(field.name, field) for field in plain()] + [
    (f"{group}.{field.name}", field) for group, some in kinds().items() for kind in some for field in fields(kind)
]


def test_every_setting_says_what_it_affects_and_every_number_its_range() -> None:
    for key, field in FIELDS:
        rule = rules(field)
        assert isinstance(rule.affects, Affects), key
        numbers = {"int", "float", "int | None", "float | None", "dict[str, int]"}
        if getattr(field.type, "__name__", str(field.type)) in numbers or str(field.type) in numbers:
            assert rule.low is not None, key
            assert rule.high is not None, key


def test_a_key_affects_the_same_under_every_option_of_its_group() -> None:
    for key, field in FIELDS:
        assert rules(field).affects == affects(key), key


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("executor.wall_s", RESULT),
        ("executor.memory_gb", RESULT),
        ("sandbox.without", RESULT),
        ("llm.quantize", RESULT),
        ("llm.max_new_tokens.delta", RESULT),
        ("dataset.description", RESULT),  # it stands in the prompt
        ("dataset.mean", PROTOCOL),
        ("proxy.lr", PROTOCOL),
        ("dataset.val_fraction", DATA),
        ("dataset.root", PLACE),
        ("executor.workers", PLACE),
        ("executor", PLACE),
        ("sandbox", RESULT),
        ("name", LABEL),
        ("experiment", RESULT),
        ("former.key", RESULT),
    ],
)
def test_what_a_key_affects(key: str, part: Affects) -> None:
    assert affects(key) == part


def test_nested_settings_are_told_by_dotted_key() -> None:
    nested = {"seed": 1, "llm": {"name": "tiny", "max_new_tokens": {"delta": 2}}}
    assert flat(nested) == {"seed": 1, "llm.name": "tiny", "llm.max_new_tokens.delta": 2}


def test_the_settings_that_affect_a_part_of_a_run_are_told_apart() -> None:
    nested = {"name": "x", "dataset": {"name": "digits", "flip": True, "root": "/"}}
    assert affecting(nested, PROTOCOL, DATA) == {"dataset.name": "digits", "dataset.flip": True}
    assert affecting(nested, LABEL) == {"name": "x"}


def test_an_unknown_key_is_told_those_of_its_group() -> None:
    assert {"llm.temperature", "llm.edits"} <= set(allowed("llm.heat"))
    assert all(key.startswith("llm.") for key in allowed("llm.heat"))
    assert {"seed", "llm"} <= set(allowed("sede"))


@pytest.mark.parametrize(
    ("key", "taken"),
    [
        ("llm.template.enable_thinking", True),
        ("llm.template", True),
        ("proxy.prm.norm_eps", True),
        ("llm.max_new_tokens.nope", False),
        ("llm.nope", False),
        ("nope", False),
    ],
)
def test_a_key_may_extend_a_setting_of_free_names(key: str, taken: bool) -> None:
    assert extends(key) == taken


def test_given_yields_every_value_of_the_settings(configure) -> None:
    settings = configure("llm=tiny", "parents=quality_diversity")
    values = [(key, value) for key, value, _ in given(settings)]
    assert ("llm.max_new_tokens.full", 512) in values
    assert [value for key, value in values if key == "parents.descriptors"] == ["params", "depth"]
    whole = {key for key, value in flat(asdict(settings)).items() if value not in ([], {})}
    assert whole <= {key for key, _ in values}
