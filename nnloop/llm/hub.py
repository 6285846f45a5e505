"""The source of a model: a folder, a GGUF file, the package, the hub or its cache; errors name a remedy."""

import json
import logging
import shutil
from dataclasses import dataclass, replace
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
    files: dict[str, int] | None = None  # bytes of a hub snapshot's files, by name; None: nothing is downloaded
    gguf: str | None = None  # the file of the snapshot that holds everything


def find(model: str, revision: str | None) -> ModelSource:
    """Find a model; without a network it comes from the cache. Raises ModelError if it is nowhere.

    The hub is asked once, briefly: without a network its own client would retry for a minute.
    """
    if model == EMBEDDED:
        return ModelSource(_embedded())
    path, gguf = _split(model)
    if Path(path).is_dir():
        return _in_folder(model, path, gguf)
    source = _on_hub(model, path, revision)
    if gguf is None and source.files is not None:
        _check_kind(model, source.files)
    return replace(source, gguf=gguf)


def _split(model: str) -> tuple[str, str | None]:
    """Divide <folder>/<file>.gguf or <owner>/<name>/<file>.gguf; another model has no such file."""
    if not model.endswith(".gguf"):
        return model, None
    if Path(model).parent.is_dir():
        return str(Path(model).parent), Path(model).name
    owner, _, rest = model.partition("/")
    name, _, file = rest.partition("/")
    return f"{owner}/{name}", file


def _in_folder(model: str, path: str, gguf: str | None) -> ModelSource:
    """Check that a folder holds a model. Raises ModelError."""
    folder = Path(path)
    files = sorted(file.name for file in folder.glob("*.gguf"))
    if gguf is not None and gguf not in files:
        raise ModelError(f"llm.model={model}: no such file")
    if gguf is None and files and not (folder / "config.json").is_file():
        if len(files) > 1:
            raise ModelError(f"llm.model={model}: holds several GGUF files, name one: {', '.join(files[:8])}")
        gguf = files[0]
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        raise ModelError(f"llm.model={model}: holds a LoRA adapter; give it as llm.adapter, and its base as llm.model")
    return ModelSource(path, gguf=gguf)


def check_complete(model: str, source: ModelSource) -> None:
    """Refuse a folder without all of a checkpoint's weights, from names and headers alone. Raises ModelError."""
    folder = Path(source.path)
    if source.gguf is not None or not folder.is_dir():
        return
    wanted = _weight_files(folder)
    faults = [told for told in map(_damage, wanted) if told] if wanted else ["no weights in it"]
    if faults:
        raise ModelError(f"llm.model={model}: the folder holds no complete checkpoint ({faults[0]})")


def _weight_files(folder: Path) -> list[Path]:
    """Return the files that transformers would read the weights from; they need not be there."""
    for whole in ("model.safetensors", "pytorch_model.bin"):
        if (folder / whole).is_file():
            return [folder / whole]
        index = folder / f"{whole}.index.json"
        if index.is_file():
            return sorted({folder / name for name in json.loads(index.read_text())["weight_map"].values()})
    return []


def _damage(file: Path) -> str | None:
    """Name the damage of a file of weights; None if it has the size that its header says."""
    if not file.is_file():
        return f"{file.name} is missing"
    if file.suffix != ".safetensors":
        return None
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        try:
            header = json.loads(opened.read(min(length, file.stat().st_size)))
        except ValueError:
            return f"{file.name} is damaged"
    ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    return None if 8 + length + max(ends, default=0) == file.stat().st_size else f"{file.name} is cut short"


def _check_kind(model: str, files: dict[str, int]) -> None:
    """Refuse a snapshot of the hub without weights that transformers reads. Raises ModelError."""
    if any(name.endswith((".safetensors", ".bin")) for name in files) and "config.json" in files:
        return
    ggufs = sorted(name for name in files if name.endswith(".gguf"))
    if ggufs:
        raise ModelError(f"llm.model={model}: holds GGUF files, name one, such as llm.model={model}/{ggufs[0]}")
    raise ModelError(f"llm.model={model}: holds no checkpoint that transformers reads (config.json and weights)")


def _on_hub(model: str, path: str, revision: str | None) -> ModelSource:
    """Find a snapshot on the hub, or in its cache. Raises ModelError."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError

    if constants.is_offline_mode():
        return _cached(model, path, revision)
    try:
        info = HfApi().model_info(path, revision=revision, timeout=TIMEOUT_S, files_metadata=True)
        return ModelSource(path, info.sha, {file.rfilename: file.size or 0 for file in info.siblings or []})
    except (HfHubHTTPError, ValueError) as error:
        raise ModelError(f"llm.model={model}: {remedy(model, error)}") from None
    except Exception as error:  # no network; the HTTP client does not document which exceptions say so
        source = _cached(model, path, revision)
        _log.info("%s comes from the cache: the hub can't be reached (%s)", model, error)
        return source


def check_space(model: str, source: ModelSource) -> None:
    """Refuse a download that the cache's disk has no room for. Raises ModelError before it starts."""
    from huggingface_hub import constants, try_to_load_from_cache

    files = source.files or {}
    ending = ".safetensors" if any(name.endswith(".safetensors") for name in files) else ".bin"
    wanted = {name: size for name, size in files.items() if name.endswith(ending) and "/" not in name}
    if source.gguf is not None:
        wanted = {name: size for name, size in files.items() if name == source.gguf}
    missing = [name for name in wanted if not try_to_load_from_cache(source.path, name, revision=source.commit)]
    needed = sum(wanted[name] for name in missing)
    cache = Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next(folder for folder in (cache, *cache.parents) if folder.is_dir())).free
    if needed > free:
        raise ModelError(
            f"llm.model={model}: its weights are {needed / 1e9:.1f} GB to download, and {free / 1e9:.1f} GB are free in"
            f" {cache}; free some, or move the cache with HF_HOME"
        )


def _cached(model: str, path: str, revision: str | None) -> ModelSource:
    """Return the cached snapshot's folder: by hub id transformers would ask the hub for files that the model lacks."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(path, revision=revision, local_files_only=True)
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
    kinds = {kind.__name__ for kind in type(error).__mro__}
    # The type first: of a missing model the hub's client says that it may be a gated repo.
    matches = [name for name in _REMEDIES if name in kinds] + [name for name in _REMEDIES if name in text]
    if matches:
        return _REMEDIES[matches[0]].format(model=model)
    local = Path(model).exists() or model == EMBEDDED
    return f"the folder holds no complete checkpoint ({text[:200]})" if local else text[:300]


_GATED = "accept its licence at https://huggingface.co/{model} and log in with `hf auth login`"
_OFFLINE = "not in the local cache, and the hub can't be reached; go online once, or give a folder"
_REMEDIES = {
    "GatedRepoError": _GATED,
    "gated repo": _GATED,
    "RevisionNotFoundError": "the hub has no such llm.revision of it",
    "RepositoryNotFoundError": "no such folder, and no such model on the hub; where it is private, `hf auth login`",
    "HFValidationError": "no such folder, and no hub id, which is <owner>/<name>",
    "No space left": "no space left for its weights; free some, or move the cache with HF_HOME",
    "trust_remote_code": "runs code of its own, which nnloop does not; take a model that transformers knows",
    "Unrecognized configuration class": "is no causal LM, so it can't write; take a decoder",
    "does not recognize this architecture": "the transformers installed here does not know its architecture",
    "cached": _OFFLINE,
    "offline": _OFFLINE,
    "connect": _OFFLINE,
}
"""Remedies by the name of an exception's type, or else by a word of its text: the first match counts."""
