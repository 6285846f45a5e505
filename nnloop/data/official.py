"""Access to torchvision's dataset classes, which know the addresses, the checksums and the formats."""

from typing import Any

from nnloop import compat


def official(name: str) -> Any:
    """Return a class of torchvision.datasets by its name. Imports torch."""
    compat.ensure_torchvision_imports()
    import torchvision.datasets

    return getattr(torchvision.datasets, name)
