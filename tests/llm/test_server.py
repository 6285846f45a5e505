"""What a server on loopback does wrong is one failed completion with its reason, in bounded time and memory."""

import datetime
import email.utils
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import odd_server
import pytest
from odd_server import Reply, chunk, dripping, endless, hang_up, http, serve, silent, stream, whole

from nnloop.errors import ModelError
from nnloop.llm import Request, load
from nnloop.records import Completion, Prompt
from nnloop.settings import Settings
from nnloop.stop import Interrupted, Stop

Ask = Callable[..., list[Completion]]
SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def requests(count: int) -> list[Request]:
    return [Request(Prompt("improve", "b", "delta"), "", 0, slot, slot) for slot in range(count)]


@pytest.fixture
def ask(configure: Callable[..., Settings]) -> Ask:
    """Ask a server for completions and return them in slot order."""

    def asked(server: odd_server.OddServer, *overrides: str, count: int = 1) -> list[Completion]:
        given = ["llm=openai", "finetune=off", "llm.model=served", f"llm.base_url={server.url}", "llm.tries=1"]
        settings = configure(*given, *overrides)
        return sorted(load(settings.llm, "delta", count).generate(requests(count)), key=lambda one: one.slot)

    return asked


TEXT = "<delta>\n+x\n</delta>"
USAGE = {"completion_tokens": 7, "prompt_tokens": 5}


@pytest.mark.parametrize("pause_s", [None, 0.0])
def test_an_answer_is_taken_streamed_or_whole_and_byte_by_byte(ask: Ask, pause_s: float | None) -> None:
    streamed = stream(chunk("<delta>\n"), chunk("+x\n</delta>"), chunk("", "stop"), {"choices": [], "usage": USAGE})
    for reply in (streamed, whole(TEXT, usage=USAGE)):
        with serve(reply if pause_s is None else dripping(reply, pause_s)) as server:
            (answer,) = ask(server)
        assert answer.generation.failure == ""
        assert (answer.text, answer.generation.tokens, answer.generation.prompt_tokens) == (TEXT, 7, 5)


def test_an_answer_ends_by_the_rules_of_a_model_that_is_here(ask: Ask) -> None:
    line = "        x = self.act(x)\n"
    texts = {
        "a tag in a sentence": ["Between <delta> and </delta>:\n", TEXT, "\nIt is wider.", " " * 300],
        "a draft in a thought": [f"<think>\n{TEXT}\n</think>\n", TEXT, "\nmore", "x" * 300],
        "a loop": ["<delta>\n", *[line] * 80],
    }
    answers = {}
    for name, parts in texts.items():
        with serve(stream(*map(chunk, parts), chunk("", "length"))) as server:
            (answers[name],) = ask(server)
    assert answers["a tag in a sentence"].text == f"Between <delta> and </delta>:\n{TEXT}"
    assert answers["a draft in a thought"].text == f"<think>\n{TEXT}\n</think>\n{TEXT}"
    assert 20 <= answers["a loop"].text.count(line) < 40
    facts = [(one.generation.truncated, one.generation.looped) for one in answers.values()]
    assert facts == [(False, False), (False, False), (False, True)]


def test_tokens_are_told_while_a_server_sends_them(configure: Callable[..., Settings]) -> None:
    told: list[int] = []
    with serve(stream(chunk("<delta>\n"), chunk("+x\n</delta>"), chunk("", "stop"))) as server:
        settings = configure("llm=openai", "finetune=off", "llm.model=served", f"llm.base_url={server.url}")
        assert len(list(load(settings.llm, "delta", 1).generate(requests(1), told.append))) == 1
    assert told == [1, 1]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (http(400, '{"error": {"message": "too\\nlong"}}'), r"HTTP 400: too long"),
        (http(400, "plain words", kind="text/plain"), r"HTTP 400: plain words"),
        (http(401, "{}"), r"HTTP 401: .*the environment variable OPENAI_API_KEY \(llm\.key_variable\) is not set"),
        (http(404, ""), r"HTTP 404: Word"),
        (http(500, "[[1]]"), r"HTTP 500: \[\[1\]\]"),
        (http(429, '{"error": "slow"}', headers="Retry-After: 9999\r\n"), r"HTTP 429: slow; .*wait 9,999 s"),
        (http(307, "", headers="Location: http://127.0.0.1:9/v1/x\r\n"), r"HTTP 307: .*not followed: give http://127"),
        (http(200, '{"error": {"message": "no more", "code": 5}}'), r"the server sent an error: no more"),
        (http(200, '{"choices": [], "usage": null}'), r"an answer without a choice"),
        (http(200, "<!doctype>\n<title>hi", kind="text/html"), r"no JSON but text/html: <!doctype> <title>hi"),
        (stream(chunk("half"), "{not json"), r"no JSON but text/event-stream: \{not json"),
        (b"no HTTP at all\r\n\r\n", r"\S"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\nzz\r\nx", r"\S"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nContent-Type: application/json\r\n\r\n{", r"closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nzzzz", r"decompress|header|gzip"),
        (hang_up, r"disconnect|closed|reset"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_one_failed_completion_with_its_reason(
    ask: Ask, reply: Reply, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serve(reply, whole(TEXT)) as server:
        answers = ask(server, "llm.batch_size=1", count=2)
    failed = [answer for answer in answers if answer.generation.failure]
    assert len(failed) == 1
    assert [answer.text for answer in answers if answer not in failed] == [TEXT]
    assert re.search(reason, failed[0].generation.failure)
    assert "\n" not in failed[0].generation.failure
    assert failed[0].text == ""


@pytest.mark.parametrize(
    "reply",
    [
        silent,
        dripping(SSE_HEAD * 9, 0.05),
        dripping(stream(chunk("x" * 999)), 0.05),
        dripping(http(500, "x" * 999), 0.05),
        endless(SSE_HEAD, b": still thinking\n\n"),
        endless(SSE_HEAD, f"data: {chunk('x')}\n\n".replace("'", '"').replace("None", "null").encode()),
        endless(SSE_HEAD, b"data"),
        endless(b"HTTP/1.1 500 Oh\r\n\r\n", b"x"),
        endless(b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n"),
    ],
)  # fmt: skip
def test_an_answer_without_an_end_is_left_in_time(ask: Ask, reply: Reply) -> None:
    with serve(reply) as server:
        start = time.monotonic()
        (answer,) = ask(server, "llm.timeout_s=0.4", "llm.max_repeats=0")
    assert time.monotonic() - start < 5
    assert answer.generation.failure


def test_no_response_is_read_beyond_the_limit(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnloop.llm import server as asked

    monkeypatch.setattr(asked, "RESPONSE_BYTES", 1_000_000)
    heads = (SSE_HEAD, b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 500 Oh\r\n\r\n")
    with serve(*[endless(head, b"x") for head in heads]) as server:
        failures = {answer.generation.failure for answer in ask(server, "llm.timeout_s=60", count=3)}
    assert failures == {"more than 1 MB in one response"}


# Trying again


@pytest.mark.parametrize("refusal", [
    http(503, "", headers="Retry-After: 0.01\r\n"), http(429, "", headers="Retry-After: 0.01\r\n"), hang_up,
])  # fmt: skip
def test_a_busy_server_is_asked_again_and_not_more_often_than_llm_tries(ask: Ask, refusal: Reply) -> None:
    with serve(refusal, whole(TEXT)) as server:
        assert ask(server, "llm.tries=2")[0].text == TEXT
    with serve(refusal) as server:
        assert ask(server, "llm.tries=2")[0].generation.failure
    assert len(server.asked) == 2


def test_a_stream_that_breaks_off_is_asked_for_again(ask: Ask) -> None:
    broken = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nContent-Type: text/event-stream\r\n\r\ndata"
    with serve(broken, whole(TEXT)) as server:
        assert ask(server, "llm.tries=2")[0].text == TEXT
    assert len(server.asked) == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_long_wait_is_waited_for_only_if_llm_timeout_s_allows_it(
    ask: Ask, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnloop.llm import server as asked

    monkeypatch.setattr(asked, "OBEYED_S", 0.2)  # in the place of the client's two minutes
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    after = "1" if form == "seconds" else email.utils.format_datetime(soon, usegmt=True)
    refusal = http(429, "", headers=f"Retry-After: {after}\r\nx-should-retry: false\r\n")
    with serve(refusal, whole(TEXT)) as server:
        start = time.monotonic()
        assert ask(server, "llm.tries=2", "llm.timeout_s=30")[0].text == TEXT
        assert time.monotonic() - start > 0.5
    with serve(http(429, "", headers="Retry-After: 300\r\n"), whole(TEXT)) as server:
        start = time.monotonic()
        assert "it asks to wait 300 s" in ask(server, "llm.tries=2", "llm.timeout_s=30")[0].generation.failure
        assert time.monotonic() - start < 5


# Keys and redirects


def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    with serve(whole(TEXT)) as other:
        where = f"Location: {other.url}/chat/completions\r\n"
        statuses = (301, 302, 303, 307, 308)
        with serve(*[http(status, "", headers=where) for status in statuses]) as server:
            answers = ask(server, count=5)
        assert sorted(answer.generation.failure[:9] for answer in answers) == [f"HTTP {status}:" for status in statuses]
        assert all("uthorization: Bearer secret-key" in head for head in server.heads)
        assert other.heads == []


def test_a_key_that_the_server_repeats_is_not_recorded(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "secret-key\n")
    with serve(http(401, '{"error": {"message": "wrong key secret-key"}}')) as server:
        (answer,) = ask(server, "llm.key_variable=OTHER_KEY")
    assert answer.generation.failure.startswith(
        "HTTP 401: wrong key ***; the key in the environment variable OTHER_KEY"
    )
    assert "was refused" in answer.generation.failure


def test_without_a_key_none_is_sent(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "of-another-server")
    with serve(whole(TEXT)) as server:
        ask(server)
    assert "uthorization" not in server.heads[0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("llm.base_url=localhost:8000", r"llm\.base_url=localhost:8000: must be an address such as"),
        ("llm.base_url='http://[x/v1'", r"llm\.base_url=http://\[x/v1: must be an address"),
        ("llm.base_url=ftp://x/v1", r"llm\.base_url=ftp://x/v1: must be an address"),
    ],
)
def test_what_is_no_address_is_one_clear_error(configure: Callable[..., Settings], given: str, message: str) -> None:
    with pytest.raises(ModelError, match=f"^{message}"):
        load(configure("llm=openai", "finetune=off", given).llm, "delta", 1)


def test_a_key_with_impossible_characters_is_one_clear_error(
    configure: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "schlüssel")
    with pytest.raises(ModelError, match=r"^llm\.key_variable=OPENAI_API_KEY: the key there has characters"):
        load(configure("llm=openai", "finetune=off").llm, "delta", 1)


def test_without_the_client_the_extra_is_named() -> None:
    start = (
        "import sys; sys.modules['openai'] = None\n"
        "from nnloop.errors import ModelError\n"
        "try:\n    import nnloop.llm.server\nexcept ModelError as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True).stdout
    assert said.startswith("llm.engine=openai: ")
    assert said.endswith("pip install 'nnloop[api]'\n")


# Fields of a request


def test_llm_request_adds_replaces_and_drops_fields(ask: Ask) -> None:
    fields = "{max_tokens:null,max_completion_tokens:99,seed:null,temperature:null,stop:[x],extra_body:{top_k:5}}"
    with serve(whole(TEXT)) as server:
        ask(server, f"+llm.request={fields}")
    assert server.asked[0] == {
        "model": "served",
        "messages": [{"role": "user", "content": "improve"}],
        "top_p": 0.9,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 99,
        "stop": ["x"],
        "top_k": 5,
    }


# The end of the process


def test_a_signal_ends_the_wait_within_the_grace_time(configure: Callable[..., Settings]) -> None:
    with serve(silent) as server:
        settings = configure("llm=openai", "finetune=off", "llm.model=served", f"llm.base_url={server.url}")
        engine = load(settings.llm, "delta", 1)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        start = time.monotonic()
        with pytest.raises(Interrupted), Stop(0.5) as stop, stop.grace():
            list(stop.until_requested(engine.generate(requests(3))))
        assert time.monotonic() - start < 3
    time.sleep(0.1)
    assert not [thread for thread in threading.enumerate() if thread.name == "in background"]


def test_closing_ends_what_is_under_way(configure: Callable[..., Settings]) -> None:
    with serve(whole(TEXT), silent) as server:
        settings = configure("llm=openai", "finetune=off", "llm.model=served", f"llm.base_url={server.url}")
        completions = load(settings.llm, "delta", 1).generate(requests(5))
        next(completions)
        start = time.monotonic()
        completions.close()
        assert time.monotonic() - start < 1.5
