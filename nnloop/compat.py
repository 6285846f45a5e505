"""One place for what the installed torch and torchvision do not agree on."""

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
