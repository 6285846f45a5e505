"""An adapter's folder is looked at before PEFT reads it: a LoRA, its weights as safetensors, nothing to import."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from nnloop.errors import ModelError
from nnloop.llm.adapter_files import CONFIG, WEIGHTS, adapter_hash, check

LORA = {"peft_type": "LORA", "base_model_name_or_path": "some/model", "r": 8}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / CONFIG).write_text(json.dumps(LORA))
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    return tmp_path


def test_a_lora_is_read_and_has_the_hash_of_its_weights(folder: Path) -> None:
    assert check(folder) == LORA
    assert adapter_hash(folder) == "9a129038d9a00aed"  # sha256, shortened


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"peft_type": "PROMPT_TUNING", "tokenizer_kwargs": {"trust_remote_code": True}}, "is of peft_type"),
        (LORA | {"megatron_config": {"a": 1}, "megatron_core": "theirs"}, "names modules to import"),
        (LORA | {"auto_mapping": {"parent_library": "theirs"}}, "names modules to import"),
        ([], "is of peft_type None"),
    ],
)
def test_a_configuration_that_runs_more_than_lora_is_refused(folder: Path, config: Any, reason: str) -> None:
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(ModelError, match=reason):
        check(folder)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_links_out_pipes_and_missing_files_are_refused(folder: Path, name: str, tmp_path_factory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "file"
    (folder / name).rename(outside)
    with pytest.raises(ModelError, match=name):
        check(folder)
    (folder / name).symlink_to(outside)
    with pytest.raises(ModelError, match="leads out of its folder"):
        check(folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(ModelError, match="is no plain file"):
        check(folder)
