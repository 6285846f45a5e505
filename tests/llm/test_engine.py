"""One conformance suite for every engine, then what is particular to llm=random and llm=scripted."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import checkpoints
import pytest
from asking import requests, texts
from served import serve

from nnloop.errors import ModelError
from nnloop.llm import Engine, Request, load
from nnloop.records import Completion, Prompt
from nnloop.settings import RandomLlmSettings, ScriptedLlmSettings, Settings

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=["random", "scripted", "openai", "qwen", "deepseek", "mistral"])
def engine(
    request: pytest.FixtureRequest, folders: dict[str, Path], tmp_path: Path, configure: Callable[..., Settings]
) -> Iterator[Engine]:
    if request.param == "openai":
        with serve() as server:
            yield load(configure("llm=openai", "finetune=off", f"llm.base_url={server.url}").llm, "delta", 10)
    else:
        yield local_engine(request.param, folders, tmp_path)


def local_engine(kind: str, folders: dict[str, Path], tmp_path: Path) -> Engine:
    if kind == "random":
        return load(random_settings(), "delta", 10)
    if kind == "scripted":
        return load(scripted_settings(tmp_path, [f"answer {i}" for i in range(10)]), "delta", 10)
    return load(checkpoints.settings(folders[kind]), "delta", 10)


def random_settings() -> RandomLlmSettings:
    return RandomLlmSettings("random", "random", {"delta": 1, "full": 3}, 1, False)


def scripted_settings(folder: Path, texts: list[str], delay_s: float = 0) -> ScriptedLlmSettings:
    path = folder / "answers.jsonl"
    path.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts))
    return ScriptedLlmSettings("scripted", "scripted", str(path), delay_s, 3, True)


# Every engine


def test_every_request_is_answered_once(engine: Engine) -> None:
    asked = requests(10, cycle=3)
    answers = sorted(engine.generate(asked), key=lambda answer: answer.slot)
    assert [(one.cycle, one.slot, one.seed, one.prompt) for one in answers] == [
        (one.cycle, one.slot, one.seed, one.prompt) for one in asked
    ]


def test_no_request_no_answer(engine: Engine) -> None:
    assert list(engine.generate([])) == []


def test_an_answer_does_not_depend_on_its_batch(engine: Engine) -> None:
    asked = requests(10)
    together = texts(engine.generate(asked))
    assert texts(engine.generate(asked[::-1])) == together
    assert {one.slot: next(engine.generate([one])).text for one in asked} == together


def test_answers_come_one_by_one(engine: Engine) -> None:
    stream = engine.generate(requests(10))
    assert isinstance(next(stream), Completion)
    assert len(list(stream)) == 9


def test_the_bare_engine_names_no_adapter(engine: Engine) -> None:
    engine.use_adapter(None)
    assert engine.adapter is None
    assert {answer.adapter for answer in engine.generate(requests(2))} == {None}


def test_a_missing_adapter_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises((ModelError, ValueError)):
        engine.use_adapter(tmp_path / "nowhere")


def test_time_is_shared_out(engine: Engine) -> None:
    assert all(answer.seconds > 0 for answer in engine.generate(requests(3)))


# llm=random and llm=scripted


@pytest.mark.parametrize(("mode", "tag"), [("delta", "delta"), ("full", "nn")])
def test_random_edits_are_answered_in_the_modes_format(mode: str, tag: str) -> None:
    answers = list(load(random_settings(), mode, 4).generate(requests(4)))
    assert all(one.text.startswith(f"<{tag}>\n") and one.text.endswith(f"\n</{tag}>") for one in answers)
    assert len({one.text for one in answers}) > 1


def test_random_edits_leave_a_foreign_network_as_it_is() -> None:
    request = Request(Prompt("", "b", "full"), "class Net:\n    pass\n", 0, 0, 5)
    assert next(load(random_settings(), "full", 1).generate([request])).text == "<nn>\nclass Net:\n    pass\n</nn>"


def test_scripted_slots_walk_through_the_file_and_wrap(tmp_path: Path) -> None:
    engine = load(scripted_settings(tmp_path, ["a", "b\u2028c", "d"]), "delta", 4)
    assert [one.text for one in engine.generate(requests(4, cycle=1))] == ["b\u2028c", "d", "a", "b\u2028c"]


@pytest.mark.parametrize("content", ['{"txt": "a"}\n', "a\n", "[]\n", '{"text": 1}\n', ""])
def test_a_wrong_script_is_one_clear_error(tmp_path: Path, content: str) -> None:
    settings = scripted_settings(tmp_path, ["a"])
    Path(settings.path).write_text(content)
    with pytest.raises(ModelError, match=r"llm\.path="):
        load(settings, "delta", 4)
