"""The libraries that a program needs are those that the loader itself would load."""

import ctypes.util
import os
import shutil
import sys
from pathlib import Path

import pytest
from trials import linux

from nnloop.sandbox import libraries

pytestmark = linux


def mapped() -> set[str]:
    """The shared libraries that this process has loaded."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line.split(maxsplit=5)[5] for line in lines if ".so" in line and line.count("/")}


def test_every_library_that_a_module_loads_is_listed() -> None:
    import _ssl

    before = [sys.executable, _ssl.__file__]
    listed = {os.path.realpath(path) for path in libraries.needed(before, gpu=False)}
    loaded = {
        os.path.realpath(path) for path in mapped() if any(part in path for part in ("libssl", "libcrypto", "libc."))
    }
    assert loaded
    assert loaded <= listed


def test_a_library_comes_with_the_relatives_that_it_opens_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libc = next(path for path in mapped() if os.path.basename(path).startswith("libc.so"))
    for name in ("libm.so.6", "libm_fast.so.1", "libmore.so"):
        shutil.copy(libc, tmp_path / name)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    needing = ctypes.util.find_library("stdc++") or "libstdc++.so.6"  # needs libm
    listed = libraries.needed([libraries._Loader()._locate(needing, ()) or ""], gpu=False)
    assert [name for name in os.listdir(tmp_path) if str(tmp_path / name) not in listed] == ["libmore.so"]


def test_the_drivers_libraries_are_listed_where_there_is_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libcuda.so.1").write_text("")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert str(tmp_path / "libcuda.so.1") in libraries.needed([], gpu=True)
    assert libraries.needed([], gpu=False) == []


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF\x02\x01", b"\x7fELF\x01\x01" + bytes(60)])
def test_a_file_of_another_kind_needs_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    assert libraries.needed([str(tmp_path / "file"), str(tmp_path / "none")], gpu=False) == []
