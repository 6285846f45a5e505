"""Raw files from their archives on: downloaded from a local server or placed by hand; every failure is one line."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from archive_server import serve
from raw_files import SHAPES, TEST, Prepared, mirrored, placed, unverified_cifar, write_cifar

from nnloop import data
from nnloop.data.archives import ArchiveFile, check_md5, root_error
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings, Settings

Configure = Callable[..., Settings]
FILES = {"cifar10": 1, "cifar100": 1, "mnist": 4, "svhn": 2, "imagenette": 1, "celeba": 6}


@pytest.mark.parametrize("name", SHAPES)
def test_each_archive_is_downloaded_once(name: str, prepared: Callable[[str], Prepared]) -> None:
    asked = prepared(name).asked
    assert len(set(asked)) == len(asked) == FILES[name]


def test_a_file_is_present_as_itself_in_its_parts_or_as_the_folder_that_stands_for_it(tmp_path: Path) -> None:
    plain = ArchiveFile("a.mat", urls=(), md5="")
    packed = ArchiveFile("b.zip", urls=(), md5="", unpacked=("b/1", "b/2"), folder="c")
    assert not plain.is_present(tmp_path)
    assert not packed.is_present(tmp_path)
    for name in ("a.mat", "b.zip", "b/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert plain.is_present(tmp_path)
    assert not packed.is_present(tmp_path)
    (tmp_path / "b" / "2").write_text("")
    assert packed.is_present(tmp_path)
    (tmp_path / "b" / "2").unlink()
    (tmp_path / "c").mkdir()
    assert packed.is_present(tmp_path)


def test_a_file_is_checked_against_its_published_md5(digits: DatasetSettings, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"as published")
    check_md5(digits, path, hashlib.md5(b"as published").hexdigest())
    with pytest.raises(DatasetError, match=r"^dataset.root=null: .*file is damaged or another file"):
        check_md5(digits, path, "0" * 32)


def test_an_error_names_the_root_that_the_user_gave(configure: Configure, digits: DatasetSettings) -> None:
    assert str(root_error(digits, "gone")) == "dataset.root=null: gone"
    assert str(root_error(configure("dataset=digits", "dataset.root=/a").dataset, "gone")) == "dataset.root=/a: gone"


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
    for given in (placed(name, published(name), root), root):
        dataset = data.load(configure(f"dataset={name}", f"dataset.root={given}", "dataset.verify=false").dataset)
        assert len(dataset.test_y) == TEST


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


def test_a_missing_folder_is_named(configure: Configure, tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"^dataset.root=.*nowhere: no such folder; put there, or unpacked: cifar-10-python.tar.gz"
    ) as caught:
        data.load(configure("dataset=cifar10", f"dataset.root={tmp_path / 'nowhere'}").dataset)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(configure: Configure, tmp_path: Path) -> None:
    (write_cifar(tmp_path) / "data_batch_3").unlink()
    with pytest.raises(DatasetError, match=r"dataset.root=.*holds neither .*/data_batch_3 nor cifar-10-python.tar.gz"):
        data.load(unverified_cifar(configure, tmp_path))
