"""The fine-tune at a cycle's end: its pairs, the adapter that it continues, and the folder of the new one."""

import logging
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nnloop.llm.engine import Engine
from nnloop.loop.archive import Archive
from nnloop.modes import Mode
from nnloop.modes.pairs import TrainingPair, Writer, corpus_pairs, run_pairs
from nnloop.modes.render import Task
from nnloop.records import Completion, Entry, FinetuneResult, FinetuneStep
from nnloop.runs.folder import RunFolder
from nnloop.seeding import derive
from nnloop.settings import LoraSettings

_log = logging.getLogger(__name__)

BEFORE = -1
"""The number that the fine-tune before the first cycle has in the place of a cycle's."""


@dataclass(frozen=True, slots=True)
class ChosenPairs:
    """The pairs of one fine-tune."""

    own: list[TrainingPair]  # the run's, as the LLM wrote them
    of_corpus: list[TrainingPair]
    too_long: int  # pairs of the corpus that were left out
    own_share: float | None  # mean tokens of own targets by those of the networks; None without an own pair

    @property
    def all(self) -> list[TrainingPair]:
        """Return every pair, the run's own first."""
        return self.own + self.of_corpus

    def __str__(self) -> str:
        share = "" if self.own_share is None else f" (their targets take {self.own_share:.0%} of the networks' tokens)"
        left = f", {self.too_long} left out, longer than llm.max_new_tokens" if self.too_long else ""
        return f"{len(self.own)} pairs of the run{share}, {len(self.of_corpus)} of the corpus{left}"


@dataclass(frozen=True, kw_only=True)
class Tuner:
    """The fine-tune by LoRA at each cycle's end and, if finetune.before says so, before the first cycle.

    It continues the run's last adapter or begins anew, as the settings say.
    """

    settings: LoraSettings
    mode: Mode
    task: Task
    seed: int  # of the run
    folder: RunFolder

    def check(self, engine: Engine) -> None:
        """Raise SettingsError if the model's layers don't suit the settings, before a cycle's work is done.

        With an LLM on a server, the model is not loaded for this; the fine-tune checks it.
        """
        from nnloop.llm.finetune import check_targets
        from nnloop.llm.hf import HfEngine

        if isinstance(engine, HfEngine):
            check_targets(engine.bare(), self.settings, engine.settings.model)

    def tune(
        self,
        engine: Engine,
        archive: Archive,
        cycle: int,
        show: Callable[[FinetuneStep], None] = lambda step: None,
    ) -> FinetuneResult | None:
        """Tune on the pairs known at the end of `cycle`, and let the engine use the new adapter.

        `cycle` is BEFORE for the fine-tune before the first cycle. Returns None if there is no pair. Each
        step is written to the run folder, then given to `show`.
        """
        when = "before the first cycle" if cycle == BEFORE else f"cycle {cycle + 1}"
        chosen = self.pairs(engine, archive, cycle)
        pairs = chosen.all
        if not pairs:
            _log.warning("%s: no pair to fine-tune on; the adapter stays as it is", when)
            return None
        from nnloop.llm.finetune import finetune
        from nnloop.llm.hf import HfEngine
        from nnloop.llm.openai import OpenAiEngine

        assert isinstance(engine, HfEngine | OpenAiEngine)  # the trainable kinds
        trainer = engine.trainer()
        with self.folder.journal(self.folder.finetune_steps(cycle)) as steps:

            def keep(step: FinetuneStep) -> None:
                steps.append(step.line())
                show(step)

            result = finetune(
                trainer,
                pairs,
                settings=self.settings,
                folder=self._folder(cycle),
                parent=self.newest_adapter(cycle),
                seed=derive(self.seed, "finetune", cycle),
                show=keep,
            )
        if trainer is not engine:
            trainer.close()
            engine.use_adapter(self.newest_adapter(cycle + 1))
        result = replace(result, too_long=chosen.too_long, own=len(chosen.own), own_share=chosen.own_share)
        _log.info("%s: %s", when, chosen)
        if result.dropped:
            _log.warning("%s: %d pairs longer than finetune.max_length were left out", when, result.dropped)
        return result

    def pairs(self, engine: Engine, archive: Archive, cycle: int) -> "ChosenPairs":
        """Choose the newest pairs of selected networks with their parents, filled up with pairs of the corpus.

        finetune.source may leave out either kind. A pair of the run has the prompt that was shown, context and all; one
        of the corpus shows the network alone.
        """
        settings = self.settings
        chosen = archive.selected(before=cycle + 1)[::-1] if settings.source != "corpus" else []
        lineage = [(archive.networks[entry.parent], archive.networks[str(entry.candidate)]) for entry in chosen]
        own = run_pairs(lineage, self.mode, self.task, limit=settings.max_pairs)
        wanted = {pair.target for pair in own}
        prompts = self._prompts([entry for entry in chosen if entry.candidate in wanted])
        own = [replace(pair, prompt=prompts[pair.target]) for pair in own]
        rng = random.Random(derive(self.seed, "corpus pairs", cycle if settings.redraw else BEFORE))
        room = min(settings.corpus_pairs, settings.max_pairs - len(own)) if settings.source != "run" else 0
        networks, writer = [*archive.corpus, *archive.variants], Writer(engine.count, engine.writes)
        of_corpus = corpus_pairs(networks, self.mode, self.task, writer=writer, limit=room, rng=rng)
        tokens = [(engine.count(pair.completion), engine.count(archive.networks[pair.target].code)) for pair in own]
        share = statistics.mean(target / whole for target, whole in tokens) if tokens else None
        return ChosenPairs(own, of_corpus.pairs, of_corpus.too_long, own_share=share)

    def newest_adapter(self, before: int) -> Path | None:
        """Return the folder of the newest adapter from the cycles before `before`; None if none made one."""
        made = [folder for folder in map(self._folder, range(BEFORE, before)) if folder.is_dir()]
        return made[-1] if made else None

    def _folder(self, cycle: int) -> Path:
        return self.folder.first_adapter if cycle == BEFORE else self.folder.adapter(cycle)

    def checked_adapter(self, before: int) -> Path | None:
        """Return `newest_adapter`. Raises ModelError if its files have changed since they were written."""
        from nnloop.llm.adapters import read_lineage

        newest = self.newest_adapter(before)
        if newest is not None:
            read_lineage(newest)
        return newest

    def _prompts(self, entries: Sequence[Entry]) -> dict[str, str]:
        """Return a prompt for each candidate, by its id: for a retry, the prompt of the first answer."""
        stored: dict[int, dict[int, Completion]] = {}
        prompts = {}
        for entry in entries:
            if entry.cycle not in stored:
                stored[entry.cycle] = self.folder.read_completions(entry.cycle)
            of_cycle = stored[entry.cycle]
            completion = of_cycle[entry.slot]
            while completion.generation.retry_of is not None:
                completion = of_cycle[completion.generation.retry_of]
            prompts[str(entry.candidate)] = completion.prompt
        return prompts
