"""One conformance suite for every engine."""

from collections.abc import Callable, Iterator
from pathlib import Path

import checkpoints
import pytest
from asking import random_settings, requests, scripted_settings, texts
from served import serve

from nnloop.errors import ModelError
from nnloop.llm import Engine, load
from nnloop.llm.engine import guess_tokens
from nnloop.llm.hf import HfEngine
from nnloop.records import Completion
from nnloop.settings import Settings

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


def test_every_request_is_answered_once(engine: Engine) -> None:
    asked = requests(10, cycle=3)
    answers = sorted(engine.generate(asked), key=lambda answer: answer.slot)
    assert [(one.cycle, one.slot, one.generation.seed, one.prompt) for one in answers] == [
        (one.cycle, one.slot, one.seed, one.prompt.text) for one in asked
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
    assert {answer.generation.adapter for answer in engine.generate(requests(2))} == {None}


def test_a_missing_adapter_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises((ModelError, ValueError)):
        engine.use_adapter(tmp_path / "nowhere")


def test_time_is_shared_out(engine: Engine) -> None:
    assert all(answer.generation.seconds > 0 for answer in engine.generate(requests(3)))


def test_an_unknown_tokenizer_is_guessed_to_make_a_token_of_three_characters() -> None:
    assert [guess_tokens("x" * length) for length in (0, 1, 3, 4)] == [0, 1, 1, 2]


def test_tokens_are_told_while_they_are_written(engine: Engine) -> None:
    told: list[int] = []
    answers, before = [], []
    for answer in engine.generate(requests(3), told.append):
        answers.append(answer)
        before.append(sum(told))
    if isinstance(engine, HfEngine):
        assert sum(told) == sum(answer.generation.tokens for answer in answers)
        assert before[0] >= answers[0].generation.tokens
    else:
        assert told == []  # no tokens, or a server that does not stream them
