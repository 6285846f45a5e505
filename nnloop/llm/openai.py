"""A model behind an OpenAI-compatible server.

It can be tuned if its weights are here too (llm.weights) and the server takes adapters while it runs, as vLLM does
(POST load_lora_adapter): each cycle's fine-tune loads the weights here, and the server reads the adapter from the run's
folder, which it must see under the same path.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnloop.errors import ModelError
from nnloop.llm.answer_stream import Answer
from nnloop.llm.background import in_background
from nnloop.llm.engine import Request, Watch, guess_tokens, unwatched
from nnloop.llm.server import Server
from nnloop.llm.stopping import LONGEST, Ending, loops
from nnloop.llm.weights import named_weights, of_weights
from nnloop.modes.tagged import TAGS, end_of_answer
from nnloop.records import Completion
from nnloop.settings import OpenAiLlmSettings

if TYPE_CHECKING:
    from nnloop.llm.chat import Chat
    from nnloop.llm.hf import HfEngine

_LATEST = 500  # characters in which the closing tag is looked for while an answer comes in
CHAT_TOKENS = 64  # of a chat template around a prompt, where its tokens are estimated


class OpenAiEngine:
    """An engine whose model is behind a server. The server batches; `batch_size` requests are under way together.

    Each request carries its seed. Whether the same seed gives the same completion is up to the server.
    """

    adapter: str | None = None

    def __init__(self, settings: OpenAiLlmSettings, mode: str) -> None:
        """Connect to the server and load llm.adapter there if it is set. Raises ModelError."""
        self._settings = settings
        self._mode = mode
        self._limit = settings.max_new_tokens[mode]
        self._server = Server(settings)
        self._model = settings.model or self._first_model()
        if settings.model is not None:
            self._server.check_reached()
        self._start = None if settings.adapter is None else Path(settings.adapter)
        self._chat = self._read_chat()
        if self.trainable or self._start:
            self._check_takes_adapters()
        self.use_adapter(None)

    @property
    def trainable(self) -> bool:
        """True if the weights are here too."""
        return self._settings.weights is not None

    def generate(self, requests: Sequence[Request], watch: Watch = unwatched) -> Iterator[Completion]:
        """Yield completions as they come; one that the server refuses or answers with nonsense says so in `failure`."""
        bodies = [self._body(request) for request in requests]
        has_ended = partial(self._has_ended, watch=watch)
        answers = self._server.answers(bodies, at_once=self._settings.batch_size, has_ended=has_ended)
        start = time.perf_counter()
        with closing(in_background(answers)) as arriving:
            for number, answer in arriving:
                yield self._completion(requests[number], answer, time.perf_counter() - start)
                start = time.perf_counter()

    def fits(self, text: str) -> bool:
        """Return whether prompt and completion fit in llm.context_length; an estimate without llm.weights."""
        tokens = guess_tokens(text) + CHAT_TOKENS if self._chat is None else len(self._chat.encode(text))
        return tokens + self._limit <= self._settings.context_length

    def writes(self, text: str) -> bool:
        """Return whether a completion of this text, with the token that ends it, stays within llm.max_new_tokens."""
        return self.count(text) < self._limit

    def count(self, text: str) -> int:
        """Count a text's tokens; an estimate without llm.weights, whose tokenizer is read."""
        if self._chat is None:
            return guess_tokens(text)
        return len(self._chat.tokenizer(text, add_special_tokens=False)["input_ids"])

    def use_adapter(self, folder: Path | None) -> None:
        """Let the server load the adapter, under its hash, and ask for it from now on. Raises ModelError."""
        folder, before = folder or self._start, self.adapter
        self.adapter = None
        if folder is not None:
            self._check_takes_adapters()
            from nnloop.llm.adapter_files import adapter_hash

            self.adapter = adapter_hash(folder)
            body = {"lora_name": self.adapter, "lora_path": str(folder.resolve())}
            self._server.call("load_lora_adapter", body, known="already")
        if before and before != self.adapter:
            self._server.call("unload_lora_adapter", {"lora_name": before}, known="not")

    def trainer(self) -> "HfEngine":
        """Load the weights here and return their engine, to be tuned; the caller closes it."""
        from nnloop.llm.hf import HfEngine

        with named_weights():
            return HfEngine(of_weights(self._settings), self._mode)

    def offload(self) -> None:
        """Do nothing: the memory is the server's."""

    def close(self) -> None:
        """Do nothing: the memory is the server's."""

    def _first_model(self) -> str:
        models = self._server.models()
        if not models:
            raise ModelError(f"llm.base_url={self._settings.base_url}: offers no model; name one by llm.model")
        return models[0]

    def _read_chat(self) -> "Chat | None":
        if self._settings.weights is None:
            return None
        from nnloop.llm.chat import Chat
        from nnloop.llm.pretrained import load_tokenizer

        with named_weights():
            tokenizer = load_tokenizer(of_weights(self._settings))
            return Chat(tokenizer, self._settings.system, self._settings.template).check()

    def _check_takes_adapters(self) -> None:
        """Ask for an adapter without naming one: a server that takes adapters objects to the missing name alone."""
        if self._server.refuses("load_lora_adapter", (404, 405, 501)):
            raise ModelError(
                f"llm.base_url={self._settings.base_url}: takes no adapters while it runs (vLLM does, with"
                " --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True); use finetune=off, without llm.adapter"
            )

    def _body(self, request: Request) -> dict[str, Any]:
        """Make a request's fields; llm.request adds fields, replaces them, or drops them by null."""
        fields = {
            "temperature": self._settings.temperature,
            "top_p": self._settings.top_p,
            "max_tokens": self._limit,
            "seed": request.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
            "chat_template_kwargs": self._settings.template or None,
            **self._settings.request,
        }
        fields |= fields.pop("extra_body", None) or {}  # where the client's users put fields that it does not know
        system = self._settings.system
        return {
            "model": self.adapter or self._model,
            "messages": [
                *([] if system is None else [{"role": "system", "content": system}]),
                {"role": "user", "content": request.prompt.text},
            ],
            **{name: value for name, value in fields.items() if value is not None},
        }

    def _has_ended(self, text: str, watch: Watch) -> bool:
        """Tell whether a text that comes in is at its end, by the rules of `nnloop.llm.decode`."""
        watch(1)  # servers send a token at a time, or about
        closed = f"</{TAGS[self._mode]}>" in text[-_LATEST:] and end_of_answer(text, self._mode) is not None
        return closed or loops(text[-LONGEST * self._settings.max_repeats :], self._settings.max_repeats)

    def _completion(self, request: Request, answer: Answer | str, seconds: float) -> Completion:
        """Make the completion; tokens that the server does not count are estimated, so that budgets hold."""
        if isinstance(answer, str):
            return request.answer("", seconds, adapter=self.adapter, failure=answer)
        tokens, prompt_tokens = answer.tokens, answer.prompt_tokens
        end = end_of_answer(answer.text, self._mode)
        unended = Ending.LOOP if answer.left else Ending.LIMIT if answer.truncated else Ending.ANSWER
        return request.answer(
            answer.text[:end],
            seconds,
            tokens=self.count(answer.text) if tokens is None else tokens,
            prompt_tokens=self.count(request.prompt.text) if prompt_tokens is None else prompt_tokens,
            adapter=self.adapter,
            ending=unended if end is None else Ending.ANSWER,
        )
