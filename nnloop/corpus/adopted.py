"""corpus=adopted: the networks that job=adopt collected."""

import json
from pathlib import Path

from nnloop.errors import CorpusError
from nnloop.records import Network

FILE = "networks.jsonl"


def load(path: str) -> list[Network]:
    """Read an adopted folder. Raises CorpusError."""
    file = Path(path).expanduser() / FILE
    try:
        return [Network.from_json(json.loads(line)) for line in file.read_text("utf-8").splitlines()]
    except (OSError, ValueError, TypeError) as error:
        raise CorpusError(f"corpus.path={path}: not what job=adopt wrote: {error}") from None
