"""A loopback stand-in for W&B's server: enough of its protocol for runs, history, artifacts and resuming. No proof
against the real service."""

import gzip
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


class FakeWandb:
    """Serves on a free port of the loopback; what arrived is in `runs`, `artifacts` and `files`."""

    def __init__(self, status: int = 200) -> None:
        """`status` other than 200 answers every request with it."""
        self.status = status
        self.runs: dict[str, dict[str, Any]] = {}
        self.artifacts: dict[str, dict[str, Any]] = {}
        self.used: list[str] = []  # names of artifacts that are an input of the run
        self.files: set[str] = set()
        self.views: list[dict[str, Any]] = []
        self.charts: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        fake = self

        class Handler(_Handler):
            server_state = fake

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def run(self, name: str) -> dict[str, Any]:
        return self.runs.setdefault(name, {"history": [], "summary": {}, "config": "{}", "exit": None})

    def answer(self, operation: str, values: dict[str, Any]) -> dict[str, Any] | None:
        reply = getattr(self, f"_{operation}", None)
        found: dict[str, Any] | None = reply(values) if reply else None
        return found

    def _Viewer(self, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"viewer": {"id": "U", "entity": "local", "username": "ci", "flags": "{}", "teams": {"edges": []}}}

    def _ServerFeaturesQuery(self, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"serverInfo": {"features": []}}

    def _UpsertBucket(self, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        new = values["name"] not in self.runs
        run = self.run(values["name"])
        run["config"] = values.get("config") or run["config"]
        run["group"] = values.get("groupName") or run.get("group")
        project = {"id": "P", "name": values.get("project"), "entity": {"id": "E", "name": "local"}}
        bucket = {"id": values["name"], "name": values["name"], "displayName": "", "config": run["config"]}
        bucket |= {"description": "", "sweepName": None, "historyLineCount": len(run["history"]), "project": project}
        return {"upsertBucket": {"inserted": new, "bucket": bucket}}

    def _RunResumeStatus(self, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        run, bucket = self.runs.get(values["name"]), None
        if run is not None:
            tail = json.dumps([json.dumps(row) for row in run["history"][-1:]])
            bucket = {"id": values["name"], "name": values["name"], "summaryMetrics": json.dumps(run["summary"])}
            bucket |= {"logLineCount": 0, "historyLineCount": len(run["history"]), "eventsLineCount": 0, "tags": []}
            bucket |= {"historyTail": tail, "eventsTail": "[]", "config": run["config"], "notes": ""}
            bucket |= {"displayName": "", "wandbConfig": '{"t": 1}'}
        entity = {"id": "E", "name": "local"}
        return {"model": {"id": "P", "name": values.get("project"), "entity": entity, "bucket": bucket}}

    def _CreateRunFiles(self, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        files = [{"name": name, "uploadUrl": f"{self.url}/storage/{name}"} for name in values["files"]]
        return {"createRunFiles": {"runID": values["run"], "uploadHeaders": [], "files": files}}

    def _CreateArtifact(self, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        given, name = values["input"], f"A{len(self.artifacts)}"
        collections = given.get("artifactCollectionNames") or [given.get("artifactCollectionName")]
        self.artifacts[name] = {"type": given["artifactTypeName"], "name": collections[0], "committed": False}
        sequence = {"latestArtifact": None}
        return {"createArtifact": {"artifact": {"id": name, "state": "PENDING", "artifactSequence": sequence}}}

    def _CreateArtifactManifest(self, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        file = {"id": "M", "uploadUrl": f"{self.url}/storage/manifest", "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": values["artifactID"], "file": file}}}

    def _CreateArtifactFiles(self, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        nodes = []
        for file in values["input"]["artifactFiles"]:
            node = {"storagePath": file["name"], "uploadUrl": f"{self.url}/storage/{file['name']}", "uploadHeaders": []}
            nodes.append({"node": node | {"uploadMultipartUrls": None, "artifact": {"id": file["artifactID"]}}})
        return {"createArtifactFiles": {"files": {"edges": nodes}}}

    def _UpsertView2(self, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.views.append(values)
        view = {key: values.get(key) for key in ("name", "displayName", "type", "spec")} | {
            "id": "V",
            "description": "",
        }
        view["project"] = {"id": "P", "name": values["projectName"], "entityName": values["entityName"]}
        view |= {"user": {"id": "U", "username": "ci"}, "updatedAt": "2026-01-01T00:00:00Z"}
        return {"upsertView": {"inserted": True, "view": view | {"createdAt": "2026-01-01T00:00:00Z"}}}

    def _CreateCustomChart(self, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.charts.append(values)
        return {"createCustomChart": {"chart": {"id": f"{values['entity']}/{values['chartName']}"}}}

    def _UseArtifact(self, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.used.append(self.artifacts[values["input"]["artifactID"]]["name"])
        return {"useArtifact": {"artifact": {"id": values["input"]["artifactID"], "digest": ""}}}

    def _CommitArtifact(self, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.artifacts[values["artifactID"]]["committed"] = True
        return {"commitArtifact": {"artifact": {"id": values["artifactID"], "digest": ""}}}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: FakeWandb

    def do_GET(self) -> None:
        self._reply({})

    def do_PUT(self) -> None:
        self._body()
        self.server_state.files.add(self.path.removeprefix("/storage/"))
        self._reply({})

    def do_POST(self) -> None:
        body, fake = self._body(), self.server_state
        stream = re.match(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path)
        with fake.lock:
            if self.path == "/graphql":
                self._reply(self._graphql(json.loads(body)))
            else:
                if stream and fake.status == 200:
                    self._stream(fake.run(stream[1]), json.loads(body))
                self._reply({"exitcode": None, "limits": {}})

    def _graphql(self, query: dict[str, Any]) -> dict[str, Any]:
        found = re.search(r"\b(?:query|mutation)\s+(\w+)", query["query"])
        data = self.server_state.answer(found[1] if found else "", query.get("variables") or {})
        return {"data": data} if data else {"errors": [{"message": "not implemented"}]}

    def _stream(self, run: dict[str, Any], data: dict[str, Any]) -> None:
        files = data.get("files") or {}
        run["history"] += [json.loads(row) for row in files.get("wandb-history.jsonl", {}).get("content", [])]
        for row in files.get("wandb-summary.json", {}).get("content", []):
            run["summary"] = json.loads(row)
        run["exit"] = data.get("exitcode", run["exit"])

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _reply(self, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        self.send_response(self.server_state.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, status: int = 200) -> Iterator[FakeWandb]:
    """Start a server, and let W&B find it and a key."""
    fake = FakeWandb(status)
    monkeypatch.setenv("WANDB_BASE_URL", fake.url)
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    try:
        yield fake
    finally:
        fake.close()
