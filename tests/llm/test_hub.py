"""Models by hub id: from a local cache without a network, and over HTTP."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import checkpoints
import fake_hub
import pytest
import raw_files
from paths import SUPPORT

from nnloop.errors import ModelError
from nnloop.llm.hf import HfEngine
from nnloop.llm.hub import ModelSource, check_complete, check_space, find, remedy


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of an unreachable hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_a_cached_model_is_found_under_its_id_and_names_its_commit(hub: Path, kind: str) -> None:
    engine = HfEngine(checkpoints.settings(checkpoints.publish(hub, kind)), "delta")
    assert engine.commit == checkpoints.COMMIT


def test_a_pinned_revision_that_is_not_cached_is_refused(hub: Path) -> None:
    model = checkpoints.publish(hub, "qwen")
    assert find(model, checkpoints.COMMIT).commit == checkpoints.COMMIT
    with pytest.raises(ModelError, match="not in the local cache"):
        find(model, "f" * 40)


@pytest.mark.parametrize("model", ["no/such-model", "nowhere", "two words", "/no/such/folder"])
def test_a_missing_model_is_one_line_with_the_remedy(hub: Path, model: str) -> None:
    with pytest.raises(ModelError, match=rf"^llm\.model={model}: (not in the local cache|no such folder)[^\n]*$"):
        find(model, None)


def test_every_failure_of_the_hub_has_its_remedy() -> None:
    from huggingface_hub import errors

    def said(kind: type[Exception], text: str = "") -> str:
        error = kind.__new__(kind)
        Exception.__init__(error, text)
        return remedy("org/model", error)

    assert "accept its licence at https://huggingface.co/org/model" in said(errors.GatedRepoError)
    assert "no such model on the hub" in said(errors.RepositoryNotFoundError)
    assert "no such llm.revision" in said(errors.RevisionNotFoundError)
    assert "HF_HOME" in said(OSError, "[Errno 28] No space left on device")


def test_a_download_without_room_is_refused_before_it_starts(hub: Path) -> None:
    checkpoints.publish(hub, "qwen")
    source = ModelSource(
        checkpoints.IDS["qwen"], checkpoints.COMMIT, {"model.safetensors": 10**18, "model.bin": 10**18}
    )
    check_space(source.path, source)  # it is there already
    with pytest.raises(ModelError, match=r"1000000000\.0 GB to download, and .* GB are free in .*HF_HOME"):
        check_space("org/other", ModelSource("org/other", checkpoints.COMMIT, source.files))
    check_space(
        "org/other", ModelSource("org/other", checkpoints.COMMIT, {"model.safetensors": 1, "model.bin": 10**18})
    )


def test_a_gguf_is_named_by_its_file_or_is_the_only_one_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").touch()
    assert find(f"{tmp_path}/a.gguf", None) == find(str(tmp_path), None) == ModelSource(str(tmp_path), gguf="a.gguf")
    (tmp_path / "b.gguf").touch()
    with pytest.raises(ModelError, match=r"holds several GGUF files, name one: a\.gguf, b\.gguf$"):
        find(str(tmp_path), None)
    with pytest.raises(ModelError, match=r"c\.gguf: no such file$"):
        find(f"{tmp_path}/c.gguf", None)


def test_an_adapter_given_as_the_model_is_told_where_it_goes(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"holds a LoRA adapter; give it as llm\.adapter, and its base as llm\.model$"):
        find(str(tmp_path), None)


def test_a_checkpoint_is_complete_only_with_every_part_in_its_full_length(tmp_path: Path) -> None:
    folder = checkpoints.make(tmp_path / "m")
    check_complete("m", ModelSource(str(folder)))
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    with pytest.raises(ModelError, match=r"no complete checkpoint \(model\.safetensors is cut short\)$"):
        check_complete("m", ModelSource(str(folder)))
    weights.write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelError, match=r"no complete checkpoint \(model\.safetensors is damaged\)$"):
        check_complete("m", ModelSource(str(folder)))
    weights.rename(folder / "model-00001-of-00002.safetensors")
    (folder / "model-00001-of-00002.safetensors").write_bytes(whole)
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    with pytest.raises(ModelError, match=r"no complete checkpoint \(model-00002-of-00002\.safetensors is missing\)$"):
        check_complete("m", ModelSource(str(folder)))


# Over HTTP, by HF_ENDPOINT and transformers' own download


LOAD = """
import json, sys
import checkpoints
from nnloop.errors import NnloopError
from nnloop.llm import pretrained

for asked in sys.argv[1:]:
    model, _, revision = asked.partition("@")
    try:
        loaded = pretrained.load(checkpoints.settings(model, revision=revision or None))
        said = f"loaded {loaded.commit}"
    except NnloopError as error:
        said = str(error)
    print("SAID", json.dumps([asked, said]))
"""


def load(endpoint: str, home: Path, *models: str) -> dict[str, str]:
    """Load each model in a fresh process with an empty cache; gives what was said of it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment |= {"PYTHONPATH": str(SUPPORT), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-c", LOAD, *models]
    done = subprocess.run(command, cwd=home.parent, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("SAID "))


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("hub")
    asked = ["org/gated-401", "org/gated-403", "org/closed", "org/missing", "org/huge", "org/small@nowhere"]
    with fake_hub.serve(checkpoints.make(folder / "model")) as endpoint:
        return load(endpoint, folder / "home", *asked, "org/small", f"org/small@{fake_hub.COMMIT}")


@pytest.mark.parametrize(
    ("model", "remedy"),
    [
        ("org/gated-401", "accept its licence at https://huggingface.co/org/gated-401 and log in"),
        ("org/gated-403", "accept its licence at https://huggingface.co/org/gated-403 and log in"),
        ("org/closed", "accept its licence at https://huggingface.co/org/closed and log in"),
        ("org/missing", "no such folder, and no such model on the hub; where it is private, `hf auth login`"),
        ("org/small@nowhere", "the hub has no such llm.revision of it"),
        ("org/huge", "its weights are 1000000000.0 GB to download, and"),
    ],
)
def test_a_refusal_is_one_line_with_the_remedy(said: dict[str, str], model: str, remedy: str) -> None:
    assert said[model].startswith(f"llm.model={model.partition('@')[0]}: {remedy}")
    assert "\n" not in said[model]


def test_a_model_is_downloaded_and_names_its_commit(said: dict[str, str]) -> None:
    assert said["org/small"] == said[f"org/small@{fake_hub.COMMIT}"] == f"loaded {fake_hub.COMMIT}"


def test_a_hub_that_refuses_connections_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    with fake_hub.serve(tmp_path) as endpoint:
        pass  # nobody listens there any more
    told = load(endpoint, tmp_path / "home", "org/small")["org/small"]
    assert told.startswith("llm.model=org/small: not in the local cache, and the hub can't be reached; go online once")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_three_llms_run_one_after_the_other_from_the_cache(tmp_path: Path) -> None:
    """The user's own command, small: each job loads its LLM, frees it, and leaves an adapter."""
    for kind in checkpoints.KINDS:
        checkpoints.publish(tmp_path / "home" / "hub", kind)
    raw = raw_files.publish("cifar10", tmp_path / "raw", train=200, test=20)
    small = [
        "cycles=2",
        "candidates=2",
        "finetune.max_pairs=2",
        "finetune.epochs=1",
        "finetune.held_out=0",
        "tracker=none",
    ]
    small += ["llm.max_new_tokens.delta=600", "llm.max_new_tokens.full=600"]  # room for an answer that teaches
    small += ["corpus.limit=4"]
    small += ["dataset=cifar10", f"dataset.root={raw}", "dataset.verify=false"]
    command = [sys.executable, "-m", "nnloop", "-m", "llm=deepseek,qwen,mistral", "mode=delta,full", *small]
    environment = {**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for kind, mode in itertools.product(checkpoints.KINDS, ("delta", "full")):
        (run,) = (tmp_path / "outputs" / "search").glob(f"{kind}-cifar10-{mode}-s0*")
        lines = [json.loads(line) for line in (run / "archive.jsonl").read_text().splitlines()]
        adapters = [line["generation"]["adapter"] for line in lines]
        assert adapters[:2] == [None, None]
        assert adapters[2] == adapters[3] is not None
        assert {line["status"] for line in lines} <= {
            "unparseable",
            "patch_failed",
            "truncated",
        }
        assert all(1 <= line["generation"]["tokens"] <= 600 for line in lines)
        reports = [json.loads((run / "cycles" / cycle / "report.json").read_text()) for cycle in ("0000", "0001")]
        assert [sum(report["statuses"].values()) for report in reports] == [2, 2]
        assert [report["finetune"]["pairs"] for report in reports] == [2, 2]
        assert adapters[2] == reports[0]["finetune"]["adapter"] != reports[1]["finetune"]["adapter"] is not None
