"""Text for a terminal in which nothing that others wrote can move the cursor, hide text or answer for the user."""

import io
import json
import logging
from typing import TextIO


def printable(text: str) -> str:
    """Return the text with JSON's escapes for all that is neither printable nor a line's end."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


class PrintableStream(io.TextIOBase, TextIO):
    """A stream that writes everything to another one, made printable."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text, escaped."""
        self._stream.write(printable(text))
        return len(text)

    def flush(self) -> None:
        """Flush the other stream."""
        self._stream.flush()


class PrintableFormatter(logging.Formatter):
    """A formatter of log lines, made printable."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, and the lines of its traceback."""
        return printable(super().format(record))


class ConsoleFormatter(PrintableFormatter):
    """A formatter of lines that a person reads: no date, no module, and the level where it is a warning or worse."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Return the record's message."""
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return f"{level}{record.message}"
