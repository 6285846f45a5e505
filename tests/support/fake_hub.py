"""A model hub on loopback that speaks as much of the Hugging Face hub's protocol as loading a checkpoint needs.

What a repository does is in its name: `org/gated-401` and `org/gated-403` show their metadata and refuse their files,
`org/closed` refuses both, `org/huge` claims weights of an exabyte, `org/small` gives all files of the folder;
every other name is unknown.
"""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORIES = ("org/small", "org/huge", "org/gated-401", "org/gated-403")
REFUSED = {"org/gated-401": 401, "org/gated-403": 403, "org/closed": 403}


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve the checkpoint in the folder; gives the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, with_body: bool) -> None:
            path = self.path.partition("?")[0].strip("/").split("/")
            status, headers, body = (
                _metadata(folder, path[2:]) if path[:2] == ["api", "models"] else _file(folder, path)
            )
            self.send_response(status)
            for name, value in {"X-Repo-Commit": COMMIT, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


Answer = tuple[int, dict[str, str], bytes]


def _metadata(folder: Path, path: list[str]) -> Answer:
    """/api/models/<owner>/<name>[/revision/<revision>], or /tree/<revision>/<folder>, which is empty"""
    if path[2:3] == ["tree"]:
        return 200, {"Content-Type": "application/json"}, b"[]"
    repository, revision = "/".join(path[:2]), path[3] if path[2:3] == ["revision"] else "main"
    if repository == "org/closed":
        return _refusal(403, "GatedRepo")
    if repository not in REPOSITORIES:
        return _refusal(404, "RepoNotFound")
    if revision not in ("main", COMMIT):
        return _refusal(404, "RevisionNotFound")
    sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
    sizes |= {"model.safetensors": 10**18} if repository == "org/huge" else {}
    files = [{"rfilename": name, "size": size} for name, size in sizes.items()]
    body = {"id": repository, "modelId": repository, "sha": COMMIT, "private": False, "siblings": files}
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


def _file(folder: Path, path: list[str]) -> Answer:
    """/<owner>/<name>/resolve/<revision>/<file>"""
    repository, file = "/".join(path[:2]), folder / "/".join(path[4:])
    if repository in REFUSED:
        return _refusal(REFUSED[repository], "GatedRepo")
    if path[2:3] != ["resolve"] or not file.is_file():
        return _refusal(404, "EntryNotFound")
    body = file.read_bytes()
    return 200, {"ETag": f'"{hashlib.sha256(body).hexdigest()}"'}, body


def _refusal(status: int, code: str) -> Answer:
    return status, {"X-Error-Code": code, "X-Error-Message": code}, b"{}"
