"""A search's settings as each of its datasets sees them: dataset=pool has several, any other option one."""

from dataclasses import replace

from nnloop.errors import SettingsError
from nnloop.settings.evaluation import DatasetSettings, PoolSettings
from nnloop.settings.groups import Settings
from nnloop.settings.strategy import AdmissionSettings


def members(settings: Settings) -> dict[str, Settings]:
    """Return the settings of a search on each dataset alone, with its threshold of admission, by the dataset's name.

    Without a pool that is one search, under the name "": its networks name no dataset.
    """
    if isinstance(settings.dataset, PoolSettings):
        return {name: _on(settings, member) for name, member in settings.dataset.of.items()}
    return {"": _on(settings, settings.dataset)}


def only(settings: Settings) -> DatasetSettings:
    """Return the dataset of a job that takes one. Raises SettingsError for a pool."""
    if isinstance(settings.dataset, PoolSettings):
        names = ", ".join(settings.dataset.of)
        raise SettingsError(f"dataset=pool: job={settings.job.name} takes one dataset; must be one of {names}")
    return settings.dataset


def _on(settings: Settings, dataset: DatasetSettings) -> Settings:
    least = settings.admission.min_accuracy
    admission = AdmissionSettings(dataset.min_accuracy if least is None else least)
    return replace(settings, dataset=dataset, admission=admission)
