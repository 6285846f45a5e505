"""A local server that speaks the OpenAI protocol and echoes, and takes adapters as vLLM does, if it is told to."""

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
    listing: int = 200  # status of its list of models
    takes_adapters: bool = False
    adapters: dict[str, str] = field(default_factory=dict)  # path by name
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def change_adapters(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        """Load or unload one; status and text are those of vLLM."""
        name = body.get("lora_name")
        if not name:
            return 400, "Both 'lora_name' and 'lora_path' must be provided."
        if path.endswith("unload_lora_adapter"):
            known = self.adapters.pop(name, None)
            return (200, f"Success: LoRA adapter '{name}' removed successfully.") if known else (404, "not found")
        if name in self.adapters:
            return 400, f"The lora adapter '{name}' has already been loaded."
        self.adapters[name] = body["lora_path"]
        return 200, f"Success: LoRA adapter '{name}' added successfully."

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
            self.reply(state.listing, {"data": [{"id": "served"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("lora_adapter"):
                status, text = state.change_adapters(self.path, body) if state.takes_adapters else (404, "Not Found")
                self.send(status, text)
                return
            if body["model"] not in {"served", *state.adapters}:
                self.reply(404, {"error": f"no model {body['model']}"})
                return
            state.asked.append(body)
            state.keys.append(self.headers["Authorization"])
            if len(state.asked) <= state.failures:
                self.reply(state.status, {"error": "not\nnow"})
            else:
                self.reply(200, state.answer(body))

        def reply(self, status: int, body: dict[str, Any]) -> None:
            self.send(status, json.dumps(body))

        def send(self, status: int, text: str) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield state
    http.shutdown()
    http.server_close()
