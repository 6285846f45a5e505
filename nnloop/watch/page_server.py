"""The server of job=watch: on the loopback, for whoever has the address with its random token, and to read alone.

Covers: pages of other sites (the token, the Host and the Origin are checked, so that no name that was bound to the
loopback's address meanwhile reaches it), frames, and markup in what a run holds (the page puts text alone, and its
policy lets no other script run). Not covered: other users of this machine who can see the address in a process list or
a terminal, and whoever can read this process.
"""

import asyncio
import hmac
import json
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from nnloop.errors import RunFolderError
from nnloop.report.measures.read import read
from nnloop.report.web.html import STYLE
from nnloop.report.web.run_page import run_page
from nnloop.report.web.text_store import BlockCache
from nnloop.watch.run_view import RunView

LOOK_S = 1.0
FIND_S = 10.0
"""Seconds between two looks for new run folders."""
MOST_RUNS = 100
MOST_READERS = 32
_PING_S = 15.0
_HERE = Path(__file__).parent
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_REPORT_POLICY = "sandbox allow-scripts allow-popups allow-downloads; frame-ancestors 'none'"
"""The report brings its own policy; here it gets an origin of its own."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Watcher:
    """The views of all runs, and the readers that wait for their next state."""

    def __init__(self, find: Callable[[], list[Path]]) -> None:
        """`find` returns the run folders; runs that begin later are found too."""
        self._find = find
        self.views: list[RunView] = []
        self.state = ""  # JSON
        self.readers = 0
        self._left_out = 0
        self._searched_at = float("-inf")
        self._changed = asyncio.Condition()

    async def keep_looking(self) -> None:
        """Look every LOOK_S, and wake the readers."""
        while True:
            self.state = await asyncio.to_thread(self.look)
            async with self._changed:
                self._changed.notify_all()
            await asyncio.sleep(LOOK_S)

    def look(self) -> str:
        """Look at all runs, and return their states as JSON on one line."""
        if time.monotonic() - self._searched_at > FIND_S:
            self._searched_at = time.monotonic()
            known = {view.path for view in self.views}
            new = [path for path in self._find() if path not in known]
            self.views += [RunView(path) for path in new[: MOST_RUNS - len(known)]]
            self._left_out = max(0, len(known) + len(new) - MOST_RUNS)
        states = [view.look() for view in self.views]
        return json.dumps({"time": round(time.time()), "left_out": self._left_out, "runs": states})

    async def next(self) -> str | None:
        """Wait for the next state; None if that takes longer than a connection may be silent."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PING_S), self._changed:
                await self._changed.wait()
                return self.state
        return None


def application(watcher: Watcher, token: str) -> web.Application:
    """Return the server's handlers, all below /<token>/."""
    app = web.Application(middlewares=[_guard(token)], client_max_size=1024)
    rendering = asyncio.Lock()

    async def events(request: web.Request) -> web.StreamResponse:
        if watcher.readers >= MOST_READERS:
            raise web.HTTPServiceUnavailable(text="too many pages are open")
        response = web.StreamResponse(headers=_HEADERS | {"Content-Type": "text/event-stream"})
        watcher.readers += 1
        try:
            await response.prepare(request)
            state: str | None = watcher.state
            while True:
                await response.write(f"event: state\ndata: {state}\n\n".encode() if state else b": ping\n\n")
                state = await watcher.next()
        except ConnectionResetError:
            return response
        finally:
            watcher.readers -= 1

    async def answer(request: web.Request) -> web.StreamResponse:
        view, cycle, slot = _view(request, watcher), _number(request, "cycle"), _number(request, "slot")
        known = view.answer(cycle, slot)
        if known is None:
            raise web.HTTPNotFound(text="this answer is not kept here")
        return web.json_response(known, headers=_HEADERS)

    async def report(request: web.Request) -> web.StreamResponse:
        view = _view(request, watcher)
        async with rendering:
            try:
                page = await asyncio.to_thread(lambda: run_page(read(view.path).so_far, BlockCache()))
            except (RunFolderError, OSError) as error:
                raise web.HTTPNotFound(text=f"no report: {error}") from None
        headers = _HEADERS | {"Content-Security-Policy": _REPORT_POLICY}
        return web.Response(text=page, content_type="text/html", headers=headers)

    app.router.add_get("/{token}/", _file(_HERE / "page.html", "text/html"))
    app.router.add_get("/{token}/watch.js", _file(_HERE / "watch.js", "text/javascript"))
    app.router.add_get("/{token}/style.css", _file([STYLE, _HERE / "watch.css"], "text/css"))
    app.router.add_get("/{token}/events", events)
    app.router.add_get("/{token}/answer", answer)
    app.router.add_get("/{token}/report", report)
    return app


async def serve(
    find: Callable[[], list[Path]], *, port: int, token: str, show: Callable[[int, int], None] = lambda port, runs: None
) -> None:
    """Serve until cancelled; `show` gets the port and the number of runs once requests are answered.

    `port` 0: any free one. Raises OSError if the port is in use.
    """
    watcher = Watcher(find)
    watcher.state = await asyncio.to_thread(watcher.look)
    runner = web.AppRunner(application(watcher, token), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    looking = asyncio.create_task(watcher.keep_looking())
    try:
        listening = socket.create_server(("127.0.0.1", port))
        await web.SockSite(runner, listening).start()
        show(listening.getsockname()[1], len(watcher.views))
        await looking
    finally:
        looking.cancel()
        await runner.cleanup()


def _guard(token: str) -> Any:
    """Return the check of every request; whoever lacks the token learns nothing."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        response: web.StreamResponse
        try:
            if not _is_local(request.headers.get("Host", "")):
                raise web.HTTPForbidden(text="this name is not this machine's")
            origin = request.headers.get("Origin")
            if origin is not None and not _is_local(origin.partition("://")[2]):
                raise web.HTTPForbidden(text="this page is another site's")
            given = request.path.split("/")[1]
            if not hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()):
                raise web.HTTPNotFound(text="nothing is here")
            return await handler(request)
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=error.text, headers=_HEADERS)
            response.headers.update({"Allow": "GET, HEAD"} if error.status == 405 else {})
            return response

    return guard


def _is_local(host: str) -> bool:
    """Tell whether a Host names the loopback; its port is any, since SSH may forward another one."""
    name, colon, port = host.rpartition(":")
    return host in _LOCAL or (bool(colon) and name in _LOCAL and port.isdecimal())


def _file(parts: Path | list[Path], kind: str) -> Handler:
    text = "\n".join(path.read_text("utf-8") for path in ([parts] if isinstance(parts, Path) else parts))

    async def send(request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type=kind, headers=_HEADERS)

    return send


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        raise web.HTTPBadRequest(text=f"{name} has to be a number")
    return int(text)


def _view(request: web.Request, watcher: Watcher) -> RunView:
    number = _number(request, "run")
    if number >= len(watcher.views):
        raise web.HTTPNotFound(text="no such run")
    return watcher.views[number]
