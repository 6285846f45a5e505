"""LLM-driven neural architecture search as a closed loop. docs/python.md shows the calls."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnloop.api import SearchResult, evaluate, job, load, search
    from nnloop.errors import UserError

__version__ = "0.1.0"
__all__ = ["SearchResult", "UserError", "evaluate", "job", "load", "search"]


def __getattr__(name: str) -> Any:
    """Import the calls when the first is used: trials import this package too, and need none of them."""
    if name not in __all__:
        raise AttributeError(f"module 'nnloop' has no attribute {name!r}")
    from nnloop import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
