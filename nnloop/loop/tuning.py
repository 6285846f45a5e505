"""The fine-tune at a cycle's end: which pairs, from which adapter, into which folder."""

import logging
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nnloop.llm.engine import Engine
from nnloop.loop.archive import Archive
from nnloop.modes import Mode
from nnloop.modes.pairs import TrainingPair, corpus_pairs, run_pairs
from nnloop.modes.render import Task
from nnloop.records import Completion, Entry, FinetuneResult
from nnloop.runs.folder import RunDir
from nnloop.seeding import derive
from nnloop.settings import LoraSettings

_log = logging.getLogger(__name__)


class Tuner:
    """LoRA at a cycle's end, each cycle continuing the last adapter (or the bare model, if the settings say so)."""

    def __init__(self, settings: LoraSettings, mode: Mode, task: Task, seed: int) -> None:
        self._settings, self._mode, self._task, self._seed = settings, mode, task, seed

    def check(self, engine: Engine) -> None:
        """Raise SettingsError now where the model's layers don't suit the settings, not after a cycle's work.

        A model that another server writes with is not loaded for it: that is looked at when it is tuned.
        """
        from nnloop.llm.finetune import check_targets
        from nnloop.llm.hf import HfEngine

        if isinstance(engine, HfEngine):
            check_targets(engine.bare(), self._settings)

    def tune(self, engine: Engine, archive: Archive, cycle: int, run: RunDir) -> FinetuneResult | None:
        """Tune on the pairs known at the end of `cycle` and leave the engine with the new adapter in force."""
        pairs = self.pairs(archive, cycle, run)
        if not pairs:
            _log.warning("cycle %d: no pair to fine-tune on; the adapter stays as it is", cycle)
            return None
        from nnloop.llm.finetune import finetune
        from nnloop.llm.hf import HfEngine
        from nnloop.llm.openai import OpenAiEngine

        assert isinstance(engine, HfEngine | OpenAiEngine)  # the trainable kinds
        seed, trainer = derive(self._seed, "finetune", cycle), engine.trainer()
        result = finetune(
            trainer,
            pairs,
            settings=self._settings,
            folder=run.adapter(cycle),
            parent=self.newest(run, cycle),
            seed=seed,
        )
        if trainer is not engine:
            trainer.close()
            engine.use_adapter(self.newest(run, cycle + 1))
        if result.dropped:
            _log.warning("cycle %d: %d pairs longer than finetune.max_length were left out", cycle, result.dropped)
        return result

    def pairs(self, archive: Archive, cycle: int, run: RunDir) -> list[TrainingPair]:
        """The newest pairs of the run's selected networks with their parents, filled up with pairs of the corpus.

        A pair of the run has the prompt that was shown, context and all; one of the corpus shows the network alone.
        """
        chosen = archive.selected(before=cycle + 1)[::-1]
        lineage = [(archive.networks[entry.parent], archive.networks[str(entry.candidate)]) for entry in chosen]
        own = run_pairs(lineage, self._mode, self._task, limit=self._settings.max_pairs)
        wanted = {pair.target for pair in own}
        shown = _prompts([entry for entry in chosen if entry.candidate in wanted], run)
        own = [replace(pair, prompt=shown[pair.target]) for pair in own]
        rng = random.Random(derive(self._seed, "corpus pairs", cycle))
        room = min(self._settings.corpus_pairs, self._settings.max_pairs - len(own))
        return own + corpus_pairs(archive.corpus, self._mode, self._task, limit=room, rng=rng)

    def newest(self, run: RunDir, before: int) -> Path | None:
        """The adapter of the last cycle before `before` that made one."""
        made = [run.adapter(cycle) for cycle in range(before) if run.adapter(cycle).is_dir()]
        return made[-1] if made else None

    def whole(self, run: RunDir, before: int) -> Path | None:
        """`newest`, after a look whether it is as it was written. Raises ModelError."""
        found = self.newest(run, before)
        if found is not None:
            from nnloop.llm.adapters import read_lineage

            read_lineage(found)
        return found


def _prompts(entries: Sequence[Entry], run: RunDir) -> dict[str, str]:
    """What was shown for the first answer of each candidate, by candidate id: a repair's prompt is not learned."""
    stored: dict[int, dict[int, Completion]] = {}
    found = {}
    for entry in entries:
        if entry.cycle not in stored:
            stored[entry.cycle] = run.read_completions(entry.cycle)
        of_cycle = stored[entry.cycle]
        completion = of_cycle[entry.slot]
        while completion.generation.retry_of is not None:
            completion = of_cycle[completion.generation.retry_of]
        found[str(entry.candidate)] = completion.prompt
    return found
