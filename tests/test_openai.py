"""llm=openai against a local server that speaks the protocol."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from served import Server, serve

from nnloop.errors import ModelError
from nnloop.llm import Engine, Request, load
from nnloop.records import Prompt
from nnloop.settings import Settings


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


@pytest.fixture
def connect(server: Server, configure: Callable[..., Settings]) -> Callable[..., Engine]:
    def connected(*overrides: str) -> Engine:
        settings = configure("llm=openai", f"llm.base_url={server.url}", "llm.tries=2", *overrides)
        return load(settings.llm, settings.mode.name, 4)

    return connected


def requests(count: int) -> list[Request]:
    return [Request(Prompt("improve", "b", "delta"), "", 0, slot, slot) for slot in range(count)]


def test_every_request_is_answered_with_its_own_seed(connect: Callable[..., Engine]) -> None:
    answers = sorted(connect().generate(requests(9)), key=lambda answer: answer.slot)
    assert [answer.text for answer in answers] == [f"improve {slot}" for slot in range(9)]
    assert [answer.truncated for answer in answers] == [slot == 2 for slot in range(9)]
    assert {(answer.tokens, answer.prompt_tokens) for answer in answers} == {(7, 5)}


def test_the_settings_reach_the_server(
    server: Server, connect: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    list(connect("llm.temperature=0.5", "llm.max_new_tokens.delta=77").generate(requests(1)))
    asked = {name: server.asked[0][name] for name in ("model", "temperature", "top_p", "max_tokens", "seed")}
    assert asked == {"model": "served", "temperature": 0.5, "top_p": 0.9, "max_tokens": 77, "seed": 0}
    assert server.keys == ["Bearer a-key"]


def test_a_busy_server_is_asked_again(server: Server, connect: Callable[..., Engine]) -> None:
    server.failures = 1
    assert next(connect().generate(requests(1))).text == "improve 0"


@pytest.mark.parametrize(("status", "asked"), [(400, 1), (503, 2)])
def test_a_server_that_refuses_is_one_clear_error(
    server: Server, connect: Callable[..., Engine], status: int, asked: int
) -> None:
    server.failures, server.status = 9, status
    with pytest.raises(ModelError, match=rf"^llm\.base_url=http.*: chat/completions: HTTP {status}: [^\n]*not"):
        next(connect().generate(requests(1)))
    assert len(server.asked) == asked


def test_no_server_is_one_clear_error(configure: Callable[..., Settings]) -> None:
    settings = configure("llm=openai", "llm.base_url=http://127.0.0.1:9/v1", "llm.tries=1")
    with pytest.raises(ModelError, match=r"llm\.base_url=http://127\.0\.0\.1:9/v1: models: .*refused"):
        load(settings.llm, "delta", 4)


def test_a_served_model_takes_no_adapter(connect: Callable[..., Engine], tmp_path: Path) -> None:
    engine = connect()
    assert not engine.trainable
    with pytest.raises(ModelError, match="finetune=off"):
        engine.use_adapter(tmp_path)
