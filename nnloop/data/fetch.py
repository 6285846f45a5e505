"""The downloader: it resumes, retries and checks; a file gets its name only when it is complete."""

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
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import BinaryIO

from nnloop.data.progress_bar import Advance, bar

BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})  # HTTP statuses after which trying again makes sense
TRIES = 4  # failures in a row, without a new byte, until an address is given up
LONGEST_WAIT_S = 60.0
READ_TIMEOUT_S = 30.0
BLOCK = 1 << 18

log = logging.getLogger(__name__)


class FetchError(Exception):
    """No address gives the file; the message has each address with its reason."""


class _RefusedError(Exception):
    """An address that will not give the file, however often it is asked."""


class _BrokenOffError(Exception):
    """A connection that failed; trying again makes sense."""

    def __init__(self, reason: str, *, wait_s: float = 0.0, weight: int = 1) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.weight = weight  # in failures: an address that does not answer gets half the tries


def fetch(
    urls: Sequence[str],
    target: Path,
    *,
    md5: str | None,
    exclusive: bool,
    pause_s: float = 0.5,
    timeout_s: float = READ_TIMEOUT_S,
) -> None:
    """Download a file from the first address that gives it.

    The download continues an earlier attempt's part if the server can continue and `md5` is known, which tells whether
    the parts fit together. `exclusive`: no other process fetches the same file. `pause_s` doubles with every failure in
    a row. Raises FetchError if no address gives the file, OSError if it can't be written.
    """
    part = target.with_name(f".{target.name}.part{'' if exclusive else f'-{platform.node()}-{os.getpid()}'}")
    target.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    for url in urls:
        log.info("downloading %s from %s", target.name, url)
        try:
            with bar(target.name, in_bytes=True) as advance:
                _Download(url, part, advance=advance, pause_s=pause_s, timeout_s=timeout_s).get_checked(md5)
            part.replace(target)
            return
        except _RefusedError as error:
            reasons.append(f"{url}: {error}")
    raise FetchError("; ".join(reasons))


def md5_of(path: Path) -> str:
    """Return the MD5 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


@dataclass(slots=True)
class _Download:
    """The download of one file from one address into `part`, with retries."""

    url: str
    part: Path
    _: KW_ONLY
    advance: Advance
    pause_s: float
    timeout_s: float
    failures: int = 0  # in a row without a byte gained

    def get_checked(self, md5: str | None) -> None:
        """Fill `part`; a file with a wrong checksum is fetched again, once. Raises _RefusedError."""
        if md5 is None:
            self.part.unlink(missing_ok=True)
        for _ in range(2):
            self._get()
            actual = md5 and md5_of(self.part)
            if actual == md5:
                return
            self.part.unlink()
        raise _RefusedError(f"its MD5 is {actual}, {md5} is published: it was changed or damaged there")

    def _get(self) -> None:
        while True:
            before = _size(self.part)
            try:
                return self._continue()
            except _BrokenOffError as error:
                log.info("%s: %s", self.url, error)
                self._wait(error, gained=_size(self.part) > before)

    def _wait(self, error: _BrokenOffError, *, gained: bool) -> None:
        """Count a failure and wait. Raises _RefusedError after too many failures."""
        self.failures = error.weight + (0 if gained else self.failures)
        if self.failures >= TRIES:
            raise _RefusedError(f"{error} ({TRIES // error.weight} tries)")
        time.sleep(min(LONGEST_WAIT_S, max(error.wait_s, self.pause_s * 2 ** (self.failures - 1))))

    def _continue(self) -> None:
        """Ask for the missing bytes and append them; fetch the whole file if the server can't continue."""
        have = _size(self.part)
        response = _ask(self.url, have, timeout_s=self.timeout_s)
        if response is None:
            return  # nothing is missing; the checksum decides
        with response:
            if response.headers.get_content_type() == "text/html":
                raise _RefusedError(
                    "a web page came instead of the file (Google Drive sends one when its quota is used up)"
                )
            start = response.headers.get("Content-Range", "").partition("-")[0]
            continued = response.status == 206 and start == f"bytes {have}"
            with self.part.open("ab" if continued else "wb") as file:
                self._copy(response, file, have if continued else 0)

    def _copy(self, response: http.client.HTTPResponse, file: BinaryIO, have: int) -> None:
        total = None if response.length is None else have + response.length
        if total is not None and total - have > shutil.disk_usage(file.name).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        for block in _blocks(response):
            file.write(block)
            have += len(block)
            self.advance(have, total or have)
        file.flush()
        os.fsync(file.fileno())
        if total is not None and have < total:
            raise _BrokenOffError(f"broke off after {have:,} of {total:,} bytes")


def _ask(url: str, have: int, *, timeout_s: float) -> http.client.HTTPResponse | None:
    """Request a file from byte `have` on; None if the server says that it ends there."""
    if not url.startswith(("http://", "https://")):
        raise _RefusedError("no address to download from; it begins with http:// or https://")
    headers = {"User-Agent": "nnloop", "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        opener = urllib.request.build_opener()  # of its own: the shared one keeps the proxies of its first use
        return opener.open(urllib.request.Request(url, headers=headers), timeout=timeout_s)  # type: ignore[no-any-return]
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:
            return None
        if error.code in BUSY:
            raise _BrokenOffError(f"HTTP {error.code} {error.reason}", wait_s=_retry_after(error)) from None
        raise _RefusedError(f"HTTP {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        unreachable = isinstance(getattr(error, "reason", error), ConnectionRefusedError | socket.gaierror)
        raise _BrokenOffError(_plain(error), weight=2 if unreachable else 1) from None


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            block = response.read1(BLOCK)  # written at once, so that nothing received is lost if the connection breaks
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
