"""Networks from their source, outside any sandbox."""

from typing import Any


def build(code: str, batch: int, channels: int, size: int, classes: int) -> Any:
    scope: dict[str, Any] = {}
    exec(code, scope)
    return scope["Net"]((batch, channels, size, size), (classes,), {}, "cpu")
