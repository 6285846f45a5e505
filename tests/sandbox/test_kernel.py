"""System calls by name do what libc's do, and fail with OSError."""

import errno
import fcntl
import os

import pytest
from sandboxes import alone
from trials import linux

from nnloop.sandbox import kernel

pytestmark = linux
PR_GET_DUMPABLE = 3


def test_a_call_by_name_returns_what_the_kernel_returns() -> None:
    with open(os.devnull) as file:
        assert kernel.syscall("fcntl", [file.fileno(), fcntl.F_GETFD]) == fcntl.fcntl(file.fileno(), fcntl.F_GETFD)


def test_a_failed_call_is_an_oserror_with_its_name() -> None:
    with pytest.raises(OSError, match="kill: ") as caught:
        kernel.syscall("kill", [2**22 + 1, 0])
    assert caught.value.errno == errno.ESRCH


def test_prctl_reads_and_writes() -> None:
    code = f"""
        from nnloop.sandbox import kernel
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        print(kernel.prctl({PR_GET_DUMPABLE}))
    """
    assert alone(code) == "0"


def test_no_capability_is_left_after_they_were_dropped() -> None:
    code = """
        import os
        from nnloop.sandbox import kernel
        kernel.drop_capabilities(bounding=os.geteuid() == 0)
        print(*{line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "CapPrm"))})
    """
    assert alone(code) == "0" * 16


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts without a user namespace")
def test_a_mount_shows_a_folder_and_can_be_made_read_only(tmp_path) -> None:
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown/file").write_text("")
    (tmp_path / "at").mkdir()
    code = f"""
        import os
        from nnloop.sandbox import kernel
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("/", kernel.MS_REC | kernel.MS_PRIVATE)
        kernel.mount({str(tmp_path / "at")!r}, kernel.MS_BIND, source={str(tmp_path / "shown")!r})
        kernel.make_read_only({str(tmp_path / "at")!r})
        print(os.listdir({str(tmp_path / "at")!r}), os.access({str(tmp_path / "at")!r}, os.W_OK))
        kernel.unmount({str(tmp_path / "at")!r})
        print(os.listdir({str(tmp_path / "at")!r}))
    """
    assert alone(code).splitlines() == ["['file'] False", "[]"]
    assert list((tmp_path / "at").iterdir()) == []
