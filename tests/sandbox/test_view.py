"""A candidate sees what Python and its packages need, and nothing that lies beside it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from paths import PACKAGE, ROOT

from nnloop.sandbox.view import expand, is_below, make_view, resolve

PLANTED = (
    "pkgs/scikit-learn-1.6-py311/lib/python3.11/site-packages/sklearn/datasets/data/digits.csv.gz",
    "envs/other/lib/python3.9/site-packages/sklearn/datasets/data/digits.csv.gz",
    "lib/{version}/site-packages/sklearn/datasets/data/digits.csv.gz",
    "lib/{version}/site-packages/numpy-data/labels.npy",
    "lib/{version}/labels/train-labels-idx1-ubyte",
    "share/digits.csv",
    "digits.csv",
)
"""Places in a Python's prefix where copies of a data set can lie."""


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


def readable_by(command: list[str], **environment: str) -> list[str]:
    """The paths that a Python shows to its candidates."""
    code = "from nnloop.sandbox.view import make_view; print(*make_view(()).readable, sep='\\n')"
    path = os.pathsep.join([str(ROOT), *(each for each in sys.path if each.endswith("-packages"))])
    return subprocess.run(
        [*command, "-c", code],
        env=os.environ | environment | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


def test_copies_of_a_data_set_anywhere_in_pythons_prefix_are_out_of_sight(tmp_path: Path) -> None:
    prefix = tmp_path.resolve() / "prefix"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
    planted = [name.format(version=f"python{sys.version_info[0]}.{sys.version_info[1]}") for name in PLANTED]
    make(prefix, *planted)
    readable = readable_by([str(prefix / "bin/python")])
    assert any(path.endswith("/torch") for path in readable)
    assert [name for name in planted if any(is_below(str(prefix / name), path) for path in readable)] == []


def test_folders_among_pythons_own_modules_are_out_of_sight(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make(tmp_path, "os.py", "json/decoder.py", "data/digits.csv", "digits.csv", "site-packages/sklearn/data.csv")
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    readable = [Path(path).name for path in make_view(()).readable if is_below(path, str(tmp_path.resolve()))]
    assert sorted(readable) == ["json", "os.py"]


def test_a_candidate_sees_python_torch_and_the_libraries_that_they_load_but_no_other_package() -> None:
    view = make_view(())
    names = {Path(path).name for path in view.readable}
    assert {"os.py", "lib-dynload", "torch", "numpy", "torchvision", "libc.so.6", "training"} <= names
    assert names.isdisjoint({"sklearn", "scipy", "transformers", "site-packages", "usr", "lib", "corpus"})
    assert str(PACKAGE) not in view.readable
    assert all(os.path.realpath(path) == path for path in view.readable)
    assert view.hidden == []
    assert view.parts == view.readable


def test_hidden_folders_within_a_shown_package_are_cut_out() -> None:
    secret = str(PACKAGE.resolve() / "training")
    inside, above = f"{secret}/fit.py", str(PACKAGE.resolve())
    view = make_view((inside, above, "/no/such/folder"))
    assert view.hidden == [inside]
    assert inside not in view.parts
    assert f"{secret}/images.py" in view.parts


def test_links_on_the_way_are_followed_one_by_one(tmp_path: Path) -> None:
    base = tmp_path.resolve()
    make(base, "real/deep/file")
    (base / "relative").symlink_to("real")
    (base / "real/absolute").symlink_to(base / "relative/deep")
    links: dict[str, None] = {}
    assert resolve(str(base / "relative/absolute/file"), links) == str(base / "real/deep/file")
    assert list(links) == [str(base / "relative"), str(base / "real/absolute")]


def test_hidden_files_are_cut_out_of_what_is_readable(tmp_path: Path) -> None:
    real = tmp_path.resolve()
    make(real, "a/x", "a/secret/y", "b/z")
    parts = list(expand(str(real), (str(real / "a/secret"),)))
    assert parts == [str(real / "a/x"), str(real / "b")]


def test_only_the_folder_itself_and_paths_in_it_are_below_it() -> None:
    assert is_below("/a/b", "/a")
    assert is_below("/a", "/a")
    assert is_below("/a", "/")
    assert not is_below("/ab", "/a")
