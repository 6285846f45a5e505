"""The prepared cache: what it depends on, when it is made anew, and what is refused."""

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from archive_server import serve
from paths import BENCH, CONF
from raw_files import SHAPES, Prepared, placed, unverified_cifar, write_cifar

from nnloop import data
from nnloop.data.prepared import cache_home, prepared_folder
from nnloop.errors import DatasetError
from nnloop.records import COMPLETED
from nnloop.runs.folder import RunFolder
from nnloop.settings import DatasetSettings, Settings

Configure = Callable[..., Settings]


def test_digits_are_the_same_images_as_ever(digits: DatasetSettings) -> None:
    """Every result depends on them: on the pixels, the split and the order."""
    assert data.load(digits).fingerprint == "9209eb485ba516ec"


def test_the_cache_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNLOOP_CACHE", "/somewhere")
    assert cache_home() == Path("/somewhere")
    monkeypatch.delenv("NNLOOP_CACHE")
    assert cache_home() == Path.home() / ".cache" / "nnloop"


def test_a_folders_name_depends_on_what_the_arrays_depend_on(digits: DatasetSettings) -> None:
    folder = prepared_folder(digits)
    assert prepared_folder(replace(digits, flip=True, crop_pad=3, mean=[0.0], title="D", root="/raw")) == folder
    others = [replace(digits, **{key: 1}) for key in ("split_seed", "train_limit", "test_limit", "size")]
    others += [replace(digits, verify=False, root=root) for root in ("/a", "/b")]
    assert len({folder, *map(prepared_folder, others)}) == 7


def test_another_split_seed_is_another_dataset(digits: DatasetSettings) -> None:
    assert data.load(digits).fingerprint == data.load(digits).fingerprint
    assert data.load(digits).fingerprint != data.load(replace(digits, split_seed=1)).fingerprint


def test_the_second_load_maps_files(digits: DatasetSettings) -> None:
    data.load(digits)
    assert isinstance(data.load(digits).train_x, np.memmap)


def test_a_damaged_cache_is_made_again(digits: DatasetSettings, private_cache: Path) -> None:
    before = data.load(digits).fingerprint
    (array,) = private_cache.glob("prepared/*/train_x.npy")
    os.truncate(array, 1000)
    again = data.load(digits)
    assert (again.fingerprint, again.train_x.shape) == (before, (1200, 1, 8, 8))


def test_a_half_written_cache_is_not_used(digits: DatasetSettings, private_cache: Path) -> None:
    data.load(digits)
    (folder,) = private_cache.glob("prepared/*")
    (folder / "meta.json").unlink()
    assert data.load(digits).train_x.shape == (1200, 1, 8, 8)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_an_unwritable_cache_is_named(digits: DatasetSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NNLOOP_CACHE", str(tmp_path / "file"))
    with pytest.raises(DatasetError, match=r"^NNLOOP_CACHE=.*file: can't be written"):
        data.load(digits)


def test_a_full_disk_is_told_with_the_room_left_and_the_remedy(
    configure: Configure, private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=70_000))
    with pytest.raises(DatasetError, match=r"^NNLOOP_CACHE=.*No space left.*0 MB are free there; make room, or set NN"):
        data.load(configure("dataset=digits").dataset)
    assert list((private_cache / "prepared").iterdir()) == []


def test_changed_raw_files_are_read_again(configure: Configure, tmp_path: Path) -> None:
    folder = write_cifar(tmp_path)
    settings = unverified_cifar(configure, tmp_path)
    before = data.load(settings).fingerprint
    batch = pickle.loads((folder / "test_batch").read_bytes())
    batch["data"][:, 5] = 9
    (folder / "test_batch").write_bytes(pickle.dumps(batch))
    assert data.load(settings).fingerprint != before


@pytest.mark.parametrize("name", SHAPES)
def test_a_prepared_set_needs_neither_its_raw_files_nor_a_network(
    name: str, prepared: Callable[[str], Prepared], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepared(name)
    monkeypatch.setenv("NNLOOP_CACHE", str(made.cache))
    (made.cache / "raw").rename(made.cache / "gone")
    try:
        assert data.load(made.settings).fingerprint == made.dataset.fingerprint
    finally:
        (made.cache / "gone").rename(made.cache / "raw")


def test_a_prepared_cache_is_only_read(prepared: Callable[[str], Prepared], monkeypatch: pytest.MonkeyPatch) -> None:
    made = prepared("cifar10")
    monkeypatch.setenv("NNLOOP_CACHE", str(made.cache))
    before = {path: path.stat().st_mtime_ns for path in made.cache.rglob("*")}
    data.load(made.settings)
    assert {path: path.stat().st_mtime_ns for path in made.cache.rglob("*")} == before


def test_no_image_is_in_two_parts(configure: Configure, tmp_path: Path) -> None:
    write_cifar(tmp_path)
    dataset = data.load(unverified_cifar(configure, tmp_path))
    numbers = [*dataset.train_x[:, 0, 0, 0], *dataset.eval_x[:, 0, 0, 0]]
    assert sorted(numbers) == list(range(120))
    assert sorted(dataset.eval_x[len(dataset.val_y) :, 0, 0, 0]) == list(range(100, 120))


def test_labels_stay_with_their_images(configure: Configure, tmp_path: Path) -> None:
    write_cifar(tmp_path)
    dataset = data.load(unverified_cifar(configure, tmp_path))
    np.testing.assert_array_equal(dataset.train_x[:, 0, 0, 0] % 10, dataset.train_y)
    labels = np.concatenate([dataset.val_y, dataset.test_y])
    np.testing.assert_array_equal(dataset.eval_x[:, 0, 0, 0] % 10, labels)


def test_the_inner_folder_is_accepted_as_root(configure: Configure, tmp_path: Path) -> None:
    folder = write_cifar(tmp_path)
    assert len(data.load(unverified_cifar(configure, folder)).train_y) == 90


def test_a_subset_needs_verification_turned_off(configure: Configure, tmp_path: Path) -> None:
    write_cifar(tmp_path)
    with pytest.raises(DatasetError, match=r"dataset.root=.*damaged.*dataset.verify=false"):
        data.load(configure("dataset=cifar10", f"dataset.root={tmp_path}").dataset)


def test_sizes_are_held_against_the_published_ones(configure: Configure, prepared: Callable[[str], Prepared]) -> None:
    """MNIST's unpacked files have no published checksums: only the sizes tell."""
    root = prepared("mnist").cache / "raw"
    with pytest.raises(DatasetError, match=r"holds 200/100 images, 60,000/10,000 are published.*verify=false"):
        data.load(configure("dataset=mnist", f"dataset.root={root}").dataset)


def test_a_damaged_file_is_named(configure: Configure, tmp_path: Path) -> None:
    (write_cifar(tmp_path) / "data_batch_2").write_bytes(b"\x80\x04garbage")
    with pytest.raises(DatasetError, match=r"^dataset.root=.*damaged") as caught:
        data.load(unverified_cifar(configure, tmp_path))
    assert "\n" not in str(caught.value)


def test_labels_out_of_range_are_refused(configure: Configure, tmp_path: Path) -> None:
    folder = write_cifar(tmp_path)
    batch = pickle.loads((folder / "test_batch").read_bytes())
    (folder / "test_batch").write_bytes(pickle.dumps({**batch, "labels": [10] * 20}))
    with pytest.raises(DatasetError, match=r"labels from 10 to 10, expected 0 to 9"):
        data.load(unverified_cifar(configure, tmp_path))


def test_a_limit_is_another_prepared_set_of_that_size(configure: Configure) -> None:
    small = data.load(configure("dataset=digits", "dataset.train_limit=100", "dataset.test_limit=30").dataset)
    assert (len(small.train_y) + len(small.val_y), len(small.test_y)) == (100, 30)
    assert small.fingerprint != data.load(configure("dataset=digits").dataset).fingerprint


def test_a_limit_beyond_the_set_is_refused(configure: Configure) -> None:
    with pytest.raises(DatasetError, match=r"^dataset.test_limit=301: digits has 300 such images; null takes all"):
        data.load(configure("dataset=digits", "dataset.test_limit=301").dataset)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("dataset.classes=null", r"^dataset.classes=null: digits needs a value"),
        ("dataset.val_fraction=null", r"^dataset.val_fraction=None: for digits this must be a number"),
    ],
)
def test_what_does_not_suit_the_set_is_refused(override: str, message: str, configure: Configure) -> None:
    with pytest.raises(DatasetError, match=message):
        data.load(data.complete(configure("dataset=digits", override).dataset))


def test_every_dataset_has_the_size_asked_for(configure: Configure, private_cache: Path) -> None:
    assert data.load(configure("dataset=digits", "dataset.size=5").dataset).train_x.shape == (1200, 1, 5, 5)


@pytest.mark.long
def test_processes_that_start_together_download_once(published: Callable[[str], Path], private_cache: Path) -> None:
    code = (
        "import sys; from hydra import compose, initialize_config_dir; from nnloop import data;"
        "from nnloop.settings.load import load\n"
        "with initialize_config_dir(sys.argv[1], version_base='1.3'):\n"
        "    s = load(compose('config', ['dataset=mnist', f'dataset.mirror={sys.argv[2]}', 'dataset.verify=false']))\n"
        "print(data.load(s.dataset).fingerprint)"
    )
    with serve(published("mnist")) as served:
        command = [sys.executable, "-c", code, str(CONF), served.address]
        started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        fingerprints = {process.communicate(timeout=200)[0] for process in started}
    assert (len(fingerprints), [process.returncode for process in started]) == (1, [0, 0, 0])
    assert len(served.asked) == 4


@pytest.mark.long
@pytest.mark.timeout(900)
def test_20_000_faces_are_prepared_in_bounded_memory() -> None:
    """What is in memory is the torch that torchvision brings, the texts, and a few blocks: no copy of the images."""
    bench = BENCH / "bench_data.py"
    done = subprocess.run([sys.executable, bench, "celeba", "--share", "0.1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    name, images, _, peak_mb, cache_mb, *_ = done.stdout.splitlines()[-1].split()
    assert (name, images, float(cache_mb) > 240) == ("celeba", "20,260", True)
    assert float(peak_mb) < 1_000


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SHAPES)
def test_a_short_search_runs_on_every_dataset(name: str, published: Callable[[str], Path], tmp_path: Path) -> None:
    """Through the sandbox and the trainer at the dataset's own size, on as few images as show it."""
    placed(name, published(name), tmp_path / "raw")
    given = [f"dataset={name}", f"dataset.root={tmp_path / 'raw'}", "dataset.verify=false"]
    limits = ["dataset.train_limit=40", "dataset.test_limit=20"]
    loop = [
        "llm=tiny",
        "cycles=1",
        "candidates=2",
        "finetune=off",
        "tracker=none",
        "corpus.trials=1",
        "incumbent.share=0",
    ]
    environment = {**os.environ, "NNLOOP_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "nnloop", *loop, *given, *limits],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    run = RunFolder(next((tmp_path / "outputs" / "search").glob(f"tiny-{name}-*")))
    (report,) = run.reports()
    assert (report.counts.generated, sum(report.statuses.values())) == (2, 2)
    judged = run.judged_corpus()
    assert all(result.status in COMPLETED for _, result in judged), [result.reason for _, result in judged]
    assert "only 40 train images and 20 test images" in run.page.read_text()
