"""The files of a LoRA adapter's folder, as PEFT and nnloop name them, which somebody else may have made."""

import hashlib
import json
from pathlib import Path
from typing import Any

from nnloop.errors import ModelError
from nnloop.runs import foreign

WEIGHTS = "adapter_model.safetensors"  # PEFT's name
CONFIG = "adapter_config.json"  # PEFT's name
LINEAGE = "lineage.json"
LARGEST_JSON = 16 << 20  # bytes


def adapter_hash(folder: Path) -> str:
    """Hash the adapter's weights. Raises ModelError if the folder holds none."""
    digest = hashlib.sha256()
    try:
        with foreign.open_plain(folder / WEIGHTS, folder) as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError as error:
        raise ModelError(f"{folder}: holds no adapter ({WEIGHTS}: {error.strerror})") from None
    return digest.hexdigest()[:16]


def check(folder: Path) -> dict[str, Any]:
    """Return the configuration of a LoRA adapter, with its weights as safetensors.

    PEFT would unpickle other weights, look for missing files on the hub, and import modules that some configurations
    name. Raises ModelError with the reason.
    """
    adapter_hash(folder)
    try:
        config = json.loads(foreign.read_text(folder / CONFIG, folder, LARGEST_JSON))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{folder / CONFIG}: can't be read ({getattr(error, 'strerror', None) or error})") from None
    kind = config.get("peft_type") if isinstance(config, dict) else None
    if kind != "LORA":
        raise ModelError(f"{folder / CONFIG}: is of peft_type {kind!r}, must be 'LORA'")
    if config.get("megatron_config") or config.get("auto_mapping"):
        raise ModelError(f"{folder / CONFIG}: names modules to import")
    return dict(config)
