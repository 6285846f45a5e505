"""job=pretrain: train the tiny LLM from our own corpus. The folder's model/ is what ships in llm/tiny/weights."""

import pathlib

from nnloop.settings import PretrainSettings


def run(settings: PretrainSettings, folder: pathlib.Path) -> None:
    """Train up to `settings.steps`, going on from the folder's last checkpoint where there is one."""
    from nnloop.llm.pretraining.train import pretrain

    pretrain(settings, folder)
