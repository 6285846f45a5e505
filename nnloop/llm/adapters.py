"""LoRA adapters, on disk and in a model. An adapter is named by its weights' hash, and records its parent's hash."""

import copy
import dataclasses
import json
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nnloop.compat import ensure_torchvision_imports
from nnloop.errors import ModelError
from nnloop.json_record import Record
from nnloop.llm.adapter_files import LARGEST_JSON, LINEAGE, WEIGHTS, adapter_hash, check
from nnloop.records import FinetuneResult
from nnloop.runs import foreign
from nnloop.runs.durable import sync_folder, sync_tree

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Lineage(Record):
    """The contents of lineage.json: what an adapter was made from, and with which settings."""

    adapter: str
    parent: str | None  # None: made from the bare model
    model: str  # hub id or folder of the base
    revision: str | None  # commit of the hub's snapshot
    settings: dict[str, Any]  # of the fine-tune
    seed: int
    key: str = ""  # hash of everything that decided the weights
    result: FinetuneResult | None = None


def read_lineage(folder: Path) -> Lineage:
    """Read an adapter's lineage. Raises ModelError if the adapter is missing, incomplete or damaged."""
    try:
        lineage = Lineage.from_json(json.loads(foreign.read_text(folder / LINEAGE, folder, LARGEST_JSON)))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{folder / LINEAGE}: can't be read ({error})") from None
    if adapter_hash(folder) != lineage.adapter:
        raise ModelError(f"{folder / WEIGHTS}: damaged, its hash is not the one in {LINEAGE}; put a good copy back")
    return lineage


def find_lineage(folder: Path) -> Lineage | None:
    """Read the lineage; None unless the folder holds a complete adapter."""
    try:
        return read_lineage(folder)
    except ModelError:
        return None


def read_config(folder: Path) -> "LoraConfig":
    """Read the adapter's rank, targets and layers. Raises ModelError if the folder holds no adapter."""
    from peft import PeftConfig

    check(folder)
    return PeftConfig.from_pretrained(str(folder))


def attach(model: "PreTrainedModel", folder: Path, *, trainable: bool = False) -> "PeftModel":
    """Put an adapter's layers into the model, in place; `detach` takes them out again.

    Raises ModelError if the folder holds no adapter, or one that does not fit the model.
    """
    ensure_torchvision_imports()
    from peft import PeftModel

    check(folder)
    try:
        with _peft_warnings():
            return PeftModel.from_pretrained(model, str(folder), is_trainable=trainable)
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{folder}: does not fit {model.name_or_path}: {str(error).splitlines()[0]}") from None


def add_lora(model: "PreTrainedModel", config: "LoraConfig") -> "PeftModel":
    """Put new trainable layers into the model, in place; they change nothing yet."""
    from peft import get_peft_model

    with _peft_warnings():
        return get_peft_model(model, config)


def detach(model: "PreTrainedModel | PeftModel") -> None:
    """Remove an adapter's layers, if there are any, from the model; its weights are as they were before."""
    from peft import PeftModel

    if isinstance(model, PeftModel):
        model.unload()


def with_adapter(model: "PreTrainedModel", folder: Path) -> "PreTrainedModel | PeftModel":
    """Return a model that generates with the adapter.

    In float32 it is a copy with the adapter merged into its weights, which costs nothing per token. Otherwise the
    layers stay active in the model itself: in bfloat16 the sum would round small updates away (LoRA at lr 1e-5 is below
    a weight's last bit), and an output layer that shares the embedding's weights can't be changed alone.
    """
    if _can_merge(model, folder):
        return attach(copy.deepcopy(model), folder).merge_and_unload().eval()
    return attach(model, folder).eval()


def _can_merge(model: "PreTrainedModel", folder: Path) -> bool:
    tied = model.config.tie_word_embeddings and "lm_head" in read_config(folder).target_modules
    return bool(model.dtype == torch.float32 and not tied and not getattr(model, "is_quantized", False))


def save(model: "PeftModel", folder: Path, lineage: Lineage) -> str:
    """Save a PEFT model's adapter and its lineage with the adapter's hash filled in; return the hash.

    It is written to a folder beside, synced and renamed: `folder` is complete or absent.
    """
    beside = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    config = model.peft_config["default"]
    config.base_model_name_or_path, config.revision = lineage.model, lineage.revision
    model.save_pretrained(str(beside), save_embedding_layers=False)  # "auto" would ask the hub
    (beside / "README.md").unlink(missing_ok=True)  # an empty model card
    named = dataclasses.replace(lineage, adapter=adapter_hash(beside))
    (beside / LINEAGE).write_text(json.dumps(named.to_json(), indent=2) + "\n")
    sync_tree(beside)
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)
    sync_folder(folder.parent)
    return named.adapter


@contextmanager
def _peft_warnings() -> Iterator[None]:
    """Silence an old name that peft 0.21 uses, a hazard that `_can_merge` rules out, and what it does for GPT-2."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        warnings.filterwarnings("ignore", "Model has `tie_word_embeddings=True`", UserWarning)
        warnings.filterwarnings(
            "ignore", "fan_in_fan_out is set to False but the target module is `Conv1D`", UserWarning
        )
        yield
