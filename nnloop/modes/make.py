"""The mode and the task that the settings name."""

from dataclasses import replace

from nnloop.modes import Mode
from nnloop.modes.delta import Delta
from nnloop.modes.full import Full
from nnloop.modes.render import Task
from nnloop.modes.templates import read
from nnloop.settings import CausalLlmSettings, DeltaSettings, Settings, SingleContextSettings


def make_task(settings: Settings) -> Task:
    """Make the task that prompts state."""
    dataset = settings.dataset
    return Task(
        title=dataset.title,
        description=dataset.description,
        classes=dataset.classes,
        channels=dataset.channels,
        size=dataset.size,
        max_params=settings.mode.max_params,
        epochs=settings.proxy.epochs,
        seconds=settings.executor.wall_s,
    )


def make_mode(settings: Settings) -> Mode:
    """Make the mode: the form of the LLM's answers. Raises SettingsError for prompts that can't be used."""
    rule, llm = settings.mode, settings.llm
    mode: Full | Delta = Full(salvage=rule.salvage)
    if isinstance(rule, DeltaSettings):
        mode = Delta(
            llm.diff_context,
            llm.diff_line_numbers,
            edit_format=rule.edit_format,
            salvage=rule.salvage,
            fuzz=rule.fuzz,
            rewrites=rule.rewrites,
        )
    if rule.prompt is not None:
        templates = read(rule.prompt, mode.form)
    else:
        templates = read(llm.prompt if isinstance(llm, CausalLlmSettings) else "chat", mode.form, "llm.prompt")
    if not isinstance(settings.context, SingleContextSettings):
        templates.check_shows(mode.form, "context", key=f"context={settings.context.name}")
    if rule.max_params is not None:
        templates.check_shows(mode.form, "limit", key=f"mode.max_params={rule.max_params}")
    return replace(mode, templates=templates)
