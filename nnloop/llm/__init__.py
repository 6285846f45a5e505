"""Language models and their stand-ins. `load` gives the engine that the settings name; `hf` alone needs torch."""

import os

from nnloop.llm.engine import Engine, Request
from nnloop.settings import (
    FinetuneSettings,
    HfLlmSettings,
    LlmSettings,
    LoraSettings,
    OpenAiLlmSettings,
    RandomLlmSettings,
    ScriptedLlmSettings,
)

__all__ = ["Engine", "Request", "check", "load"]


def check(settings: LlmSettings, finetune: FinetuneSettings) -> str | None:
    """Check, from small files alone, that an LLM whose weights are loaded here can be had, asked and tuned.

    Returns the dtype that its weights will have; None for other LLMs. Raises ModelError or SettingsError.
    """
    if not isinstance(settings, HfLlmSettings):
        return None
    _share_cores()
    from nnloop.llm.finetune import check_targets
    from nnloop.llm.pretrained import plan

    made = plan(settings)
    if isinstance(finetune, LoraSettings):
        check_targets(made.layers, finetune, name=settings.model)
    return str(made.dtype).removeprefix("torch.")


def load(settings: LlmSettings, mode: str, candidates: int) -> Engine:
    """Load the engine for one mode; `candidates` is the number of completions of a cycle.

    Raises ModelError if a model can't be loaded, and SettingsError if its settings don't fit it.
    """
    if isinstance(settings, RandomLlmSettings):
        from nnloop.llm.bandit import BanditEngine
        from nnloop.llm.random import RandomEngine

        return (BanditEngine if settings.operators == "bandit" else RandomEngine)(settings, mode)
    if isinstance(settings, ScriptedLlmSettings):
        from nnloop.llm.scripted import ScriptedEngine

        return ScriptedEngine(settings, candidates)
    if isinstance(settings, OpenAiLlmSettings):
        from nnloop.llm.openai import OpenAiEngine

        return OpenAiEngine(settings, mode)
    _share_cores()
    from nnloop.llm.hf import HfEngine

    return HfEngine(settings, mode)


def _share_cores() -> None:
    """Let torch's threads wait without spinning; it reads the variable when it is loaded.

    Generation shares the cores with trials, and spinning on busy cores made it 8 times slower.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
