"""The executor that the settings name, here and on the nodes of a cluster."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from nnloop import data
from nnloop.executor.local import LocalExecutor
from nnloop.executor.slurm import SlurmExecutor
from nnloop.settings import LocalExecutorSettings, Settings, SlurmExecutorSettings


def make_executor(settings: Settings, dataset: data.Dataset, folder: Path) -> LocalExecutor | SlurmExecutor:
    """Make the executor; files that cluster nodes exchange go to the job's own `folder`."""
    if isinstance(settings.executor, SlurmExecutorSettings):
        return SlurmExecutor(settings.executor, folder, partial(_on_node, settings))
    return LocalExecutor(
        dataset,
        dataset_settings=settings.dataset,
        proxy=settings.proxy,
        sandbox=settings.sandbox,
        settings=settings.executor,
        max_params=settings.mode.max_params,
    )


def _on_node(settings: Settings) -> LocalExecutor:
    """Make the executor that runs on a cluster node: one trial at a time, and one retry."""
    slurm = settings.executor
    here = LocalExecutorSettings(
        name="local", workers=1, wall_s=slurm.wall_s, memory_gb=slurm.memory_gb, retries=1, grace_s=slurm.grace_s
    )
    executor = make_executor(replace(settings, executor=here), data.load(settings.dataset), Path())
    assert isinstance(executor, LocalExecutor)
    return executor
