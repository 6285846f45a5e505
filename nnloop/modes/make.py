"""The mode and the task that the settings name."""

from dataclasses import replace

from nnloop.modes import Mode
from nnloop.modes.delta import Delta
from nnloop.modes.full import Full
from nnloop.modes.render import Task
from nnloop.modes.templates import read
from nnloop.settings import CausalLlmSettings, DeltaSettings, LemurProxySettings, Settings, SingleContextSettings, known
from nnloop.settings.members import members, only


def make_task(settings: Settings) -> Task:
    """Make the task that prompts state, or the tasks of a pool's datasets."""
    tasks = {name: _task(of_one) for name, of_one in members(settings).items()}
    return replace(next(iter(tasks.values())), of={name: task for name, task in tasks.items() if name})


def _task(settings: Settings) -> Task:
    dataset, proxy = only(settings), settings.proxy
    return Task(
        title=known(dataset.title),
        description=known(dataset.description),
        classes=known(dataset.classes),
        channels=known(dataset.channels),
        size=known(dataset.size),
        max_params=settings.mode.max_params,
        epochs=settings.proxy.epochs,
        seconds=settings.executor.wall_s,
        hp={"lr": proxy.lr, "momentum": proxy.momentum, "dropout": proxy.dropout, "batch": proxy.batch_size},
        transform=proxy.transform if isinstance(proxy, LemurProxySettings) else "norm_flip" if dataset.flip else "norm",
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
            hp=rule.hp,
        )
    if rule.prompt is not None:
        templates = read(rule.prompt, mode.form)
    else:
        templates = read(llm.prompt if isinstance(llm, CausalLlmSettings) else "chat", mode.form, "llm.prompt")
    if not isinstance(settings.context, SingleContextSettings):
        templates.check_shows(mode.form, "context", key=f"context={settings.context.name}")
    if isinstance(rule, DeltaSettings) and rule.hp != "off":
        templates.check_shows(mode.form, "hp", key=f"mode.hp={rule.hp}")
    if rule.max_params is not None:
        templates.check_shows(mode.form, "limit", key=f"mode.max_params={rule.max_params}")
    return replace(mode, templates=templates)
