"""torchvision imports beside the torch that is installed."""

import subprocess
import sys


def test_torchvision_can_be_imported_afterwards_however_often_it_is_called() -> None:
    code = (
        "from nnloop.compat import ensure_torchvision_imports as ready; ready(); ready(); "
        "import torchvision.transforms; print('imported')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "imported\n"), done.stderr
