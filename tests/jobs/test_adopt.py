"""job=adopt: networks and adapters made elsewhere become the start of a search."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from edits import seed_sources

from nnloop import build
from nnloop.corpus import adopted
from nnloop.errors import CorpusError, SettingsError
from nnloop.jobs import adopt
from nnloop.records import candidate_id
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings

ONE, TWO = seed_sources()[:2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    (folder / "code").mkdir(parents=True)
    (folder / "adapter").mkdir()
    (folder / "code/a.py").write_text(ONE)
    (folder / "b.py").write_text(TWO)
    (folder / "again.py").write_text("# the same\n" + TWO)
    (folder / "broken.py").write_text("class Net(")
    (folder / "reader.py").write_text("open('x')\n" + ONE)
    (folder / "helper.py").write_text("x = 1\n")
    (folder / "adapter/adapter_config.json").write_text(
        '{"peft_type": "LORA", "base_model_name_or_path": "some/model"}'
    )
    (folder / "adapter/adapter_model.safetensors").write_bytes(b"weights")
    return folder


def settings(folder: Path) -> Any:
    return SimpleNamespace(folder=str(folder))


def test_networks_are_taken_once_and_what_is_left_out_is_told(source: Path, tmp_path: Path) -> None:
    out = io.StringIO()
    adopt.run(settings(source), tmp_path / "job", out)
    assert [network.id for network in adopted.load(str(tmp_path / "job"))] == [candidate_id(TWO), candidate_id(ONE)]
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("left out broken.py: line 1: ")
    assert lines[1] == "left out helper.py: no class Net at the top level"
    assert lines[2] == "left out reader.py: line 1: names open: a network reads and asks nothing"
    assert lines[3] == f"2 networks adopted; start from them: corpus=adopted corpus.path={tmp_path / 'job'}"
    assert lines[4] == f"an adapter of some/model: llm.adapter={tmp_path / 'job/adapters/0'}"
    assert (tmp_path / "job/adapters/0/adapter_model.safetensors").read_bytes() == b"weights"


def test_a_search_starts_from_what_was_adopted(
    configure: Callable[..., Settings], source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build.run(configure("job=adopt", f"folder={source}"), tmp_path / "job")
    assert "2 networks adopted" in capsys.readouterr().out
    start = ("corpus=adopted", f"corpus.path={tmp_path / 'job'}", "llm=random", "dataset=digits", "corpus.trials=1")
    build.run(configure(*start, "tracker=none", "finetune=off", "cycles=1", "candidates=2"), tmp_path / "run")
    assert {network.id for network in RunFolder(tmp_path / "run").corpus()} == {candidate_id(ONE), candidate_id(TWO)}


def test_a_folder_without_networks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder"):
        adopt.run(settings(tmp_path / "none"), tmp_path / "job", io.StringIO())
    with pytest.raises(CorpusError, match="no network in it"):
        adopt.run(settings(tmp_path), tmp_path / "job", io.StringIO())


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, "is of peft_type None, must be 'LORA'"),
        ({"peft_type": "LORA"}, "names no model"),
        ({"peft_type": "PROMPT_TUNING", "base_model_name_or_path": "m"}, "is of peft_type 'PROMPT_TUNING'"),
        ({"peft_type": "LORA", "base_model_name_or_path": "m", "megatron_config": {"a": 1}}, "names modules to import"),
    ],
)
def test_an_adapter_that_is_no_plain_lora_is_left_out(
    source: Path, tmp_path: Path, config: dict[str, Any], reason: str
) -> None:
    (source / "adapter/adapter_config.json").write_text(json.dumps(config))
    assert reason in adopted_lines(source, tmp_path)[-1]
    assert not (tmp_path / "job/adapters/0/adapter_model.safetensors").exists()


def adopted_lines(source: Path, tmp_path: Path) -> list[str]:
    out = io.StringIO()
    adopt.run(settings(source), tmp_path / "job", out)
    return out.getvalue().splitlines()


def test_of_an_adapter_only_what_nnloop_reads_is_copied_and_no_pickle(source: Path, tmp_path: Path) -> None:
    (source / "adapter/adapter_model.bin").write_bytes(b"a pickle")
    (source / "adapter/notes.txt").symlink_to("/etc/passwd")
    adopted_lines(source, tmp_path)
    copied = {path.name for path in (tmp_path / "job/adapters/0").iterdir()}
    assert copied == {"adapter_config.json", "adapter_model.safetensors"}
    (source / "adapter/adapter_model.safetensors").unlink()
    assert "holds no adapter" in adopted_lines(source, tmp_path)[-1]


def test_links_pipes_and_huge_files_are_left_out_and_named(source: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text(ONE)
    (source / "link.py").symlink_to(tmp_path / "secret.py")
    (source / "way").symlink_to(tmp_path)
    os.mkfifo(source / "pipe.py")
    with (source / "huge.py").open("wb") as file:
        file.truncate(1 << 40)
    (source / "dir.py").mkdir()
    left_out = dict(line.split(": ", 1) for line in adopted_lines(source, tmp_path) if line.startswith("left out"))
    assert left_out["left out link.py"] == "leads out of its folder"
    assert left_out["left out pipe.py"] == left_out["left out dir.py"] == "is no plain file"
    assert left_out["left out huge.py"] == "is larger than 4 MiB"


def test_a_folder_that_was_not_adopted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"corpus.path={tmp_path}"):
        adopted.load(str(tmp_path))


def test_the_folder_has_to_be_named(configure: Callable[..., Settings]) -> None:
    with pytest.raises(SettingsError, match="job=adopt needs folder="):
        configure("job=adopt")
