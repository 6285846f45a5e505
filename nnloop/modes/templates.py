"""The texts that prompts are made of: a set of files with placeholders, which a user may replace.

| mode.prompt, or else llm.prompt | the set |
|---|---|
| chat | the files of prompts/chat |
| paper | those of prompts/paper, which ask as the papers do; the rest as in chat |
| tiny | those of prompts/tiny, whose words llm=tiny was pre-trained on; the rest as in chat |
| a folder | its files, each under the name of one of chat's; the rest as in chat |
| a file | the prompt of the run's mode; the rest as in chat |

A placeholder is a name in braces; a brace that means itself stands twice. `context` and `limit` stand for whole lines
or for nothing, so text that follows them begins the next line.
"""

import functools
import importlib.resources
import string
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nnloop.errors import SettingsError

SETS = ("chat", "tiny", "paper")
"""The sets in the package."""

FORMS = ("delta", "search_replace", "full")
"""The templates that ask, of which a run uses one."""

_FACTS = (
    "hp",
    "transform",
    "params",
    "title",
    "description",
    "classes",
    "channels",
    "size",
    "training",
    "seconds",
    "header",
)
_PROMPT = (("code",), ("context", "accuracy", "limit", *_FACTS))
_PLACEHOLDERS: dict[str, tuple[Collection[str], Collection[str]]] = {
    **dict.fromkeys(FORMS, _PROMPT),
    "full": ((), (*_PROMPT[0], *_PROMPT[1])),  # a specification may ask for a network by itself
    "first": ((), ("context", "limit", *_FACTS)),
    "accuracy": (("accuracy",), ("training",)),
    "no_accuracy": ((), ("training",)),
    "limit": (("params",), ()),
    "attempt": (("suggestion", "outcome"), ("problem",)),
    "network": (("code",), ("accuracy",)),
    "crossover": (("items",), ()),
    "inspirations": (("items",), ()),
    "memory": (("items",), ()),
    "retry": (("prompt", "answer", "reason"), ("status",)),
}
"""By file: the placeholders that it must have, and those that it may have."""


@dataclass(frozen=True, slots=True)
class Templates:
    """The texts of a set, by the names of their files."""

    texts: Mapping[str, str]

    def fill(self, name: str, **values: object) -> str:
        """Write a template's text with the values in their places."""
        return self.texts[name].format(**values)

    def of(self, form: str) -> dict[str, str]:
        """Return the texts by which a run may ask in one form: `delta`, `search_replace` or `full`."""
        return {name: text for name, text in sorted(self.texts.items()) if name == form or name not in FORMS}

    def check_shows(self, name: str, placeholder: str, key: str) -> None:
        """Raise SettingsError if a template lacks the placeholder without which the setting `key` has no effect."""
        if placeholder not in _fields(self.texts[name]):
            raise SettingsError(f"mode.prompt: {name}.txt has no {{{placeholder}}}, without which {key} has no effect")


@functools.cache
def shipped(name: str) -> Templates:
    """Read one of the sets in the package."""
    folder = importlib.resources.files(__package__) / "prompts"
    files = [file for part in ("chat", name) for file in (folder / part).iterdir()]
    return Templates({file.name.removesuffix(".txt"): _text(file.read_text("utf-8")) for file in files})


def read(prompt: str, form: str, key: str = "mode.prompt") -> Templates:
    """Read the set that the setting `key` names; a single file is the template that asks in `form`.

    Raises SettingsError for a path without templates, and for a template with an unknown or missing placeholder.
    """
    if prompt in SETS:
        return shipped(prompt)
    path = Path(prompt).expanduser()
    files = {form: path} if path.is_file() else dict(_of_folder(path, f"{key}={prompt}"))
    own = {name: _read(file, name, key) for name, file in sorted(files.items())}
    return Templates({**shipped("chat").texts, **own})


def _of_folder(folder: Path, given: str) -> Iterator[tuple[str, Path]]:
    if not folder.is_dir():
        raise SettingsError(f"{given}: must be {', '.join(SETS)}, a folder of prompts or a file")
    files = sorted(folder.glob("*.txt"))
    unknown = [file.name for file in files if file.stem not in _PLACEHOLDERS]
    if unknown or not files:
        what = f"has {unknown[0]}, which is no prompt" if unknown else "has no prompts"
        allowed = ", ".join(f"{name}.txt" for name in _PLACEHOLDERS)
        raise SettingsError(f"{given}: {what}; there can be {allowed}")
    return ((file.stem, file) for file in files)


def _read(file: Path, name: str, key: str) -> str:
    try:
        text = _text(file.read_text("utf-8-sig"))
        fields = _fields(text)
    except OSError as error:
        raise SettingsError(f"{key}: {file} can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{key}: {file} is no UTF-8 text") from None
    except ValueError as error:
        raise SettingsError(f"{key}: {file}: {error}; a brace that means itself stands twice") from None
    needed, optional = _PLACEHOLDERS[name]
    for field in sorted(fields.difference(needed, optional)):
        allowed = ", ".join(f"{{{each}}}" for each in [*needed, *optional])
        raise SettingsError(
            f"{key}: {file} has {{{field}}}, which stands for nothing; allowed: {allowed}; a brace that means"
            " itself stands twice"
        )
    for field in needed:
        if field not in fields:
            raise SettingsError(f"{key}: {file} has no {{{field}}}, which it has to show")
    return text


def _fields(text: str) -> set[str]:
    """List the placeholders of a text. Raises ValueError for a lone brace, or a placeholder with a format."""
    fields: set[str] = set()
    for _, field, form, conversion in string.Formatter().parse(text):
        if form or conversion:
            raise ValueError(f"{{{field}}} has a format")
        fields |= set() if field is None else {field}
    return fields


def _text(content: str) -> str:
    return content.rstrip("\n")
