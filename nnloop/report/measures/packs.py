"""Result files: JSON documents that name their kind, one in a .json file or one a line in a .jsonl.xz file (a pack).

A pack keeps what a whole sweep left behind in one small file; `xzcat` shows it.
"""

import json
import lzma
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nnloop.errors import RunFolderError
from nnloop.runs import foreign
from nnloop.runs.durable import make_folder, write_text

PACKED = ".jsonl.xz"
LARGEST_PACK = 2 << 30
"""Bytes of a pack's documents, unpacked."""


def plain(name: str) -> str:
    """Return a run's name as a file's: letters, digits and . , + - _ alone."""
    return re.sub(r"[^\w.,+-]", "-", name)


def files(match: Path) -> list[Path]:
    """Return the file itself, or the files of a folder and its subfolders that have a result file's ending.

    Jobs that are no search lie a level lower, in jobs/.
    """
    if match.is_file():
        return [match.resolve()]  # a link that the user names may lead anywhere
    names = (f"{level}*{ending}" for level in ("", "*/", "jobs/*/") for ending in (".json", PACKED))
    return sorted(file for name in names for file in match.glob(name) if file.is_file())


def holds(path: Path, kind: str) -> bool:
    """Return whether the file holds a document of this kind. Raises RunFolderError where a pack is damaged."""
    try:
        return any(f'"{kind}"'.encode() in line[:80] for line in _lines(path))
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        raise RunFolderError(f"{path}: can't be read ({error})") from None


def read_documents(path: Path, kind: str) -> list[dict[str, Any]]:
    """Return the documents of one kind. Raises OSError, EOFError, ValueError or lzma.LZMAError for a damaged file."""
    if path.name.endswith(PACKED):
        documents = [json.loads(line) for line in _lines(path)]
    else:
        documents = [json.loads(foreign.read_bytes(path, path.parent, foreign.DOCUMENT_BYTES))]
    return [document for document in documents if document["kind"] == kind]


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Write a .json file of one document."""
    make_folder(path.parent)
    write_text(path, f"{json.dumps(document)}\n")


def write_pack(path: Path, documents: Sequence[dict[str, Any]]) -> None:
    """Write a pack; the same documents give the same bytes."""
    make_folder(path.parent)
    lines = "".join(f"{json.dumps(document)}\n" for document in documents)
    path.write_bytes(lzma.compress(lines.encode(), preset=9 | lzma.PRESET_EXTREME))


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a result file. Raises ValueError if it holds too much: a small pack may unfold to any size."""
    with foreign.open_plain(path, path.parent) as file:
        unpacked = lzma.LZMAFile(file) if path.name.endswith(PACKED) else file  # noqa: SIM115
        left = LARGEST_PACK
        while line := unpacked.readline(foreign.DOCUMENT_BYTES + 1):
            left -= len(line)
            if len(line) > foreign.DOCUMENT_BYTES or left < 0:
                raise ValueError("it holds more than a result file may")
            yield line
