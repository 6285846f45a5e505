"""Language models and their stand-ins. `load` gives the engine that the settings name; `hf` alone needs torch."""

import os

from nnloop.llm.engine import Engine, Request
from nnloop.settings import LlmSettings, OpenAiLlmSettings, RandomLlmSettings, ScriptedLlmSettings

__all__ = ["Engine", "Request", "load"]


def load(settings: LlmSettings, mode: str, candidates: int) -> Engine:
    """Load the engine for one mode; `candidates` is the number of completions of a cycle.

    Raises ModelError if a model can't be loaded, and SettingsError if its settings don't fit it.
    """
    if isinstance(settings, RandomLlmSettings):
        from nnloop.llm.random import RandomEngine

        return RandomEngine(settings, mode)
    if isinstance(settings, ScriptedLlmSettings):
        from nnloop.llm.scripted import ScriptedEngine

        return ScriptedEngine(settings, candidates)
    if isinstance(settings, OpenAiLlmSettings):
        from nnloop.llm.openai import OpenAiEngine

        return OpenAiEngine(settings, mode)
    # Generation shares the cores with trials. By default torch's threads spin while they wait for each other, which on
    # busy cores made it 8 times slower. The variable is read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from nnloop.llm.hf import HfEngine

    return HfEngine(settings, mode)
