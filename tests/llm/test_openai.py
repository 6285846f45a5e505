"""llm=openai against a local server that speaks the protocol."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import checkpoints
import pytest
from served import Server, serve

from nnloop import build
from nnloop.errors import ModelError, SettingsError
from nnloop.llm import Engine, Request, adapters, check, load
from nnloop.llm.adapter_files import adapter_hash
from nnloop.llm.finetune import finetune
from nnloop.llm.openai import OpenAiEngine
from nnloop.modes.pairs import TrainingPair
from nnloop.records import Prompt
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


@pytest.fixture
def connect(server: Server, configure: Callable[..., Settings]) -> Callable[..., Engine]:
    def connected(*overrides: str) -> Engine:
        settings = configure("llm=openai", "finetune=off", f"llm.base_url={server.url}", "llm.tries=2", *overrides)
        return load(settings.llm, settings.mode.name, 4)

    return connected


def requests(count: int) -> list[Request]:
    return [Request(Prompt("improve", "b", "delta"), "", 0, slot, slot) for slot in range(count)]


def test_every_request_is_answered_with_its_own_seed(connect: Callable[..., Engine]) -> None:
    answers = sorted(connect().generate(requests(9)), key=lambda answer: answer.slot)
    assert [answer.text for answer in answers] == [f"improve {slot}" for slot in range(9)]
    assert [answer.generation.truncated for answer in answers] == [slot == 2 for slot in range(9)]
    assert {(answer.generation.tokens, answer.generation.prompt_tokens) for answer in answers} == {(7, 5)}


def test_the_settings_reach_the_server(
    server: Server, connect: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    list(connect("llm.temperature=0.5", "llm.max_new_tokens.delta=77").generate(requests(1)))
    asked = {name: server.asked[0][name] for name in ("model", "temperature", "top_p", "max_tokens", "seed")}
    assert asked == {"model": "served", "temperature": 0.5, "top_p": 0.9, "max_tokens": 77, "seed": 0}
    assert server.keys == ["Bearer a-key"]


def test_a_system_text_and_options_of_the_chat_template_reach_the_server(
    server: Server, connect: Callable[..., Engine]
) -> None:
    list(connect().generate(requests(1)))
    list(connect("llm.system='Be brief.'", "+llm.template.enable_thinking=false").generate(requests(1)))
    plain, asked = server.asked
    assert plain["messages"] == [{"role": "user", "content": "improve"}]
    assert "chat_template_kwargs" not in plain
    assert asked["messages"] == [{"role": "system", "content": "Be brief."}, *plain["messages"]]
    assert asked["chat_template_kwargs"] == {"enable_thinking": False}


def test_a_busy_server_is_asked_again(server: Server, connect: Callable[..., Engine]) -> None:
    server.failures = 1
    assert next(connect().generate(requests(1))).text == "improve 0"


@pytest.mark.parametrize(("status", "asked"), [(400, 1), (503, 2)])
def test_a_server_that_refuses_is_a_failed_completion(
    server: Server, connect: Callable[..., Engine], status: int, asked: int
) -> None:
    server.failures, server.status = asked, status
    failed, answered = connect("llm.batch_size=1").generate(requests(2))
    assert (failed.text, failed.generation.failure) == ("", f"HTTP {status}: not now")
    assert (answered.text, answered.generation.failure) == ("improve 1", "")
    assert len(server.asked) == asked + 1


def test_no_server_is_one_clear_error(configure: Callable[..., Settings]) -> None:
    settings = configure("llm=openai", "finetune=off", "llm.base_url=http://127.0.0.1:9/v1", "llm.tries=1")
    with pytest.raises(ModelError, match=r"llm\.base_url=http://127\.0\.0\.1:9/v1: models: .*(refused|failed)"):
        load(settings.llm, "delta", 4)


def test_a_server_that_cannot_be_reached_or_refuses_the_key_is_told_before_anything_is_trained(
    server: Server, configure: Callable[..., Settings]
) -> None:
    settings = configure("llm=openai", "finetune=off", f"llm.base_url={server.url}", "llm.model=hidden", "llm.tries=1")
    for server.listing in (200, 404, 403):  # many servers list no models
        assert check(settings.llm, settings.finetune) is None
    server.listing = 401
    with pytest.raises(ModelError, match=r"llm\.base_url=.*: models: HTTP 401.*llm\.key_variable\) is not set"):
        check(settings.llm, settings.finetune)
    settings.llm.base_url = "http://127.0.0.1:9/v1"
    with pytest.raises(ModelError, match=r"llm\.base_url=http://127\.0\.0\.1:9/v1: models: .*(refused|failed)"):
        check(settings.llm, settings.finetune)


def test_without_weights_the_context_is_estimated(connect: Callable[..., Engine]) -> None:
    engine = connect("llm.context_length=2048", "llm.max_new_tokens.delta=1024")
    assert engine.fits("x = 1\n" * 400)  # 800 estimated tokens and the chat's beside 1,024
    assert not engine.fits("x = 1\n" * 500)


# Adapters


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.make(tmp_path_factory.mktemp("weights"), max_position_embeddings=4096)


def test_tuning_without_weights_is_refused(configure: Callable[..., Settings]) -> None:
    with pytest.raises(SettingsError, match=r"llm\.weights: finetune=lora needs .* or finetune=off"):
        configure("llm=openai")


def test_a_server_that_takes_no_adapters_is_one_clear_error_before_the_first_cycle(
    connect: Callable[..., Engine], weights: Path
) -> None:
    assert not connect().trainable
    for given in (f"llm.weights={weights}", f"llm.adapter={weights}"):
        with pytest.raises(ModelError, match=r"takes no adapters while it runs \(vLLM does.*finetune=off"):
            connect(given)


def test_what_is_tuned_here_is_asked_for_there_and_the_last_one_unloaded(
    server: Server, connect: Callable[..., Engine], weights: Path, tmp_path: Path
) -> None:
    server.takes_adapters = True
    engine = connect(f"llm.weights={weights}", "llm.context_length=512")
    assert isinstance(engine, OpenAiEngine)
    assert engine.trainable
    pairs, parent = [TrainingPair("Improve.", "<delta>\n+x\n</delta>", "a", "b")], None
    for name in ("a", "b"):
        trainer = engine.trainer()
        tuned = finetune(
            trainer, pairs, settings=checkpoints.lora(epochs=1), folder=tmp_path / name, parent=parent, seed=0
        )
        trainer.close()
        engine.use_adapter(tmp_path / name)
        assert next(engine.generate(requests(1))).generation.adapter == engine.adapter == tuned.adapter
        assert server.asked[-1]["model"] == tuned.adapter
        assert server.adapters == {tuned.adapter: str((tmp_path / name).resolve())}
        parent = tmp_path / name
    engine.use_adapter(None)
    assert next(engine.generate(requests(1))).generation.adapter is None
    assert (server.asked[-1]["model"], server.adapters) == ("served", {})


def test_weights_that_cannot_be_had_or_tuned_are_told_before_anything_is_trained(
    server: Server, configure: Callable[..., Settings], weights: Path, tmp_path: Path
) -> None:
    """The line names llm.weights, which the user has set."""
    server.takes_adapters = True
    shutil.copytree(weights, tmp_path / "part")
    (tmp_path / "part" / "model.safetensors").unlink()

    def checked(where: Path, *overrides: str) -> str | None:
        given = (f"llm.base_url={server.url}", f"llm.weights={where}", "llm.context_length=512", *overrides)
        settings = configure("llm=openai", *given)
        return check(settings.llm, settings.finetune)

    assert checked(weights) == "float32"
    assert checked(weights, "finetune=off") is None
    for where, overrides, told in (
        (tmp_path / "nowhere", [], r"llm\.weights=.*/nowhere: no such folder"),
        (tmp_path / "nowhere", ["finetune=off"], r"llm\.weights=.*/nowhere: no such folder"),
        (tmp_path / "part", [], r"llm\.weights=.*/part: the folder holds no complete checkpoint"),
        (weights, ["finetune.targets=[query]"], r"finetune\.targets=query: .* has no layer of that name"),
        (weights, ["llm.device=cuda:7"], r"llm\.device=cuda:7: torch sees"),
    ):
        with pytest.raises((ModelError, SettingsError), match=f"^{told}"):
            checked(where, *overrides)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_cycles_adapter_is_made_here_and_loaded_there(
    server: Server, configure: Callable[..., Settings], weights: Path, tmp_path: Path
) -> None:
    """A whole search: two fine-tunes, each adapter asked for under its hash in the next cycle."""
    server.takes_adapters = True
    given = ["llm=openai", f"llm.base_url={server.url}", f"llm.weights={weights}", "llm.context_length=4096"]
    given += [
        "llm.max_new_tokens.delta=64",
        "dataset=digits",
        "corpus.trials=1",
        "corpus.limit=8",
        "tracker=none",
        "cycles=3",
        "candidates=2",
    ]
    given += ["finetune.max_pairs=2", "finetune.epochs=1", "finetune.held_out=0", "finetune.packing=false"]
    given += ["finetune.max_length=4096"]  # its small vocabulary makes long rows
    build.run(configure(*given), tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    made = [adapters.read_lineage(run.adapter(cycle)) for cycle in range(3)]
    assert [lineage.parent for lineage in made] == [None, made[0].adapter, made[1].adapter]
    assert [body["model"] for body in server.asked[::2]] == ["served", made[0].adapter, made[1].adapter]
    assert [entry.generation.adapter for entry in run.entries()[::2]] == [None, made[0].adapter, made[1].adapter]
    assert server.adapters == {made[2].adapter: str(run.adapter(2).resolve())}  # earlier ones are unloaded


def test_an_adapter_that_is_there_already_is_used(
    server: Server, connect: Callable[..., Engine], weights: Path, tmp_path: Path
) -> None:
    server.takes_adapters = True
    (tmp_path / adapters.WEIGHTS).write_bytes(b"weights")
    for _ in range(2):
        engine = connect(f"llm.weights={weights}", f"llm.adapter={tmp_path}", "llm.context_length=512")
        assert next(engine.generate(requests(1))).generation.adapter == engine.adapter == adapter_hash(tmp_path)
    assert engine.count("x = 1\n") > 0
    assert not engine.fits("x = 1\n" * 400)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_real_server_answers_and_takes_no_adapters(configure: Callable[..., Settings], weights: Path) -> None:
    """`transformers serve` with a small random checkpoint."""
    pytest.importorskip("fastapi")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = (
        "import sys; from nnloop.compat import ensure_torchvision_imports as ready; ready();"
        "from transformers.cli.transformers import main; sys.argv[0] = 'transformers'; main()"
    )
    command = [sys.executable, "-c", start, "serve", str(weights), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen([*command, "--device", "cpu"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        given = ["llm=openai", f"llm.base_url=http://127.0.0.1:{port}/v1", f"llm.model={weights}"]
        settings = configure(*given, "finetune=off", "llm.max_new_tokens.delta=12")
        answers = list(load(settings.llm, "delta", 3).generate(requests(3)))
        assert sorted(answer.slot for answer in answers) == [0, 1, 2]
        assert all(1 <= answer.generation.tokens <= 12 and answer.generation.prompt_tokens > 0 for answer in answers)
        tuned = configure(*given, f"llm.weights={weights}", "llm.context_length=512")
        with pytest.raises(ModelError, match="takes no adapters while it runs"):
            load(tuned.llm, "delta", 3)
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        assert process.poll() is None, "the server died"
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the server never answered")
