"""Read back the pages of a report."""

import base64
import json
import shutil
import subprocess
import time
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nnloop.report import write_run_page
from nnloop.report.measures.read import read
from nnloop.runs.folder import RunFolder

NEEDS_BROWSER = pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")


class Page(HTMLParser):
    """Every element with its attributes, and the text outside scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.packed: dict[str, str] = {}  # the page's data blocks by their ids
        self._raw, self._block = False, ""
        self.feed(path.read_text())

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))
        self._raw = name in ("script", "style")
        self._block = (dict(attributes).get("id") or "") if name == "script" else ""

    def handle_endtag(self, name: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.text += data
        elif self._block:
            self.packed[self._block] = self.packed.get(self._block, "") + data

    def links(self) -> list[str]:
        return [attributes["href"] or "" for name, attributes in self.elements if "href" in attributes]


def page_of(run: RunFolder) -> Page:
    write_run_page(read(run.path))
    return Page(run.page)


def unpacked(page: Page, block: str) -> Any:
    """Unpack a data block as the page's script does."""
    return json.loads(zlib.decompress(base64.b64decode(page.packed[block])))


def in_browser(address: str) -> str:
    """Return the page's elements after its script has run."""
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000"]
    command += ["--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def seconds_in_browser(address: str) -> float:
    """Return the wall time of opening a page, with the browser's own start."""
    started = time.monotonic()
    in_browser(address)
    return time.monotonic() - started
