"""What others wrote reaches a terminal as text alone."""

import io
import json
import logging

import pytest

from nnloop.printable import ConsoleFormatter, PrintableFormatter, PrintableStream, printable

HOSTILE = "a\x1b]0;owned\x07\x1b[2J\r\u202eb\x9b\u200b\t\U000e0041"


def test_text_that_is_printable_stays_as_it_is() -> None:
    assert printable("Größe 漢字 🙂\nnext line") == "Größe 漢字 🙂\nnext line"


def test_everything_else_is_an_escape_and_json_stays_json() -> None:
    assert printable(HOSTILE).isprintable()
    assert printable("\x1b[2J\r") == "\\u001b[2J\\r"
    assert json.loads(printable(json.dumps(HOSTILE, ensure_ascii=False))) == HOSTILE


def test_a_stream_and_a_formatter_escape_what_they_are_given() -> None:
    out = io.StringIO()
    print(HOSTILE, file=PrintableStream(out))
    assert out.getvalue() == f"{printable(HOSTILE)}\n"
    record = logging.LogRecord("n", logging.INFO, "p", 1, "%s", (HOSTILE,), None)
    assert PrintableFormatter("%(message)s").format(record) == printable(HOSTILE)


@pytest.mark.parametrize(("level", "line"), [(logging.INFO, "found 3"), (logging.WARNING, "warning: found 3")])
def test_a_line_on_the_console_has_no_date_and_no_module(level: int, line: str) -> None:
    record = logging.LogRecord("nnloop.loop", level, "p", 1, "found %d", (3,), None)
    assert ConsoleFormatter("[%(asctime)s][%(name)s] - %(message)s").format(record) == line
