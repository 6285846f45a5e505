"""corpus=adopted: the networks that job=adopt collected."""

import json
from pathlib import Path

from nnloop.errors import CorpusError
from nnloop.records import Network
from nnloop.runs import foreign

FILE = "networks.jsonl"


def load(path: str) -> list[Network]:
    """Read an adopted folder. Raises CorpusError."""
    try:
        return read_networks(Path(path).expanduser() / FILE)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise CorpusError(f"corpus.path={path}: not a folder that job=adopt wrote: {error}") from None


def read_networks(file: Path) -> list[Network]:
    """Read networks, a line of JSON each. Raises OSError; ValueError or TypeError for a file of another kind."""
    text = foreign.read_text(file, file.parent, foreign.JOURNAL_BYTES)
    return [Network.from_json(json.loads(line)) for line in text.splitlines()]
