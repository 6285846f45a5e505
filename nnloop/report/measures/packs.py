"""Result files: JSON documents that name their kind, one in a .json file or one a line in a .jsonl.xz file (a pack).

A pack keeps what a whole sweep left behind in one small file; `xzcat` shows it.
"""

import json
import lzma
import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from nnloop.errors import RunFolderError
from nnloop.runs.durable import make_folder, write_text

PACKED = ".jsonl.xz"


def plain(name: str) -> str:
    """Return a run's name as a file's: letters, digits and . , + - _ alone."""
    return re.sub(r"[^\w.,+-]", "-", name)


def files(match: Path) -> list[Path]:
    """Return the file itself, or the files of a folder and its subfolders that have a result file's ending."""
    if match.is_file():
        return [match]
    names = (f"{level}*{ending}" for level in ("", "*/") for ending in (".json", PACKED))
    return sorted(file for name in names for file in match.glob(name) if file.is_file())


def holds(path: Path, kind: str) -> bool:
    """Return whether the file holds a document of this kind. Raises RunFolderError where a pack is damaged."""
    try:
        with _open(path) as file:
            return any(f'"{kind}"' in line[:80] for line in file)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise RunFolderError(f"{path}: can't be read ({error})") from None


def read_documents(path: Path, kind: str) -> list[dict[str, Any]]:
    """Return the documents of one kind. Raises OSError, EOFError, ValueError or lzma.LZMAError for a damaged file."""
    with _open(path) as file:
        documents = [json.loads(line) for line in file] if path.name.endswith(PACKED) else [json.load(file)]
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


def _open(path: Path) -> IO[str]:
    if path.name.endswith(PACKED):
        return lzma.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8", errors="replace")
