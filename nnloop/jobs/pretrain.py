"""job=pretrain: train the tiny LLM on our own corpus. The folder's model/ is the package's llm/tiny/weights."""

from pathlib import Path
from typing import TextIO

from nnloop.settings import PretrainSettings, Settings


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Train up to job.steps, from the folder's last checkpoint if it has one."""
    from nnloop.llm.pretraining.train import pretrain  # imports torch

    assert isinstance(settings.job, PretrainSettings)
    pretrain(settings.job, folder)
