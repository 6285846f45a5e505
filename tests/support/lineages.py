"""Write adapters of made-up weights, which name their parents."""

from pathlib import Path


def save_adapter(folder: Path, parent: str | None) -> str:
    """Write made-up weights with their lineage; return their hash."""
    from nnloop.llm.adapters import LINEAGE, WEIGHTS, Lineage, adapter_hash  # not where wandb alone is tested: torch

    folder.mkdir(exist_ok=True, parents=True)
    (folder / WEIGHTS).write_bytes(folder.parent.name.encode())
    name = adapter_hash(folder)
    lineage = Lineage(name, parent, "tiny", revision=None, settings={}, seed=0)
    (folder / LINEAGE).write_text(lineage.line())
    return name
