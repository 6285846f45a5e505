"""One place for what the installed torch, torchvision and LEMUR do not agree on.

nn-dataset 2.2.11, LEMUR's newest, pins torch==2.9.1 and torchvision==0.24.1, and asks for thirty packages that nnloop
has no use for; 2.1.2, the last with networks, builds a database for minutes where it is imported. So nnloop never
imports LEMUR: corpus=lemur reads its files, and its checker (`ab.nn.api.check_nn`) runs in an environment of its own,
beside our torch, which it accepts in fact: tests/support/lemur_env.py makes it, tests/corpus/test_lemur_checker.py and
tests/bench/lemur_peer.py use it. There as here torchvision wants what follows.
"""

import importlib.util
from typing import Any

_library: Any = None  # torch unregisters the schemas when this is collected


def ensure_torchvision_imports() -> None:
    """Make `import torchvision` work beside a CPU-only torch; call it before importing lightning or transformers.

    PyPI's torchvision is linked against CUDA. Without the CUDA libraries its compiled ops don't load, and the import
    dies on "operator torchvision::nms does not exist" when it registers their fake versions. Declaring the two schemas
    is all that it needs; the ops themselves stay unavailable (nnloop uses none of them). Nothing is done where the ops
    can load.
    """
    global _library
    import torch

    if _library is not None or torch.version.cuda is not None or importlib.util.find_spec("torchvision") is None:
        return
    if hasattr(torch.ops.torchvision, "nms"):
        return
    _library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
