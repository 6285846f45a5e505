"""Answers of every form are read from bytes that come in any pieces; what is no answer raises one line."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from odd_server import chunk, http, stream, whole

from nnloop.llm.answer_stream import SLACK, Answer, AnswerError, read_answer

TEXT = "<delta>\n+x\n</delta>"
USAGE = {"completion_tokens": 7, "prompt_tokens": 5}


def read(reply: bytes, *, piece: int = 7, ends_with: str = "</never>") -> Answer:
    """Read the body of an HTTP response, so many bytes at a time."""
    head, _, body = reply.partition(b"\r\n\r\n")
    kind = head.decode().partition("Content-Type: ")[2].partition("\r\n")[0]

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), piece):
            yield body[start : start + piece]

    return asyncio.run(read_answer(parts(), kind, lambda text: ends_with in text))


@pytest.mark.parametrize("piece", [1, 7, 10_000])
@pytest.mark.parametrize(
    "reply",
    [
        stream(chunk("<delta>\n"), chunk("+x\n</delta>"), chunk("", "stop"), {"choices": [], "usage": USAGE}),
        stream(chunk(TEXT, "stop") | {"usage": USAGE}, done=False),
        stream(chunk(None, reasoning_content="<delta>no</delta>"), chunk(TEXT, "stop") | {"usage": USAGE}),
        stream(chunk([{"type": "reasoning", "text": "no"}, {"type": "text", "text": TEXT}], "stop") | {"usage": USAGE}),
        stream({"choices": [{"index": 1, "delta": {"content": "no"}}]}, chunk(TEXT, "stop") | {"usage": USAGE}),
        stream(chunk(TEXT), chunk(None, "stop"), {"choices": [], "usage": USAGE}),
        stream(chunk(TEXT), chunk(None, "eos_token"), {"choices": None, "usage": USAGE}),
        http(200, ': note\n\nid: 1\ndata:{"choices":[{"delta":{"content":"<delta>\\n+x\\n</delta>"},\n'
             'data: "finish_reason":"stop"}],\ndata:"usage":{"completion_tokens":7,"prompt_tokens":5}}\n\n'
             "data: [DONE]\n\n", kind="Text/Event-Stream; charset=utf-8"),
        whole(TEXT, usage=USAGE),
        whole([{"type": "text", "text": TEXT[:4]}, TEXT[4:]], usage=USAGE),
        whole(TEXT, usage=USAGE, choice={"message": {"content": TEXT, "reasoning_content": "<delta>no</delta>"}}),
    ],
)  # fmt: skip
def test_answers_of_every_form_are_taken(reply: bytes, piece: int) -> None:
    assert read(reply, piece=piece) == Answer(TEXT, tokens=7, prompt_tokens=5)


def test_carriage_returns_end_lines_and_strange_separators_do_not() -> None:
    reply = stream(chunk(TEXT), chunk(None, "stop"), {"choices": [], "usage": USAGE})
    assert read(reply.replace(b"\n\n", b"\r\n\r\n")).text == TEXT
    strange = "a\u2028b\u0085c"
    event = f'data: {{"choices": [{{"delta": {{"content": "{strange}"}}, "finish_reason": "stop"}}]}}\n\n'
    assert read(http(200, event, kind="text/event-stream")).text == strange


def test_reasoning_alone_is_an_empty_answer_that_the_limit_cut() -> None:
    assert read(stream(chunk(None, "length", reasoning_content="Let me think"))) == Answer("", truncated=True)


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
def test_whatever_a_server_calls_its_limit_the_answer_is_cut(reason: str) -> None:
    assert read(stream(chunk("half", reason))) == read(whole("half", choice={"finish_reason": reason}))
    assert read(stream(chunk("half", reason))) == Answer("half", truncated=True)


@pytest.mark.parametrize(
    "usage", [None, [], "many", {"completion_tokens": -1, "prompt_tokens": 10**30},
              {"completion_tokens": 1.5, "prompt_tokens": True}, {"completion_tokens": None}],
)  # fmt: skip
def test_counts_that_nobody_can_believe_are_left_out(usage: object) -> None:
    assert read(whole(TEXT, usage=usage)) == Answer(TEXT)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (http(200, '{"error": {"message": "no more", "code": 5}}'), r"the server sent an error: no more"),
        (stream(chunk("half"), {"error": {"message": "lost"}}), r"the server sent an error: lost"),
        (http(200, '{"choices": [], "usage": null}'), r"an answer without a choice"),
        (stream(), r"an answer without a choice"),
        (http(200, '{"choices": null}'), r"no choices in"),
        (http(200, '{"choices": [null]}'), r"no choice: null"),
        (http(200, '{"choices": [{"message": "text"}]}'), r"no message in"),
        (whole(17), r"the content is no text: 17"),
        (whole([{"type": "text"}]), r"a part without a text"),
        (whole([None]), r"a part that is no text: null"),
        (whole(None, choice={"message": {"content": None, "refusal": "I won't"}}), r"the LLM refused: I won't"),
        (whole("half", choice={"finish_reason": "content_filter"}), r"content filter ended"),
        (stream(chunk("half", "insufficient_system_resource")), r"broke the answer off, for want of resources"),
        (stream(chunk("half", "error")), r"the server broke the answer off"),
        (http(200, "[1, 2]"), r"the server sent \[1, 2\]"),
        (http(200, "<!doctype>\n<title>hi", kind="text/html"), r"no JSON but text/html: <!doctype> <title>hi"),
        (http(200, ""), r"no JSON but application/json:"),
        (http(200, "[" * 100_000), r"no JSON but application/json: \[\["),
        (stream(chunk("half"), "{not json"), r"no JSON but text/event-stream: \{not json"),
        (http(200, "<html>", kind="text/event-stream"), r"the stream ended in the middle of the answer"),
        (stream(chunk("half"), done=False), r"the stream ended in the middle of the answer"),
    ],
)  # fmt: skip
def test_what_is_no_answer_raises_one_line(reply: bytes, reason: str) -> None:
    with pytest.raises(AnswerError, match=reason) as raised:
        read(reply)
    assert "\n" not in str(raised.value)


def test_a_stream_is_left_a_little_after_the_answers_end_and_its_counts_are_taken_where_they_come() -> None:
    end, count = chunk("", "stop"), {"choices": [], "usage": USAGE}
    assert read(stream(chunk(TEXT), end, count), ends_with="</delta>") == Answer(TEXT, 7, 5)
    more = [chunk("x" * 50)] * 20
    left = read(stream(chunk(TEXT), *more, end, count), ends_with="</delta>")
    assert left == Answer(TEXT + "x" * (SLACK + 50), left=True)
