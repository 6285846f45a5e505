"""The weights that are loaded here: those of a served LLM that is tuned here, and the name of those of a run."""

import contextlib
from collections.abc import Iterator
from dataclasses import fields
from hashlib import file_digest, sha256
from pathlib import Path

from nnloop.errors import ModelError, SettingsError
from nnloop.llm import hub
from nnloop.settings import HfLlmSettings, LlmSettings, OpenAiLlmSettings
from nnloop.settings.models import CausalLlmSettings


def weights_digest(settings: LlmSettings) -> str | None:
    """Return the hub's commit of the LLM's checkpoint, or the hash of its folder's files; with an adapter, of both.

    None without an LLM, and for one behind a server, which does not tell. Raises ModelError for a missing model.
    """
    if not isinstance(settings, HfLlmSettings):
        return None
    source = hub.find(settings.model, settings.revision)
    base = source.commit or _hash(Path(source.path), source.gguf)
    return base if settings.adapter is None else f"{base}, adapter {_hash(Path(settings.adapter))}"


def _hash(folder: Path, only: str | None = None) -> str:
    """Return the hash of a folder's files and their names, without documentation; or of `only` this one."""
    whole, files = sha256(), [path for path in folder.iterdir() if path.is_file() and path.suffix != ".md"]
    for path in sorted(path for path in files if only in (None, path.name)):
        with path.open("rb") as file:
            whole.update(f"{path.name} {file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()[:12]


def of_weights(settings: OpenAiLlmSettings) -> HfLlmSettings:
    """Return the settings that load llm.weights here. What llm.engine=hf alone has matters to no fine-tune."""
    shared = {field.name: getattr(settings, field.name) for field in fields(CausalLlmSettings)}
    model = str(settings.weights)
    return HfLlmSettings(**shared, engine="hf", model=model, offload=False, top_k=0)


@contextlib.contextmanager
def named_weights() -> Iterator[None]:
    """Let errors about these weights name the setting that gave them, which is llm.weights."""
    try:
        yield
    except (ModelError, SettingsError) as error:
        raise type(error)(str(error).replace("llm.model", "llm.weights")) from None
