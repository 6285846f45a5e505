"""A local server that speaks the OpenAI protocol and echoes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Server:
    """Answers each question with itself and its seed; fails the first `failures` questions with `status`."""

    url: str = ""
    failures: int = 0
    status: int = 503
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        text = f"{body['messages'][0]['content']} {body['seed']}"
        reason = "length" if body["seed"] == 2 else "stop"
        usage = {"prompt_tokens": 5, "completion_tokens": 7}
        return {"choices": [{"message": {"content": text}, "finish_reason": reason}], "usage": usage}


@contextmanager
def serve() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(200, {"data": [{"id": "served"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append(body)
            state.keys.append(self.headers["Authorization"])
            if len(state.asked) <= state.failures:
                self.reply(state.status, {"error": "not\nnow"})
            else:
                self.reply(200, state.answer(body))

        def reply(self, status: int, body: dict[str, Any]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield state
    http.shutdown()
    http.server_close()
