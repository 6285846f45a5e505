"""Where a checkpoint comes from: a folder, the package, the hub or its cache; and what to do where there is none."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from nnloop.errors import ModelError

_log = logging.getLogger(__name__)

EMBEDDED = "nnloop/tiny"  # not a hub id: the checkpoint in the package
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Source:
    """What transformers needs to read one snapshot, the same for every file."""

    path: str  # folder or hub id
    commit: str | None = None  # of the hub's snapshot
    files: dict[str, int] | None = None  # of a snapshot on the hub: bytes by name; None where nothing is downloaded


def find(model: str, revision: str | None) -> Source:
    """Find a model; without a network it is taken from the cache. Raises ModelError where there is none.

    The hub is asked once, briefly: its own client retries for a minute where there is no network.
    """
    if model == EMBEDDED:
        return Source(_embedded())
    if Path(model).is_dir():
        return Source(model)
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError

    if constants.is_offline_mode():
        return _cached(model, revision)
    try:
        info = HfApi().model_info(model, revision=revision, timeout=TIMEOUT_S, files_metadata=True)
        return Source(model, info.sha, {file.rfilename: file.size or 0 for file in info.siblings or []})
    except (HfHubHTTPError, ValueError) as error:
        raise ModelError(f"llm.model={model}: {remedy(model, error)}") from None
    except Exception as error:  # no network; which exceptions say so is the HTTP client's private matter
        source = _cached(model, revision)
        _log.info("%s is taken from the cache: the hub can't be reached (%s)", model, error)
        return source


def check_space(model: str, source: Source) -> None:
    """Refuse a download for which the cache's disk has no room. Raises ModelError before it starts."""
    from huggingface_hub import constants, try_to_load_from_cache

    files = source.files or {}
    ending = ".safetensors" if any(name.endswith(".safetensors") for name in files) else ".bin"
    wanted = {name: size for name, size in files.items() if name.endswith(ending) and "/" not in name}
    needed = sum(
        size for name, size in wanted.items() if not try_to_load_from_cache(model, name, revision=source.commit)
    )
    cache = Path(constants.HF_HUB_CACHE)
    there = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise ModelError(
            f"llm.model={model}: its weights are {needed / 1e9:.1f} GB to download, and {free / 1e9:.1f} GB are free in"
            f" {cache}; free some, or move the cache with HF_HOME"
        )


def _cached(model: str, revision: str | None) -> Source:
    """Give the snapshot's folder: by hub id transformers would go on asking for files that the model does not have."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(model, revision=revision, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"llm.model={model}: {remedy(model, error)}") from None
    return Source(folder, Path(folder).name)


def _embedded() -> str:
    folder = Path(__file__).parent / "tiny" / "weights"
    if not (folder / "config.json").is_file():
        raise ModelError(f"llm.model={EMBEDDED}: {folder} holds no checkpoint; reinstall nnloop, or run job=pretrain")
    return str(folder)


def remedy(model: str, error: Exception) -> str:
    """Say in one line what is wrong and what to do."""
    text = " ".join(str(error).split())
    if Path(model).is_dir() or model == EMBEDDED:
        return f"the folder holds no complete checkpoint ({text[:200]})"
    kinds = {kind.__name__ for kind in type(error).__mro__}
    # The type first: of a missing model the hub's client says that it may be a gated repo.
    found = [name for name in _REMEDIES if name in kinds] + [name for name in _REMEDIES if name in text]
    return _REMEDIES[found[0]].format(model=model) if found else text[:300]


_REMEDIES = {
    "GatedRepoError": "accept its licence at https://huggingface.co/{model} and log in with `hf auth login`",
    "gated repo": "accept its licence at https://huggingface.co/{model} and log in with `hf auth login`",
    "RevisionNotFoundError": "the hub has no such llm.revision of it",
    "RepositoryNotFoundError": "no such folder, and no such model on the hub; where it is private, `hf auth login`",
    "HFValidationError": "no such folder, and no hub id, which is <owner>/<name>",
    "No space left": "no space left for its weights; free some, or move the cache with HF_HOME",
    "cached": "not in the local cache, and the hub can't be reached; go online once, or give a folder",
    "offline": "not in the local cache, and the hub can't be reached; go online once, or give a folder",
    "connect": "not in the local cache, and the hub can't be reached; go online once, or give a folder",
}
"""By the name of an exception's type, or else by a word of its text: the first that matches."""
