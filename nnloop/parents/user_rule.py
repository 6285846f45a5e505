"""parents=own: a rule of the user's own, a function in a file or module of theirs. It runs with all their rights."""

import importlib
import importlib.util
import inspect
import random
import sys
import traceback
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from nnloop.errors import RuleError, SettingsError
from nnloop.parents.pool import Pool, PromptSlot
from nnloop.records import Network
from nnloop.settings import OwnParentsSettings
from nnloop.settings.hints import meant


class ParentsRule(Protocol):
    """A choice of the networks that a prompt shows. nnloop's rules are such functions, and parents.rule names a user's.

    It is called once for each prompt, in the order of the slots, in the process that runs the search. Results must
    depend on the arguments alone, or a search that is stopped and goes on would differ from one that is not: take
    chance from `rng`, and nothing from clocks, files or earlier calls.
    """

    def __call__(self, pool: Pool, place: PromptSlot, *, count: int, rng: random.Random) -> Iterable[Network]:
        """Choose the parent, and after it the networks that `context` shows beside it.

        Args:
            pool: what can be shown, never empty: `pool.corpus`, the networks that the search started from, and
                `pool.run`, the selected ones of the run, oldest first, each with its `network`, `cycle` and `slot`.
                A Network has id, name, code, val_accuracy (a fraction, or None) and params (or None).
            place: cycle and slot of the prompt.
            count: networks that are wanted: 1, and more under context=inspirations or crossover.
            rng: generator of this prompt, seeded by the run's seed, the cycle and the slot.

        A rule of the user's own also gets parents.options, by keyword.

        Returns:
            1 to `count` different networks of the pool, the parent first.

        Raises:
            Exception: of any kind. The search catches it, and everything else than such networks, and ends with one
                line that names parents.rule. All that was done stays; with a mended rule the same command goes on.
        """


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A user's function as a rule: it is called and its answer checked."""

    name: str  # the value of parents.rule
    source: str  # text of its file
    function: Callable[..., Any]
    options: Mapping[str, Any]

    def __call__(self, pool: Pool, place: PromptSlot, *, count: int, rng: random.Random) -> Sequence[Network]:
        """Call the function. Raises RuleError if it raises, or returns something else than networks of the pool."""
        shown = Pool(tuple(pool.corpus), tuple(pool.run))
        try:
            answer = self.function(shown, place, count=count, rng=rng, **self.options)
            chosen = list(answer) if isinstance(answer, Iterable) and not isinstance(answer, str | Mapping) else answer
        except (Exception, SystemExit) as error:
            code = getattr(self.function, "__code__", None)
            raise self._error(f"raised {_told(error, getattr(code, 'co_filename', ''))}") from None
        if not isinstance(chosen, list):
            raise self._error(f"returned {type(answer).__name__}; it must return a list of networks")
        known = {network.id: network for network in [*pool.corpus, *(member.network for member in pool.run)]}
        strange = [one for one in chosen if not isinstance(one, Network) or one.id not in known]
        if strange:
            raise self._error(f"returned {strange[0]!r:.80}, which is no network of the pool")
        ids = [network.id for network in chosen]
        if not 1 <= len(ids) <= count or len(set(ids)) < len(ids):
            raise self._error(f"returned {len(ids)} networks, {len(set(ids))} different ones; wanted are 1 to {count}")
        return [known[identity] for identity in ids]

    def _error(self, what: str) -> RuleError:
        return RuleError(f"parents.rule={self.name}: {what}; mend it, and the same command goes on")


def load_rule(settings: OwnParentsSettings) -> OwnRule:
    """Import the function that parents.rule names. Raises SettingsError: key, value and the fault."""
    name = settings.rule
    place, _, function = name.rpartition(":")
    if not place or not function.isidentifier():
        raise SettingsError(f"parents.rule={name}: must be <file>.py:<function> or <module>:<function>")
    try:
        module, source = _run_file(Path(place).expanduser()) if place.endswith(".py") else _import(place)
    except (Exception, SystemExit) as error:
        hint = "; a file ends in .py" if isinstance(error, ImportError) else ""
        raise SettingsError(f"parents.rule={name}: importing {place} raised {_told(error, place)}{hint}") from None
    functions = [one for one, value in vars(module).items() if callable(value) and not one.startswith("_")]
    if not callable(getattr(module, function, None)):
        raise SettingsError(f"parents.rule={name}: {place} has no function {function}; {meant(function, functions)}")
    rule = OwnRule(name, source, function=getattr(module, function), options=settings.options)
    _check_call(rule)
    return rule


def _check_call(rule: OwnRule) -> None:
    """Raise SettingsError if the function doesn't take a rule's arguments and the options."""
    try:
        inspect.signature(rule.function).bind((), (), count=1, rng=(), **rule.options)
    except TypeError as error:
        raise SettingsError(
            f"parents.rule={rule.name}: {error}; it is called as rule(pool, place, count=, rng=) and with the names in"
            " parents.options"
        ) from None
    except ValueError:
        return  # it has no signature that could be read


def _run_file(path: Path) -> tuple[types.ModuleType, str]:
    """Run a file as a module of a name of its own; it may import its neighbours."""
    source = path.read_text(encoding="utf-8")
    module = types.ModuleType(f"nnloop_rule_{sha256(str(path.resolve()).encode()).hexdigest()[:8]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look it up
    sys.path.insert(0, str(path.resolve().parent))
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module, source


def _import(name: str) -> tuple[types.ModuleType, str]:
    module = importlib.import_module(name)
    return module, inspect.getsource(module)


def _told(error: BaseException, file: str) -> str:
    """Return an error in one line, with the line of the rule's file, or of another one, in which it was raised."""
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}: {error.strerror}"
    all_frames = list(traceback.extract_tb(error.__traceback__))
    frames = [frame for frame in all_frames if frame.filename == file] or all_frames
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    where = "" if isinstance(error, SyntaxError) else where
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}{where}"
