"""The files of a package and of the packages that it needs are found, and nobody else's."""

import sys
from pathlib import Path

import pytest

from nnloop.sandbox import packages


def install(site: Path, name: str, files: list[str], requires: tuple[str, ...] = (), record: bool = True) -> None:
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    needs = "".join(f"Requires-Dist: {need}\n" for need in requires)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text("")
    if record:
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in [*files, f"{info.name}/METADATA"]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path.resolve())])
    return tmp_path.resolve()


def shown(site: Path, *names: str) -> list[str]:
    return sorted(str(Path(path).relative_to(site)) for path in packages.find(names)[0])


def test_a_package_brings_what_it_requires_here_and_no_extra(site: Path) -> None:
    needs = ("Little_Helper>=1", "windows; sys_platform == 'win32'", "extra; extra == 'all'", "absent")
    install(site, "big", ["big/__init__.py", "big/core.py"], needs)
    for name in ("little-helper", "windows", "extra", "stranger"):
        install(site, name, [f"{name}.py"])
    assert shown(site, "big") == ["big", "big-1.0.dist-info", "little-helper.py", "little_helper-1.0.dist-info"]


def test_of_a_folder_that_packages_share_only_the_own_part_is_shown(site: Path) -> None:
    install(site, "blas", ["vendor/blas/lib/libblas.so.1", "vendor/note.txt", "../../bin/blas", "blas.libs/libx.so"])
    install(site, "other", ["vendor/other/labels.npy"])
    assert shown(site, "blas") == ["blas-1.0.dist-info", "blas.libs", "vendor/blas", "vendor/note.txt"]
    assert sorted(packages.find(["blas"])[1]) == [f"{site}/blas.libs/libx.so", f"{site}/vendor/blas/lib/libblas.so.1"]


def test_a_package_without_a_list_of_its_files_is_found_as_python_finds_it(site: Path) -> None:
    install(site, "bare", ["bare/__init__.py", "bare/lib/core.so"], record=False)
    install(site, "single", ["single.py"], record=False)
    assert shown(site, "bare", "single", "absent") == ["bare", "single.py"]
    assert packages.find(["bare"])[1] == [str(site / "bare/lib/core.so")]
