"""The source of a model: a folder, the package, the hub or its cache; errors name a remedy."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from nnloop.errors import ModelError

_log = logging.getLogger(__name__)

EMBEDDED = "nnloop/tiny"  # not a hub id: the checkpoint in the package
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class ModelSource:
    """One snapshot of a model, named so that transformers reads every file from it."""

    path: str  # folder or hub id
    commit: str | None = None  # of the hub's snapshot
    files: dict[str, int] | None = (
        None  # sizes in bytes of a hub snapshot's files, by name; None: nothing is downloaded
    )


def find(model: str, revision: str | None) -> ModelSource:
    """Find a model; without a network it comes from the cache. Raises ModelError if it is nowhere.

    The hub is asked once, briefly: without a network its own client would retry for a minute.
    """
    if model == EMBEDDED:
        return ModelSource(_embedded())
    if Path(model).is_dir():
        return ModelSource(model)
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError

    if constants.is_offline_mode():
        return _cached(model, revision)
    try:
        info = HfApi().model_info(model, revision=revision, timeout=TIMEOUT_S, files_metadata=True)
        return ModelSource(model, info.sha, {file.rfilename: file.size or 0 for file in info.siblings or []})
    except (HfHubHTTPError, ValueError) as error:
        raise ModelError(f"llm.model={model}: {remedy(model, error)}") from None
    except Exception as error:  # no network; the HTTP client does not document which exceptions say so
        source = _cached(model, revision)
        _log.info("%s comes from the cache: the hub can't be reached (%s)", model, error)
        return source


def check_space(model: str, source: ModelSource) -> None:
    """Refuse a download that the cache's disk has no room for. Raises ModelError before it starts."""
    from huggingface_hub import constants, try_to_load_from_cache

    files = source.files or {}
    ending = ".safetensors" if any(name.endswith(".safetensors") for name in files) else ".bin"
    wanted = {name: size for name, size in files.items() if name.endswith(ending) and "/" not in name}
    needed = sum(
        size for name, size in wanted.items() if not try_to_load_from_cache(model, name, revision=source.commit)
    )
    cache = Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next(folder for folder in (cache, *cache.parents) if folder.is_dir())).free
    if needed > free:
        raise ModelError(
            f"llm.model={model}: its weights are {needed / 1e9:.1f} GB to download, and {free / 1e9:.1f} GB are free in"
            f" {cache}; free some, or move the cache with HF_HOME"
        )


def _cached(model: str, revision: str | None) -> ModelSource:
    """Return the cached snapshot's folder: by hub id transformers would ask the hub for files that the model lacks."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(model, revision=revision, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"llm.model={model}: {remedy(model, error)}") from None
    return ModelSource(folder, Path(folder).name)


def _embedded() -> str:
    folder = Path(__file__).parent / "tiny" / "weights"
    if not (folder / "config.json").is_file():
        raise ModelError(f"llm.model={EMBEDDED}: {folder} holds no checkpoint; reinstall nnloop, or run job=pretrain")
    return str(folder)


def remedy(model: str, error: Exception) -> str:
    """Return one line that names the fault and what to do about it."""
    text = " ".join(str(error).split())
    if Path(model).is_dir() or model == EMBEDDED:
        return f"the folder holds no complete checkpoint ({text[:200]})"
    kinds = {kind.__name__ for kind in type(error).__mro__}
    # The type first: of a missing model the hub's client says that it may be a gated repo.
    matches = [name for name in _REMEDIES if name in kinds] + [name for name in _REMEDIES if name in text]
    return _REMEDIES[matches[0]].format(model=model) if matches else text[:300]


_GATED = "accept its licence at https://huggingface.co/{model} and log in with `hf auth login`"
_OFFLINE = "not in the local cache, and the hub can't be reached; go online once, or give a folder"
_REMEDIES = {
    "GatedRepoError": _GATED,
    "gated repo": _GATED,
    "RevisionNotFoundError": "the hub has no such llm.revision of it",
    "RepositoryNotFoundError": "no such folder, and no such model on the hub; where it is private, `hf auth login`",
    "HFValidationError": "no such folder, and no hub id, which is <owner>/<name>",
    "No space left": "no space left for its weights; free some, or move the cache with HF_HOME",
    "cached": _OFFLINE,
    "offline": _OFFLINE,
    "connect": _OFFLINE,
}
"""Remedies by the name of an exception's type, or else by a word of its text: the first match counts."""
