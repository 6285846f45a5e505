"""The executor that the settings name, here and on the nodes of a cluster."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from nnloop import data
from nnloop.executor.dispatch import PoolExecutor
from nnloop.executor.local import LocalExecutor
from nnloop.executor.slurm import SlurmExecutor
from nnloop.settings import LocalExecutorSettings, Settings, SlurmExecutorSettings
from nnloop.settings.members import members, only


def make_executor(
    settings: Settings, dataset: data.Dataset | data.DatasetPool, folder: Path
) -> LocalExecutor | PoolExecutor | SlurmExecutor:
    """Make the executor; files that cluster nodes exchange go to the job's own `folder`."""
    if isinstance(settings.executor, SlurmExecutorSettings):
        return SlurmExecutor(settings.executor, folder, partial(_on_node, settings))
    if isinstance(dataset, data.Dataset):
        return _local(settings, dataset, None)
    executors: dict[str, LocalExecutor] = {}
    try:
        for name, of_one in members(settings).items():
            first = next(iter(executors.values()), None)
            executors[name] = _local(of_one, dataset.sets[name], first)
    except BaseException:
        for executor in executors.values():
            executor.close()
        raise
    return PoolExecutor(executors)


def _local(settings: Settings, dataset: data.Dataset, beside: LocalExecutor | None) -> LocalExecutor:
    assert isinstance(settings.executor, LocalExecutorSettings)
    return LocalExecutor(
        dataset,
        dataset_settings=only(settings),
        proxy=settings.proxy,
        sandbox=settings.sandbox,
        settings=settings.executor,
        max_params=settings.mode.max_params,
        beside=beside,
    )


def _on_node(settings: Settings) -> LocalExecutor | PoolExecutor:
    """Make the executor that runs on a cluster node: one trial at a time, and one retry."""
    slurm = settings.executor
    here = LocalExecutorSettings(
        name="local", workers=1, wall_s=slurm.wall_s, memory_gb=slurm.memory_gb, retries=1, grace_s=slurm.grace_s
    )
    executor = make_executor(replace(settings, executor=here), data.load_all(settings.dataset), Path())
    assert not isinstance(executor, SlurmExecutor)
    return executor
