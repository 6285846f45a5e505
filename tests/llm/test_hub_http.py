"""What goes wrong at a hub, over HTTP, by HF_ENDPOINT and transformers' own download."""

import json
import os
import subprocess
import sys
from pathlib import Path

import checkpoints
import fake_hub
import pytest
from paths import SUPPORT

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
