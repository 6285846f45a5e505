"""The settings of a job that Python asks for, composed as the command line composes them."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from hydra import compose, initialize_config_dir, version
from hydra.errors import HydraException
from omegaconf.basecontainer import BaseContainer
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from nnloop import naming
from nnloop.command_line import home, reply
from nnloop.errors import SettingsError
from nnloop.launch.messages import one_line
from nnloop.launch.resolvers import register_resolvers
from nnloop.settings import Settings
from nnloop.settings.command import override, prepare, readable
from nnloop.settings.groups import kinds
from nnloop.settings.keys import flat
from nnloop.settings.load import load

_numbers = count()  # of the jobs of this process: two of a second have folders of their own


@dataclass(frozen=True, slots=True)
class ComposedJob:
    """A job that is ready to run: its settings, the overrides that they come from, and its folder."""

    settings: Settings
    overrides: Sequence[str]
    folder: Path


def compose_job(
    job: str, overrides: Sequence[str], settings: Mapping[str, object], *, config_dir: str | Path | None = None
) -> ComposedJob:
    """Compose a job from overrides as texts (key=value), and from settings by their keys, dotted or nested.

    `config_dir` is a folder with groups and options of the user's own. Raises SettingsError.
    """
    given = [*_checked(overrides), *(override(key, value) for key, value in flat(settings).items())]
    for one in given:
        if re.match(r"hydra(?!\.run\.dir=)\b", one):
            raise SettingsError(f"{readable(one)}: only the command line takes it")
    if null := [one for one in given if one in {f"{group}=null" for group in kinds()}]:
        raise SettingsError(f"{null[0]}: a group has no option null")
    task = prepare([one for one in given if not one.startswith("hydra.")])
    places = [readable(one).partition("=")[2] for one in given if one.startswith("hydra.run.dir=")]
    named = [one.partition("=")[2] for one in map(readable, task) if one.startswith("job=")]
    if named and job not in named:
        raise SettingsError(f"job={named[0]}: this call runs job={job}; nnloop.job({named[0]!r}, ...) runs the other")
    task = [one for one in task if not readable(one).startswith("job=")]
    task = task if job == "search" else [f"job={job}", *task]
    with _hydra():
        try:
            composed = load(compose("config", overrides=[*_search_path(config_dir), *task]))
        except (HydraException, OmegaConfBaseException, YAMLError) as error:
            raise SettingsError(one_line(error)) from None
    if composed.dry_run:
        raise SettingsError("dry_run=true: only the command line has a dry run")
    return ComposedJob(composed, task, Path(places[-1]) if places else _folder(composed, task))


def _folder(settings: Settings, overrides: Sequence[str]) -> Path:
    return Path(naming.home(settings.name)) / naming.run_subfolder(settings, overrides, next(_numbers))


def _checked(overrides: Sequence[str]) -> list[str]:
    """Return overrides that are texts of the form key=value. Raises SettingsError for others."""
    for one in overrides:
        if not isinstance(one, str):
            raise SettingsError(f"{one!r}: a setting is given as key=value, or as a keyword")
        if one.startswith("-"):
            raise SettingsError(f"{one}: only the command line takes it; a setting is given as key=value")
        answer = reply([one])
        if answer is not None:
            raise SettingsError(answer[0].removeprefix("nnloop: "))
    return prepare(overrides)


def _search_path(config_dir: str | Path | None) -> list[str]:
    if config_dir is None:
        return []
    folder = Path(config_dir).expanduser().absolute()
    if not folder.is_dir():
        raise SettingsError(f"config_dir={config_dir}: no such folder")
    return [override("hydra.searchpath", [f"file://{folder}"])]


@contextlib.contextmanager
def _hydra() -> Iterator[None]:
    """Set Hydra up for one composition, and leave no trace of it in a program that may use Hydra itself."""
    base, resolvers = version.getbase(), dict(BaseContainer._resolvers)
    try:
        with initialize_config_dir(str(home() / "conf"), version_base="1.3"):
            register_resolvers()
            yield
    finally:
        version.VersionBase.instance().version_base = base
        BaseContainer._resolvers = resolvers  # nothing public gives a resolver back that another one has replaced
