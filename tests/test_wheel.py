"""The wheel's files, by the build settings in pyproject.toml."""

import tomllib
from pathlib import Path

from paths import ROOT

WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]


def forced() -> dict[str, Path]:
    """Files that are put into the wheel beside the package, by their name there; a folder brings all of its files."""
    names = {}
    for source, target in WHEEL["force-include"].items():
        path = ROOT / source
        for file in [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]:
            names[f"{target}/{file.relative_to(path)}" if path.is_dir() else target] = file
    return names


def test_the_wheel_carries_the_package_every_setting_and_every_sweep() -> None:
    settings = [path for folder in ("conf", "sweeps") for path in (ROOT / folder).rglob("*.yaml")]
    assert {f"nnloop/{path.relative_to(ROOT)}" for path in settings} <= forced().keys()
    assert WHEEL["packages"] == ["nnloop"]


def test_the_wheel_carries_no_results_and_no_pictures() -> None:
    assert {path.suffix for path in forced().values()} == {".yaml"}
    assert [path for path in (ROOT / "nnloop").rglob("*") if path.suffix in (".png", ".xz")] == []
