"""LEMUR's own checker accepts what job=export writes, in an environment of its own (lemur_env.py)."""

import json
import os
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
from edits import seed_sources
from lemur_env import python
from paths import BENCH

from nnloop.corpus.boilerplate import for_lemur, lemur_hash

PEER = BENCH / "lemur_peer.py"
PARTS = {**{f"data_batch_{number}": 128 for number in range(1, 6)}, "test_batch": 100}


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LEMUR's root: it holds images in CIFAR-10's format, each class of another colour."""
    root = tmp_path_factory.mktemp("lemur")
    folder = root / "data/cifar-10-batches-py"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    colours = rng.integers(40, 216, (10, 3, 1))
    for name, count in PARTS.items():
        labels = np.arange(count) % 10
        pixels = colours[labels] + rng.integers(-40, 40, (count, 3, 1024))
        part = {"data": pixels.astype(np.uint8).reshape(count, 3072), "labels": labels.tolist()}
        (folder / name).write_bytes(pickle.dumps(part))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [str(each) for each in range(10)]}))
    return root


def checked(code: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run ab.nn.api.check_nn on a network for an epoch."""
    interpreter = python()
    (root / "network.py").write_text(code)
    paths = {"PYTHONPATH": str(root), "PATH": f"{interpreter.parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [interpreter, PEER, "check", "network.py", "norm_flip"],
        cwd=root,
        env={**os.environ, **paths},
        capture_output=True,
        text=True,
    )


@pytest.mark.long
@pytest.mark.timeout(900)
def test_lemurs_checker_accepts_an_exported_network_by_the_name_that_it_was_given(root: Path) -> None:
    exported = for_lemur(seed_sources()[-1])
    done = checked(exported, root)
    assert done.returncode == 0, done.stderr[-2000:]
    row = json.loads(done.stdout.splitlines()[-1])
    assert row["accepted"], row
    assert row["name"] == lemur_hash(exported)
    assert row["accuracy"] > 0.12


@pytest.mark.long
@pytest.mark.timeout(900)
def test_lemurs_checker_refuses_a_network_that_is_not_exported(root: Path) -> None:
    done = checked(seed_sources()[-1], root)
    assert done.returncode != 0
    assert "train_setup" in done.stderr
