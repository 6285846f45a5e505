"""An error about a key, an option or a value says what was meant or what is allowed."""

import pytest

from nnloop.errors import SettingsError
from nnloop.settings.hints import unknown_key, unknown_option


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("datset", "datset: no such setting; did you mean dataset?"),
        ("llm.temprature", "llm.temprature: no such setting; did you mean llm.temperature"),
        ("llm.base_url", "llm.base_url: the option chosen for llm has no such setting; llm.engine=openai has"),
        ("proxy.transform", "proxy.transform: the option chosen for proxy has no such setting; proxy=lemur has"),
        ("qqq", "qqq: no such setting; allowed: admission, budget, candidate"),
        ("repair", "repair: is now called retries"),
    ],
)
def test_an_unknown_key_is_told_what_was_meant(key: str, message: str) -> None:
    assert unknown_key(key).startswith(message)


def test_an_unknown_option_is_told_what_was_meant() -> None:
    assert unknown_option("llm", "qwem", ["qwen", "tiny"]) == "llm=qwem: no such option; did you mean qwen?"
    assert unknown_option("llm", "gpt", ["qwen", "tiny"]) == "llm=gpt: no such option; allowed: qwen, tiny"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("cycles=abc", "cycles=abc: must be a whole number between 1 and 10000"),
        ("finetune.packing=maybe", "finetune.packing=maybe: must be true or false"),
        ("dataset.val_fraction=x", "dataset.val_fraction=x: must be a number between 0.01 and 0.5 or null"),
        ("llm.max_new_tokens=3", "llm.max_new_tokens=3: must be values by name"),
        ("dataset.mean=3", "dataset.mean=3: must be a list such as [a,b]"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_the_right_one(configure, given: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        configure(given)
    assert str(raised.value).startswith(message)
