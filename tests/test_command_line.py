"""A command line that asks for no job is answered; a search that nobody described is asked about."""

import pytest

from nnloop.command_line import question, reply, sweeps


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["search"], "nnloop: search: a setting is given as key=value; did you mean job=search?"),
        (["tiny", "dataset=digits"], "nnloop: tiny: a setting is given as key=value; did you mean llm=tiny?"),
        (["llm=tiny", "nonsense"], "nnloop: nonsense: a setting is given as key=value; --help lists them"),
        (["--config-name"], "nnloop: --config-name needs the name of a sweep: "),
        (["--config-name", "-m"], "nnloop: --config-name needs the name of a sweep: "),
    ],
)
def test_a_word_or_a_flag_by_itself_is_told_what_it_may_mean(arguments: list[str], text: str) -> None:
    answer = reply(arguments)
    assert answer is not None
    assert answer[0].startswith(text)
    assert answer[1] == 2


def test_the_sweeps_are_listed() -> None:
    answer = reply(["-cn"])
    assert "demo" in sweeps()
    assert answer is not None
    assert answer[0].endswith(", ".join(sweeps()))


def test_the_version_is_nnloops() -> None:
    answer = reply(["--version"])
    assert answer is not None
    assert answer[0].startswith("nnloop ")
    assert answer[1] == 0


@pytest.mark.parametrize(
    "arguments", [[], ["llm=tiny"], ["-m", "llm=tiny,random"], ["--config-name", "demo"], ["--cfg", "job"], ["~llm"]]
)
def test_a_command_for_a_job_is_left_to_it(arguments: list[str]) -> None:
    assert reply(arguments) is None


def test_the_question_names_llm_dataset_download_and_hours(configure) -> None:
    asked = question(configure())
    for word in (
        "deepseek",
        "14 GB",
        "1,100 networks",
        "CIFAR-10",
        "22 to 33 hours",
        "llm=tiny dataset=digits",
        "[y/N]",
    ):
        assert word in asked
    assert "GB" not in question(configure("llm=tiny", "dataset=digits"))
