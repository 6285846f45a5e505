"""What others wrote reaches a terminal as text alone."""

import io
import json
import logging

from nnloop.printable import PrintableFormatter, PrintableStream, printable

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
