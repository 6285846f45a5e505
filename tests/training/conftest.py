"""What every training in this process needs: a torchvision that imports, and one quiet thread."""

from collections.abc import Iterator

import pytest
import torch

from nnloop.compat import ensure_torchvision_imports

ensure_torchvision_imports()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    from nnloop.training import fit

    fit.quiet()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
