"""What the LLM is asked: which networks each prompt shows, what else, and from which results they are chosen.

Everything is derived from (run seed, cycle, slot) and the entries that a prompt may know of, in slot order, never in
the order in which trials end: so prompts do not depend on timing, and a killed run poses the same again.
"""

import logging
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nnloop import parents
from nnloop.errors import SettingsError
from nnloop.llm.engine import Engine, Request
from nnloop.loop.archive import Archive
from nnloop.modes import Mode, context
from nnloop.modes.render import Task
from nnloop.parents import PromptSlot
from nnloop.parents.pool import Pool, selected
from nnloop.records import Entry, Network, Prompt, Status
from nnloop.runs.folder import RunDir
from nnloop.seeding import derive
from nnloop.settings import (
    ContextSettings,
    CrossoverContextSettings,
    InspirationsContextSettings,
    MemoryContextSettings,
    ParentsSettings,
    SingleContextSettings,
)

_log = logging.getLogger(__name__)

_REPAIRABLE = frozenset(
    [Status.UNPARSEABLE, Status.PATCH_FAILED, Status.NO_CHANGE, Status.REJECTED, Status.BUILD_FAILED, Status.BAD_SHAPE]
)


def is_repairable(entry: Entry) -> bool:
    """Whether a completion failed before any training, so that `repair` sends it back."""
    return entry.status in _REPAIRABLE


@dataclass(frozen=True, slots=True)
class Lot:
    """Slots whose prompts are posed together, and how many slots of the cycle they know the results of."""

    slots: range
    sees: int


def lots(candidates: int, staleness: int | None) -> list[Lot]:
    """Cut a cycle such that no prompt is more than `staleness` results behind; None is a whole cycle.

    The first lot is as large as that allows, later ones half of it: so one lot is written while the results of the one
    before come in. Large lots are what makes batched generation fast.
    """
    allowed = candidates - 1 if staleness is None else min(staleness, candidates - 1)
    found = [Lot(range(allowed + 1), 0)]
    while found[-1].slots.stop < candidates:
        start = found[-1].slots.stop
        stop = min(start + max(1, (allowed + 1) // 2), candidates)
        found.append(Lot(range(start, stop), stop - 1 - allowed))
    return found


class Poser:
    """Writes the requests of one run."""

    def __init__(
        self,
        seed: int,
        task: Task,
        mode: Mode,
        run: RunDir,
        archive: Archive,
        parent_rule: ParentsSettings,
        context_rule: ContextSettings,
    ) -> None:
        self._seed, self._task, self._mode, self._run, self._archive = seed, task, mode, run, archive
        self._parent_rule, self._context_rule = parent_rule, context_rule
        self._fits: dict[str, bool] = {}  # by network id

    def pose(self, engine: Engine, cycle: int, slot: int, sees: int) -> Request:
        """Ask for the completion of a slot, from what the first `sees` slots of its cycle and all before it gave."""
        known = self._archive.before(cycle, sees)
        further = _networks_beside(self._context_rule)
        rng = random.Random(derive(self._seed, "baselines", cycle, slot))
        baseline, *others = self._draw(engine, known, PromptSlot(cycle, slot), 1 + further, rng)
        items = self._attempts(known) if further == 0 else [context.further(network) for network in others]
        prompt = self._prompt(engine, baseline, items)
        return Request(prompt, baseline.code, cycle, slot, derive(self._seed, "completion", cycle, slot))

    def repair(self, engine: Engine, slot: int, failed: Entry) -> Request | None:
        """Send a failed answer back as another slot of its cycle; None where that does not fit in a prompt.

        It is sent with the baseline alone, whatever else the first prompt showed.
        """
        baseline = self._archive.networks[failed.parent]
        answer = self._run.read_completions(failed.cycle)[failed.slot].text
        prompt = context.retry(self._mode.prompt(baseline, self._task), failed, answer)
        if not engine.fits(prompt.text):
            _log.info("cycle %d slot %d: the failed answer is too long to go back", failed.cycle, failed.slot)
            return None
        seed = derive(self._seed, "completion", failed.cycle, slot)
        return Request(prompt, baseline.code, failed.cycle, slot, seed, retry_of=failed.slot)

    def _draw(
        self, engine: Engine, known: Iterable[Entry], place: PromptSlot, count: int, rng: random.Random
    ) -> list[Network]:
        corpus = [network for network in self._archive.corpus if self._showable(engine, network)]
        found = [one for one in selected(known, self._archive.networks) if self._showable(engine, one.network)]
        if not corpus and not found:
            raise SettingsError("llm.context_length: no network of the corpus fits in a prompt")
        return parents.sample(self._parent_rule, Pool(corpus, found), place, count=count, rng=rng)

    def _showable(self, engine: Engine, network: Network) -> bool:
        """Whether the network's prompt fits in the LLM's context; a prompt is never cut."""
        if network.id not in self._fits:
            self._fits[network.id] = engine.fits(self._mode.prompt(network, self._task).text)
            if not self._fits[network.id]:
                _log.info("%s is too long to be shown", network.name)
        return self._fits[network.id]

    def _prompt(self, engine: Engine, baseline: Network, items: Sequence[context.Item]) -> Prompt:
        def write(section: str) -> Prompt:
            return self._mode.prompt(baseline, self._task, section)

        if isinstance(self._context_rule, SingleContextSettings):
            return write("")
        room = context.Room(engine.fits, engine.count, self._context_rule.tokens)
        return context.fill(self._context_rule.name, items, write, room)

    def _attempts(self, known: Sequence[Entry]) -> list[context.Item]:
        """The latest attempts, the newest first."""
        if not isinstance(self._context_rule, MemoryContextSettings):
            return []
        return [self._attempt(entry) for entry in reversed(known[-self._context_rule.attempts :])]

    def _attempt(self, entry: Entry) -> context.Item:
        parent = self._archive.networks[entry.parent]
        if entry.candidate is not None:
            return context.attempt(entry, parent, self._archive.code(entry.candidate), "")
        answer = self._run.read_completions(entry.cycle)[entry.slot].text
        return context.attempt(entry, parent, None, answer)


def _networks_beside(rule: ContextSettings) -> int:
    """How many networks a context shows beside the baseline."""
    if isinstance(rule, InspirationsContextSettings):
        return rule.networks
    return int(isinstance(rule, CrossoverContextSettings))
