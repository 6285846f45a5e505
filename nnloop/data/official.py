"""torchvision's dataset classes: they know the addresses, the checksums and the formats."""

from typing import Any

from nnloop import compat


def official(name: str) -> Any:
    """Return the class of torchvision.datasets, importing torch only now."""
    compat.ensure_torchvision_imports()
    import torchvision.datasets

    return getattr(torchvision.datasets, name)
