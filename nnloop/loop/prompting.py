"""The requests to the LLM: the networks that each prompt shows, and the results that they are chosen from.

A request depends only on (run seed, cycle, slot) and on the entries that its prompt may use, in slot order. So prompts
do not depend on the order in which trials end, and a resumed run asks the same again.
"""

import logging
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace

from nnloop.errors import SettingsError
from nnloop.llm.engine import Engine, Request, Successes
from nnloop.loop.archive import Archive
from nnloop.modes import Mode, context
from nnloop.modes.render import Task, full_target
from nnloop.parents.pool import Pool, PromptSlot, selected
from nnloop.parents.user_rule import ParentsRule
from nnloop.records import BLANK, Entry, Network, Prompt, Status
from nnloop.runs.folder import RunFolder
from nnloop.seeding import derive
from nnloop.settings import (
    ContextSettings,
    CrossoverContextSettings,
    EmptyCorpusSettings,
    InspirationsContextSettings,
    MemoryContextSettings,
    RandomLlmSettings,
    Settings,
    SingleContextSettings,
)

RETRIED = frozenset(
    [
        *(Status.UNPARSEABLE, Status.TRUNCATED, Status.PATCH_FAILED, Status.NO_CHANGE, Status.REJECTED),
        *(Status.BUILD_FAILED, Status.BAD_SHAPE),
    ]
)
"""Statuses of a completion that failed before any training; settings.retries sends such answers back to the LLM."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Slots whose prompts are built together, once the first `visible_results` slots of the cycle have results."""

    slots: range
    visible_results: int


def batches(candidates: int, staleness: int | None) -> list[Batch]:
    """Split a cycle so that no prompt misses more than the latest `staleness` results; None: a whole cycle's.

    The first batch is as large as that allows, because large batches generate fast. Later ones are half as large, so
    that the LLM writes one batch while the results of the batch before come in.
    """
    allowed = candidates - 1 if staleness is None else min(staleness, candidates - 1)
    cut = [Batch(range(allowed + 1), 0)]
    while cut[-1].slots.stop < candidates:
        start = cut[-1].slots.stop
        stop = min(start + max(1, (allowed + 1) // 2), candidates)
        cut.append(Batch(range(start, stop), stop - 1 - allowed))
    return cut


@dataclass(kw_only=True)
class PromptBuilder:
    """The builder of one run's requests to the LLM."""

    settings: Settings
    task: Task
    mode: Mode
    rule: ParentsRule
    folder: RunFolder
    archive: Archive
    _fits: dict[str, bool] = field(default_factory=dict, init=False)  # by network id

    def build(self, engine: Engine, place: PromptSlot, *, visible_results: int) -> Request:
        """Build a slot's request from the results of earlier cycles and of this cycle's first `visible_results` slots.

        Raises SettingsError if no network of the corpus fits in the LLM's context.
        """
        dataset = self._dataset(place)
        known = [one for one in self.archive.before(place.cycle, visible_results) if one.dataset == dataset]
        beside = _networks_beside(self.settings.context)
        rng = random.Random(derive(self.settings.seed, "baselines", *astuple(place)))
        pool = self._pool(engine, known, dataset)
        if len(pool):
            parent, *others = self.rule(pool, place, count=1 + beside, rng=rng)
        else:
            parent, others = BLANK.on(dataset), []
        items = [self._further(network) for network in others] if beside else self._attempts(known)
        request = self._request(self._prompt(engine, parent, items), parent, place)
        return replace(request, successes=successes(known)) if _is_bandit(self.settings) else request

    def retry(self, engine: Engine, failed: Entry, *, slot: int) -> Request | None:
        """Build the request, in another slot of the cycle, that sends a failed answer back; None if it does not fit.

        The prompt shows only the parent, even if the first prompt had a context.
        """
        parent = self.archive.networks[failed.parent]
        shown, answer = self.mode.prompt(parent, self.task), self._answer(failed)
        prompt = context.retry(self.mode.templates, shown, failed, answer=answer)
        if not engine.fits(prompt.text):
            _log.info("cycle %d, slot %d: the failed answer is too long to go back", failed.cycle + 1, failed.slot + 1)
            return None
        return self._request(prompt, parent, PromptSlot(failed.cycle, slot), retry_of=failed.slot)

    def _request(self, prompt: Prompt, parent: Network, place: PromptSlot, retry_of: int | None = None) -> Request:
        return Request(
            prompt,
            parent_code=parent.code,
            cycle=place.cycle,
            slot=place.slot,
            seed=derive(self.settings.seed, "completion", *astuple(place)),
            retry_of=retry_of,
        )

    def _dataset(self, place: PromptSlot) -> str:
        """Return a pool's dataset for a slot: each block of as many slots has every dataset once, in random order."""
        names = list(self.task.of)
        if not names:
            return ""
        block, at = divmod(place.cycle * self.settings.candidates + place.slot, len(names))
        return random.Random(derive(self.settings.seed, "datasets", block)).sample(names, len(names))[at]

    def _pool(self, engine: Engine, known: Sequence[Entry], dataset: str) -> Pool:
        own = [network for network in self.archive.corpus if network.dataset == dataset]
        corpus = [network for network in own if self._is_showable(engine, network)]
        run = [one for one in selected(known, self.archive.networks) if self._is_showable(engine, one.network)]
        if not corpus and not run and not isinstance(self.settings.corpus, EmptyCorpusSettings):
            limit = " and can be rewritten within llm.max_new_tokens" if self.mode.name == "full" else ""
            of = f" for {dataset}" if dataset else ""
            if not own:
                raise SettingsError(
                    f"corpus.name={self.settings.corpus.name}: no network of the corpus trained{of}; the log has the"
                    " reasons, another corpus or proxy may suit it"
                )
            raise SettingsError(f"llm.context_length: no network of the corpus fits in a prompt{of}{limit}")
        return Pool(corpus, run)

    def _is_showable(self, engine: Engine, network: Network) -> bool:
        """Tell whether the network's prompt fits in the LLM's context, and in mode=full its rewriting in an answer.

        A prompt is never cut.
        """
        if network.id not in self._fits:
            writable = self.mode.name != "full" or engine.writes(full_target(network.code))
            self._fits[network.id] = writable and engine.fits(self.mode.prompt(network, self.task).text)
            if not self._fits[network.id]:
                why = "for the LLM's context" if writable else "to be rewritten within llm.max_new_tokens"
                _log.info("%s is not shown: too long %s", network.name, why)
        return self._fits[network.id]

    def count_hidden(self, engine: Engine, cycle: int) -> int:
        """Count the networks, of the corpus and selected up to the end of a cycle, that are too long to be shown."""
        known = [one.network for one in selected(self.archive.before(cycle + 1), self.archive.networks)]
        return sum(not self._is_showable(engine, network) for network in [*self.archive.corpus, *known])

    def _prompt(self, engine: Engine, parent: Network, items: Sequence[context.Item]) -> Prompt:
        def write(section: str) -> Prompt:
            return self.mode.prompt(parent, self.task, section)

        rule = self.settings.context
        if isinstance(rule, SingleContextSettings):
            return write("")
        room = context.Room(engine.fits, engine.count, rule.tokens)
        return context.fill(self.mode.templates, rule.name, items, write=write, room=room)

    def _further(self, network: Network) -> context.Item:
        return context.further(self.mode.templates, network, self.task)

    def _attempts(self, known: Sequence[Entry]) -> list[context.Item]:
        """Show the latest attempts, the newest first, after the latest network that trained if context.last is true."""
        rule = self.settings.context
        if not isinstance(rule, MemoryContextSettings):
            return []
        answered = [entry for entry in known if entry.status is not Status.NO_ANSWER]
        attempts = [self._attempt(entry) for entry in reversed(answered[-rule.attempts :])]
        latest = next((str(entry.candidate) for entry in reversed(known) if entry.valid), None)
        last = [self._further(self.archive.networks[latest])] if rule.last and latest else []
        return [*last, *attempts]

    def _attempt(self, entry: Entry) -> context.Item:
        code = None if entry.candidate is None else self.archive.code(entry.candidate)
        answer = self._answer(entry) if code is None else ""
        parent = self.archive.networks[entry.parent]
        return context.attempt(self.mode.templates, entry, parent, code=code, answer=answer)

    def _answer(self, entry: Entry) -> str:
        return self.folder.read_completions(entry.cycle)[entry.slot].text


def successes(known: Sequence[Entry]) -> dict[str, Successes]:
    """Count, for each edit operator, the networks that it made and the selected ones among them."""
    made = Counter(operator for entry in known for operator in entry.generation.operators)
    chosen = Counter(operator for entry in known if entry.selected for operator in entry.generation.operators)
    return {operator: Successes(chosen[operator], count) for operator, count in made.items()}


def _is_bandit(settings: Settings) -> bool:
    return isinstance(settings.llm, RandomLlmSettings) and settings.llm.operators == "bandit"


def _networks_beside(rule: ContextSettings) -> int:
    """Return how many networks a context shows beside the parent."""
    if isinstance(rule, InspirationsContextSettings):
        return rule.networks
    return int(isinstance(rule, CrossoverContextSettings))
