"""Every dataset from its archives on: a local server stands in for the official ones."""

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from archive_server import Served, serve
from paths import BENCH, CONF
from raw_files import CLASSES, grey, noisy_jpegs, publish

from nnloop import data
from nnloop.errors import DatasetError
from nnloop.records import COMPLETED
from nnloop.runs.folder import RunDir
from nnloop.settings import DatasetSettings, Settings

Configure = Callable[..., Settings]
SHAPES = {
    "cifar10": (3, 32, 32),
    "cifar100": (3, 32, 32),
    "mnist": (1, 28, 28),
    "svhn": (3, 32, 32),
    "imagenette": (3, 128, 128),
    "celeba": (3, 64, 64),
}
TRAIN, TEST, VAL = 200, 100, 20
FILES = {"cifar10": 1, "cifar100": 1, "mnist": 4, "svhn": 2, "imagenette": 1, "celeba": 6}


class Prepared(NamedTuple):
    settings: DatasetSettings
    dataset: data.Dataset
    cache: Path
    asked: list[str]


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a dataset's archives, made once."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = publish(name, tmp_path_factory.mktemp(name), TRAIN, TEST, VAL)
        return made[name]

    return folder


@pytest.fixture
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NNLOOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


def mirrored(configure: Configure, name: str, served: Served, *more: str) -> DatasetSettings:
    return configure(f"dataset={name}", f"dataset.mirror={served.address}", "dataset.verify=false", *more).dataset


@pytest.fixture(scope="session")
def prepared(
    configure: Configure, published: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Prepared]:
    """A dataset as it comes out of a cache of its own, made once: downloaded, unpacked, read, split, written."""
    made: dict[str, Prepared] = {}

    def load(name: str) -> Prepared:
        if name not in made:
            cache = tmp_path_factory.mktemp(f"cache-{name}")
            with pytest.MonkeyPatch.context() as patch, serve(published(name)) as served:
                patch.setenv("NNLOOP_CACHE", str(cache))
                settings = mirrored(configure, name, served)
                made[name] = Prepared(settings, data.load(settings), cache, [file for file, _ in served.asked])
        return made[name]

    return load


@pytest.mark.parametrize("name", SHAPES)
def test_a_dataset_is_downloaded_unpacked_read_and_split(name: str, prepared: Callable[[str], Prepared]) -> None:
    found = prepared(name)
    dataset = found.dataset
    assert len(set(found.asked)) == len(found.asked) == FILES[name]
    val = VAL if name == "celeba" else TRAIN // 10
    train = TRAIN if name == "celeba" else TRAIN - val
    assert dataset.train_x.shape == (train, *SHAPES[name])
    assert dataset.eval_x.shape == (val + TEST, *SHAPES[name])
    assert (len(dataset.train_y), len(dataset.val_y), len(dataset.test_y)) == (train, val, TEST)
    for labels in (dataset.train_y, dataset.val_y, dataset.test_y):
        counts = np.bincount(labels, minlength=CLASSES[name])
        assert (len(counts), counts.max() - counts.min() <= 1) == (CLASSES[name], True)


@pytest.mark.parametrize("name", SHAPES)
def test_labels_stay_with_their_images(name: str, prepared: Callable[[str], Prepared]) -> None:
    """Image i is grey(i) all over and of class i modulo the classes."""
    dataset, classes = prepared(name).dataset, CLASSES[name]
    allowed = {label: {int(grey(i)) for i in range(label, TRAIN, classes)} for label in range(classes)}
    pixels = np.concatenate([dataset.train_x, dataset.eval_x]).astype(int)
    for image, label in zip(pixels, [*dataset.train_y, *dataset.val_y, *dataset.test_y], strict=True):
        middle = int(image[0, image.shape[1] // 2, image.shape[2] // 2])
        assert image.max() - image.min() <= 2
        assert min(abs(middle - value) for value in allowed[label]) <= 2


@pytest.mark.parametrize("name", SHAPES)
def test_a_prepared_set_needs_neither_its_raw_files_nor_a_network(
    name: str, prepared: Callable[[str], Prepared], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = prepared(name)
    monkeypatch.setenv("NNLOOP_CACHE", str(found.cache))
    (found.cache / "raw").rename(found.cache / "gone")
    try:
        assert data.load(found.settings).fingerprint == found.dataset.fingerprint
    finally:
        (found.cache / "gone").rename(found.cache / "raw")


def test_the_official_parts_of_celeba_are_kept(prepared: Callable[[str], Prepared]) -> None:
    dataset = prepared("celeba").dataset
    pixels = dataset.eval_x[:, 0, 32, 32].astype(int)
    expected = [*(grey(i) for i in range(VAL)), *(grey(i) for i in range(TEST))]
    assert max(abs(pixels - expected)) <= 2
    assert [*dataset.val_y] == [i % 2 for i in range(VAL)]


def test_svhn_takes_extra_only_where_it_is_asked_for(
    configure: Configure, published: Callable[[str], Path], private_cache: Path
) -> None:
    with serve(published("svhn")) as served:
        dataset = data.load(mirrored(configure, "svhn", served, "dataset.extra=true"))
    assert len(dataset.train_y) + len(dataset.val_y) == TRAIN + 30


def test_images_are_cut_out_as_torchvision_does_it() -> None:
    from PIL import Image

    from nnloop import compat
    from nnloop.data.jpegs import decode

    compat.ensure_torchvision_imports()
    from torchvision.transforms import CenterCrop, Compose, Resize

    for (width, height), size in (((178, 218), 64), ((427, 320), 128), ((97, 301), 33), ((50, 50), 128)):
        (content,) = noisy_jpegs(1, width, height)
        theirs = Compose([Resize(size), CenterCrop(size)])(Image.open(io.BytesIO(content)))
        ours = decode(io.BytesIO(content), size)
        np.testing.assert_array_equal(ours, np.asarray(theirs).transpose(2, 0, 1))


@pytest.mark.parametrize("name", ["imagenette", "celeba"])
def test_images_are_kept_at_the_size_asked_for(
    name: str, configure: Configure, published: Callable[[str], Path], private_cache: Path
) -> None:
    with serve(published(name)) as served:
        dataset = data.load(mirrored(configure, name, served, "dataset.size=24", "dataset.train_limit=40"))
    assert dataset.train_x.shape[1:] == (3, 24, 24)


@pytest.mark.parametrize("name", SHAPES)
def test_a_changed_archive_is_refused(
    name: str, configure: Configure, published: Callable[[str], Path], private_cache: Path
) -> None:
    with (
        serve(published(name)) as served,
        pytest.raises(DatasetError, match=r"its MD5 is \w{32}, \w{32} is published.*put into .*from http"),
    ):
        data.load(configure(f"dataset={name}", f"dataset.mirror={served.address}").dataset)
    assert not (private_cache / "prepared").exists()


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_without_a_network_the_remedy_is_told(
    name: str, configure: Configure, private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(DatasetError, match=r"can't be downloaded .*Connection refused.*put into .*mirror") as caught:
        data.load(configure(f"dataset={name}").dataset)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SHAPES)
def test_archives_placed_by_hand_are_taken(
    name: str, configure: Configure, published: Callable[[str], Path], private_cache: Path, tmp_path: Path
) -> None:
    root = tmp_path / "mine"
    inside = {"mnist": "MNIST/raw", "celeba": "celeba"}.get(name, ".")
    (root / inside).mkdir(parents=True)
    for file in published(name).iterdir():
        (root / inside / file.name).symlink_to(file)
    for given in (root, root / inside):
        dataset = data.load(configure(f"dataset={name}", f"dataset.root={given}", "dataset.verify=false").dataset)
        assert len(dataset.test_y) == TEST


def test_sizes_are_held_against_the_published_ones(configure: Configure, prepared: Callable[[str], Prepared]) -> None:
    """MNIST's unpacked files have no published checksums: only the sizes tell."""
    root = prepared("mnist").cache / "raw"
    with pytest.raises(DatasetError, match=r"holds 200/100 images, 60,000/10,000 are published.*verify=false"):
        data.load(configure("dataset=mnist", f"dataset.root={root}").dataset)


def test_unpacked_faces_serve_as_well_as_the_zip(
    configure: Configure, published: Callable[[str], Path], prepared: Callable[[str], Prepared], tmp_path: Path
) -> None:
    folder = tmp_path / "celeba"
    folder.mkdir()
    for file in published("celeba").glob("*.txt"):
        (folder / file.name).write_bytes(file.read_bytes())
    zipfile.ZipFile(published("celeba") / "img_align_celeba.zip").extractall(folder)
    unpacked = data.load(configure("dataset=celeba", f"dataset.root={tmp_path}", "dataset.verify=false").dataset)
    assert unpacked.fingerprint == prepared("celeba").dataset.fingerprint


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cifar10", "cifar-10-python.tar.gz"),
        ("cifar100", "cifar-100-python.tar.gz"),
        ("mnist", "train-images-idx3-ubyte.gz"),
        ("svhn", "test_32x32.mat"),
        ("imagenette", "imagenette2-320.tgz"),
        ("celeba", "img_align_celeba.zip"),
        ("celeba", "list_attr_celeba.txt"),
    ],
)
def test_a_damaged_archive_is_named_and_nothing_half_made_stays(
    name: str, file: str, configure: Configure, published: Callable[[str], Path], private_cache: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    for path in published(name).iterdir():
        content = path.read_bytes()
        (folder / path.name).write_bytes(content[: len(content) // 3] if path.name == file else content)
    with serve(folder) as served, pytest.raises(DatasetError, match=r"damaged|can't be unpacked") as caught:
        data.load(mirrored(configure, name, served))
    assert "\n" not in str(caught.value)
    left = [
        path.name for path in private_cache.rglob("*") if path.name.startswith(".unpacking") or path.suffix == ".npy"
    ]
    assert left == []


def test_a_damaged_image_is_named(
    configure: Configure, published: Callable[[str], Path], private_cache: Path, tmp_path: Path
) -> None:
    with tarfile.open(published("imagenette") / "imagenette2-320.tgz") as tar:
        tar.extractall(tmp_path / "mine", filter="data")
    victim = sorted((tmp_path / "mine" / "imagenette2-320" / "train").rglob("*.JPEG"))[3]
    victim.write_bytes(victim.read_bytes()[:300])
    with pytest.raises(DatasetError, match=rf"damaged.*image .*{victim.name}"):
        data.load(configure("dataset=imagenette", f"dataset.root={tmp_path / 'mine'}", "dataset.verify=false").dataset)
    assert list((private_cache / "prepared").iterdir()) == []


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
        found = {process.communicate(timeout=200)[0] for process in started}
    assert (len(found), [process.returncode for process in started]) == (1, [0, 0, 0])
    assert len(served.asked) == 4


def test_a_prepared_cache_is_only_read(prepared: Callable[[str], Prepared], monkeypatch: pytest.MonkeyPatch) -> None:
    found = prepared("cifar10")
    monkeypatch.setenv("NNLOOP_CACHE", str(found.cache))
    before = {path: path.stat().st_mtime_ns for path in found.cache.rglob("*")}
    data.load(found.settings)
    assert {path: path.stat().st_mtime_ns for path in found.cache.rglob("*")} == before


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
    root = tmp_path / "raw"
    inside = root / {"mnist": "MNIST/raw", "celeba": "celeba"}.get(name, ".")
    inside.mkdir(parents=True)
    for file in published(name).iterdir():
        (inside / file.name).symlink_to(file)
    given = [f"dataset={name}", f"dataset.root={root}", "dataset.verify=false"]
    limits = ["dataset.train_limit=40", "dataset.test_limit=20"]
    loop = ["llm=tiny", "cycles=1", "candidates=2", "finetune=off", "tracker=none"]
    environment = {**os.environ, "NNLOOP_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "nnloop", *loop, *given, *limits],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    run = RunDir(next((tmp_path / "outputs" / "search").glob(f"tiny-{name}-*")))
    (report,) = run.reports()
    assert (report.counts.generated, sum(report.statuses.values())) == (2, 2)
    judged = run.judged_corpus()
    assert all(result.status in COMPLETED for _, result in judged), [result.reason for _, result in judged]
    assert "only 40 train images and 20 test images" in run.page.read_text()
