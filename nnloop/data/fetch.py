"""The downloader: resumes, retries, checks; a file appears under its name only when it is whole."""

import errno
import hashlib
import http.client
import logging
import os
import platform
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from nnloop.data.progress_bar import Advance, bar

BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})  # HTTP statuses after which trying again makes sense
TRIES = 4  # in a row without a byte gained
LONGEST_WAIT_S = 60.0
READ_TIMEOUT_S = 30.0
BLOCK = 1 << 18

log = logging.getLogger(__name__)


class FetchError(Exception):
    """The file can't be had from any of its addresses; the message says why, by address."""


class _RefusedError(Exception):
    """This address will not give the file, however often it is asked."""


class _BrokenOffError(Exception):
    """The connection failed; trying again makes sense."""

    def __init__(self, reason: str, wait_s: float = 0.0, weight: int = 1) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.weight = weight  # in failures: where nobody answers, half the tries have to do


def fetch(
    urls: Sequence[str],
    target: Path,
    md5: str | None,
    locked: bool,
    pause_s: float = 0.5,
    timeout_s: float = READ_TIMEOUT_S,
) -> None:
    """Download a file from the first address that gives it. Raises FetchError; OSError where it can't be written.

    What an earlier attempt left is continued where the server can do that and `md5` can tell whether it fits together.
    `locked`: no other process fetches the same file. `pause_s` doubles with every failure in a row.
    """
    part = target.with_name(f".{target.name}.part{'' if locked else f'-{platform.node()}-{os.getpid()}'}")
    target.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    for url in urls:
        log.info("downloading %s from %s", target.name, url)
        try:
            with bar(target.name, in_bytes=True) as advance:
                _get_whole(url, part, md5, _Patience(pause_s, timeout_s), advance)
            part.replace(target)
            return
        except _RefusedError as error:
            reasons.append(f"{url}: {error}")
    raise FetchError("; ".join(reasons))


def md5_of(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class _Patience:
    """How long to wait, and how often to try again without a byte gained."""

    def __init__(self, pause_s: float, timeout_s: float) -> None:
        self._pause_s = pause_s
        self.timeout_s = timeout_s
        self._failures = 0

    def lose(self, error: _BrokenOffError, gained: bool) -> None:
        """Count a failure and wait. Raises _RefusedError when it was one too many."""
        self._failures = error.weight + (0 if gained else self._failures)
        if self._failures >= TRIES:
            raise _RefusedError(f"{error} ({TRIES // error.weight} tries)")
        time.sleep(min(LONGEST_WAIT_S, max(error.wait_s, self._pause_s * 2 ** (self._failures - 1))))


def _get_whole(url: str, part: Path, md5: str | None, patience: _Patience, advance: Advance) -> None:
    """Fill `part` and check it; a file that does not fit its checksum is fetched anew, once. Raises _RefusedError."""
    if md5 is None:
        part.unlink(missing_ok=True)
    _get(url, part, patience, advance)
    if md5 is None or md5_of(part) == md5:
        return
    part.unlink()
    _get(url, part, patience, advance)
    found = md5_of(part)
    if found != md5:
        part.unlink()
        raise _RefusedError(f"its MD5 is {found}, {md5} is published: it was changed or damaged there")


def _get(url: str, part: Path, patience: _Patience, advance: Advance) -> None:
    while True:
        before = _size(part)
        try:
            return _continue(url, part, patience.timeout_s, advance)
        except _BrokenOffError as error:
            log.info("%s: %s", url, error)
            patience.lose(error, gained=_size(part) > before)


def _continue(url: str, part: Path, timeout_s: float, advance: Advance) -> None:
    """Ask for what is missing and append it, or for everything where the server can't continue."""
    if not url.startswith(("http://", "https://")):
        raise _RefusedError("no address to download from; it begins with http:// or https://")
    have = _size(part)
    headers = {"User-Agent": "nnloop", "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        opener = urllib.request.build_opener()  # of its own: the shared one keeps the proxies of its first use
        response = opener.open(urllib.request.Request(url, headers=headers), timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:  # nothing is missing; the checksum decides
            return
        if error.code in BUSY:
            raise _BrokenOffError(f"HTTP {error.code} {error.reason}", _retry_after(error)) from None
        raise _RefusedError(f"HTTP {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        unreachable = isinstance(reason, ConnectionRefusedError | socket.gaierror)
        raise _BrokenOffError(_plain(error), weight=2 if unreachable else 1) from None
    with response:
        if response.headers.get_content_type() == "text/html":
            raise _RefusedError(
                "a web page came instead of the file (Google Drive sends one when its quota is used up)"
            )
        continued = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        with part.open("ab" if continued else "wb") as file:
            _copy(response, file, have if continued else 0, advance)


def _copy(response: http.client.HTTPResponse, file: BinaryIO, have: int, advance: Advance) -> None:
    total = None if response.length is None else have + response.length
    if total is not None and total - have > shutil.disk_usage(file.name).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for block in _blocks(response):
        file.write(block)
        have += len(block)
        advance(have, total or have)
    file.flush()
    os.fsync(file.fileno())
    if total is not None and have < total:
        raise _BrokenOffError(f"broke off after {have:,} of {total:,} bytes")


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            block = response.read1(BLOCK)  # what has come: nothing of it is lost when the rest does not
        except (OSError, http.client.HTTPException) as error:
            raise _BrokenOffError(_plain(error)) from None
        if not block:
            return
        yield block


def _retry_after(error: urllib.error.HTTPError) -> float:
    value = error.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else 0.0


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _plain(error: BaseException) -> str:
    reason = getattr(error, "reason", None) or error
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
