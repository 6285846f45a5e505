"""An OpenAI-compatible server, asked by the official client.

The client forms requests and tries again after a refusal that may pass. What it leaves open is bounded here: the time
of a whole answer, the bytes of a response, a long Retry-After, and where the key goes (no redirect is followed).
"""

import asyncio
import email.utils
import math
import os
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, closing
from functools import cache
from typing import Any, cast
from urllib.parse import urlsplit

from nnloop.errors import ModelError
from nnloop.llm.answer_stream import Answer, AnswerError, message_of, read_answer
from nnloop.llm.background import in_background
from nnloop.settings import OpenAiLlmSettings

try:
    import httpx2
    from openai import APIConnectionError, APIStatusError, AsyncOpenAI, DefaultAsyncHttpxClient, Omit, OpenAIError
except ImportError as error:
    raise ModelError(f"llm.engine=openai: {error}; pip install 'nnloop[api]'") from None

RESPONSE_BYTES = 32_000_000  # of one response; a streamed token takes about 300
OBEYED_S = 120.0  # a Retry-After up to which the client itself waits
PASSING = frozenset({408, 409, 429})  # HTTP statuses, beside those from 500 on, after which trying again makes sense

NO_ANSWER = (OpenAIError, httpx2.HTTPError, AnswerError, TimeoutError)
"""What a request may end with through no fault of ours."""

Body = dict[str, Any]


class Server:
    """The server of llm.base_url."""

    def __init__(self, settings: OpenAiLlmSettings) -> None:
        self._url = settings.base_url
        self._tries = settings.tries
        self._timeout_s = settings.timeout_s
        self._key_variable = settings.key_variable
        self._key = os.environ.get(settings.key_variable, "").strip()
        self._check()
        self._headers: Mapping[str, Any] = {} if self._key else {"Authorization": Omit()}

    def _check(self) -> None:
        try:
            url = urlsplit(self._url)
            whole = url.scheme in ("http", "https") and url.hostname and url.port != 0
        except ValueError:
            whole = False
        if not whole:
            raise ModelError(f"llm.base_url={self._url}: must be an address such as http://localhost:8000/v1")
        if not (self._key.isascii() and self._key.isprintable()):
            raise ModelError(f"llm.key_variable={self._key_variable}: the key there has characters that no key has")

    def models(self) -> list[str]:
        """Return the names of the models that it offers. Raises ModelError."""
        response = self.call("models")
        try:
            return [str(model["id"]) for model in response.json()["data"]]
        except (LookupError, TypeError, ValueError):
            raise self._error("models", f"no list of models: {' '.join(response.text[:200].split())}") from None

    def check_reached(self) -> None:
        """Raise ModelError where the server can't be reached or refuses the key; it need not list its models."""
        try:
            self._send("models", None, tries=self._tries)
        except NO_ANSWER as error:
            if not isinstance(error, APIStatusError) or error.status_code == 401:
                raise self._error("models", self._reason(error)) from None

    def call(self, path: str, body: Body | None = None, known: str = "") -> httpx2.Response:
        """Send a GET, or a POST with a body. Raises ModelError.

        A refusal whose text contains `known` is returned like a success: the server is in the wanted state already.
        """
        try:
            return self._send(path, body, tries=self._tries)
        except APIStatusError as error:
            if known and known in error.response.text:
                return error.response
            raise self._error(path, self._reason(error)) from None
        except NO_ANSWER as error:
            raise self._error(path, self._reason(error)) from None

    def refuses(self, path: str, statuses: Sequence[int]) -> bool:
        """Tell whether the server answers a POST without fields with one of these HTTP statuses."""
        try:
            self._send(path, {}, tries=1)
        except APIStatusError as error:
            return error.status_code in statuses
        except NO_ANSWER:
            pass  # the next call reports it
        return False

    def answers(
        self, bodies: Sequence[Body], *, at_once: int, has_ended: Callable[[str], bool]
    ) -> AsyncGenerator[tuple[int, Answer | str], None]:
        """Yield the number of each body with its answer as it comes, or with the reason why there is none."""
        return self._answers(bodies, asyncio.Semaphore(at_once), has_ended)

    async def _answers(
        self, bodies: Sequence[Body], gate: asyncio.Semaphore, has_ended: Callable[[str], bool]
    ) -> AsyncGenerator[tuple[int, Answer | str], None]:
        async with self._client(self._tries) as client:

            async def ask(number: int) -> tuple[int, Answer | str]:
                async with gate:
                    return number, await self._answer(client, bodies[number], has_ended)

            tasks = [asyncio.create_task(ask(number)) for number in range(len(bodies))]
            try:
                for finished in asyncio.as_completed(tasks):
                    yield await finished
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, client: AsyncOpenAI, body: Body, has_ended: Callable[[str], bool]) -> Answer | str:
        """Return the answer, or the reason why there is none."""
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                for _ in range(self._tries - 1):
                    try:
                        return await self._ask(client, body, has_ended)
                    except (APIStatusError, httpx2.TransportError) as error:
                        wait_s = _wait_s(error)
                        left_s = (limit.when() or math.inf) - asyncio.get_running_loop().time()
                        if wait_s is None or wait_s > left_s:
                            raise
                        await asyncio.sleep(wait_s)
                return await self._ask(client, body, has_ended)
        except NO_ANSWER as error:
            return self._reason(error)

    async def _ask(self, client: AsyncOpenAI, body: Body, has_ended: Callable[[str], bool]) -> Answer:
        fields = dict(body)
        named = {name: fields.pop(name) for name in ("model", "messages")}
        asked = client.chat.completions.with_streaming_response.create(
            **named, extra_body=fields, extra_headers=self._headers
        )
        async with asked as response:
            kind = str(response.headers.get("content-type", ""))
            async with aclosing(cast(AsyncGenerator[bytes, None], response.iter_bytes())) as parts:
                return await read_answer(parts, kind, has_ended)

    def _send(self, path: str, body: Body | None, *, tries: int) -> httpx2.Response:
        async def send() -> AsyncGenerator[httpx2.Response, None]:
            options: Any = {"headers": self._headers}
            async with self._client(tries) as client, asyncio.timeout(self._timeout_s):
                if body is None:
                    response = await client.get(path, cast_to=httpx2.Response, options=options)
                else:
                    response = await client.post(path, cast_to=httpx2.Response, body=body, options=options)
            yield response

        with closing(in_background(send())) as responses:
            return next(responses)

    def _client(self, tries: int) -> AsyncOpenAI:
        return AsyncOpenAI(
            api_key=self._key or "none",  # the client wants one; without a key no header is sent
            base_url=self._url,
            max_retries=tries - 1,
            timeout=self._timeout_s,
            default_headers={"Accept-Encoding": "identity"},
            http_client=DefaultAsyncHttpxClient(
                follow_redirects=False, verify=_certificates(), event_hooks={"response": [_bound]}
            ),
        )

    def _error(self, path: str, reason: str) -> ModelError:
        return ModelError(f"llm.base_url={self._url}: {path}: {reason}")

    def _reason(self, error: BaseException) -> str:
        """Say in one line why there is no answer; a key that the server sends back is left out."""
        text = self._told(error)
        return " ".join((text.replace(self._key, "***") if self._key else text).split())[:400]

    def _told(self, error: BaseException) -> str:
        if isinstance(error, TimeoutError):
            return f"no whole answer within llm.timeout_s={self._timeout_s:g}"
        if isinstance(error, APIStatusError):
            message = message_of(error.body or error.response.reason_phrase)
            return f"HTTP {error.status_code}: {message}{self._remedy(error)}"
        if isinstance(error, APIConnectionError) and error.__cause__:
            error = error.__cause__
        return str(error) or type(error).__name__

    def _remedy(self, error: APIStatusError) -> str:
        headers = error.response.headers
        if error.response.has_redirect_location:
            return f"; redirects are not followed: give {headers['location']} as llm.base_url if you trust it"
        if error.status_code == 401:
            state = "was refused" if self._key else "is not set"
            return f"; the key in the environment variable {self._key_variable} (llm.key_variable) {state}"
        wait_s = _retry_after_s(headers)
        if wait_s is not None and wait_s > OBEYED_S:
            return f"; it asks to wait {wait_s:,.0f} s, and llm.timeout_s={self._timeout_s:g} is the limit of all tries"
        return ""


@cache
def _certificates() -> ssl.SSLContext:
    """Read the certificates that are trusted, once: it takes longer than a request."""
    return httpx2.create_ssl_context()


class _BoundedStream(httpx2.AsyncByteStream):
    """A response's bytes, up to RESPONSE_BYTES."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = RESPONSE_BYTES
        async for part in self._stream:
            left -= len(part)
            if left < 0:
                raise AnswerError(f"more than {RESPONSE_BYTES / 1e6:g} MB in one response")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx2.Response) -> None:
    response.stream = _BoundedStream(cast(httpx2.AsyncByteStream, response.stream))


def _wait_s(error: APIStatusError | httpx2.TransportError) -> float | None:
    """Return the seconds after which to try once more where the client does not: a long Retry-After, a broken stream.

    None: no further try makes sense, or the client has made them all.
    """
    if not isinstance(error, APIStatusError):
        return 1.0
    wait_s = _retry_after_s(error.response.headers)
    passing = error.status_code in PASSING or error.status_code >= 500
    return wait_s if passing and wait_s is not None and wait_s > OBEYED_S else None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read the header Retry-After: seconds, or a date."""
    given = headers.get("retry-after", "")
    try:
        wait_s = float(given)
    except ValueError:
        try:
            wait_s = email.utils.parsedate_to_datetime(given).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return None if math.isnan(wait_s) else wait_s
