"""job=memory: the forecast from a config alone."""

import io
from pathlib import Path
from typing import Any

import pytest

from nnloop.errors import SettingsError
from nnloop.jobs import memory

GB = 1e9


def test_the_command_tells_it_from_a_config_alone(configure: Any, tmp_path: Path) -> None:
    from transformers import MistralConfig

    MistralConfig(vocab_size=32768, max_position_embeddings=32768, sliding_window=None).save_pretrained(tmp_path)
    out = io.StringIO()
    memory.run(configure("job=memory", "llm=mistral", f"llm.model={tmp_path}", "llm.quantize=nf4"), tmp_path, out)
    lines = out.getvalue().splitlines()
    assert lines[0] == f"{tmp_path}, 7.25 billion parameters, weights in nf4"
    assert lines[1] == "weights      4.14 GB"
    assert lines[2] == "one row      1.07 GB  8192 tokens of 131 kB"
    assert [line.partition(" GB")[0] for line in lines[-4:]] == [f"a GPU of {size}" for size in (16, 24, 48, 80)]
    assert lines[-3].endswith("completions at once, can be tuned")
    with pytest.raises(SettingsError, match=r"llm\.engine=random: job=memory is about llm\.engine=hf"):
        memory.run(configure("job=memory", "llm=random"), tmp_path, out)
