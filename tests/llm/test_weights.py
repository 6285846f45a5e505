from collections.abc import Callable
from pathlib import Path

import checkpoints
import pytest

from nnloop.errors import ModelError
from nnloop.llm.weights import weights_digest
from nnloop.settings import Settings


def test_an_llm_in_a_folder_is_named_by_its_files(configure: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    given = configure("llm=tiny", f"llm.model={tmp_path}").llm
    before = weights_digest(given)
    (tmp_path / "README.md").write_text("of these weights")
    assert weights_digest(given) == before
    (tmp_path / "model.safetensors").write_bytes(b"others")
    assert weights_digest(given) not in (None, before)


def test_an_adapter_to_start_from_counts(configure: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "adapter_model.safetensors").write_bytes(b"adapter")
    base = weights_digest(configure("llm=tiny").llm)
    assert str(weights_digest(configure("llm=tiny", f"llm.adapter={tmp_path}").llm)).startswith(f"{base}, adapter ")


def test_a_model_of_the_hub_is_named_by_its_commit(
    configure: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    model = checkpoints.publish(tmp_path, "qwen")
    assert weights_digest(configure("llm=tiny", f"llm.model={model}").llm) == checkpoints.COMMIT
    with pytest.raises(ModelError):
        weights_digest(configure("llm=tiny", "llm.model=no/such-model").llm)


def test_what_is_no_llm_has_no_weights(configure: Callable[..., Settings]) -> None:
    assert weights_digest(configure("llm=random").llm) is None
