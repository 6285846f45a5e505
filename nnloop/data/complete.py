"""The settings of a dataset that are left to its images, filled in before a job begins."""

import hashlib
import json
import logging
from dataclasses import asdict, replace
from pathlib import Path

from nnloop.data import sources
from nnloop.data.measure import mean_and_std
from nnloop.data.prepared import cache_home, load, root_of
from nnloop.data.sources import RawSource
from nnloop.data.survey import Survey, describe, listing
from nnloop.errors import DatasetError
from nnloop.runs.durable import write_json
from nnloop.settings import DatasetSettings, PoolSettings, known

CROP_SHARE = 8
"""Of the size, that an own dataset's images are padded by before a random crop."""
FLAT = 1e-3
"""Standard deviation below which a channel is constant, and is not scaled."""

log = logging.getLogger(__name__)


def complete(settings: DatasetSettings) -> DatasetSettings:
    """Return the settings with a value in the place of every None that the images decide.

    A published dataset is prepared only to measure its mean and std, and an own one always. Raises DatasetError.
    """
    source = sources.find(settings.name)
    if source.survey is None:
        for key in ("title", "description", "classes", "channels", "size", "crop_pad"):
            if getattr(settings, key) is None:
                raise DatasetError(f"dataset.{key}=null: {settings.name} needs a value; own datasets alone need none")
    else:
        settings = _fill(settings, _survey(settings, source))
    if settings.mean is None or settings.std is None:
        mean, std = mean_and_std(load(settings))
        rounded = [round(value, 4) if value > FLAT else 1.0 for value in std]
        settings = replace(
            settings,
            mean=settings.mean or [round(value, 4) for value in mean],
            std=settings.std or rounded,
        )
    _check_lengths(settings)
    return settings


def complete_all(settings: DatasetSettings | PoolSettings) -> DatasetSettings | PoolSettings:
    """Complete the settings of the dataset, or of each of a pool's. Raises DatasetError."""
    if isinstance(settings, PoolSettings):
        return replace(settings, of={name: complete(member) for name, member in settings.of.items()})
    return complete(settings)


def _fill(settings: DatasetSettings, survey: Survey) -> DatasetSettings:
    classes = settings.classes or len(survey.class_names)
    channels, size = settings.channels or survey.channels, settings.size or survey.size
    crop_pad = round(size / CROP_SHARE) if settings.crop_pad is None else settings.crop_pad
    return replace(
        settings,
        title=settings.title or survey.title,
        description=settings.description or describe(survey, classes=classes, channels=channels, size=size),
        classes=classes,
        channels=channels,
        size=size,
        crop_pad=crop_pad,
    )


def _survey(settings: DatasetSettings, source: RawSource) -> Survey:
    """Look at an own dataset, or read what a look at these very files said."""
    assert source.survey is not None
    root = root_of(settings)
    asked = json.dumps([str(root.resolve()), {key: value for key, value in asdict(settings).items() if key != "root"}])
    file = cache_home() / "surveys" / f"{hashlib.sha256(asked.encode()).hexdigest()[:16]}.json"
    known_facts = _read(file)
    now = listing(root) if root.exists() else ""
    if known_facts is not None and (known_facts[0] == now or not now):
        survey = known_facts[1]
    else:
        survey = source.survey(settings, root)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {"listing": now, "survey": survey.to_json()})
    for sentence in survey.told:
        log.info("%s: %s", known(survey.title), sentence)
    return survey


def _read(file: Path) -> tuple[str, Survey] | None:
    try:
        kept = json.loads(file.read_text())
        return str(kept["listing"]), Survey.from_json(kept["survey"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _check_lengths(settings: DatasetSettings) -> None:
    for key in ("mean", "std"):
        value = getattr(settings, key)
        if len(value) != settings.channels:
            raise DatasetError(f"dataset.{key}={value}: must have one number for each of {settings.channels} channels")
