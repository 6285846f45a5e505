"""The W&B dashboard as code: which keys stand in which panel, and the workspace made of them.

`SECTIONS` is plain data, so that a test can hold its keys against those that a search logs. wandb-workspaces (the
`dashboard` extra) is needed only to build and publish; its serialisation has private names, which only this file uses.
"""

import importlib
import warnings
from dataclasses import dataclass
from typing import Any

from nnloop.errors import UserError
from nnloop.settings import WandbSettings
from nnloop.tracking.metrics import FULL_TABLE, STEP
from nnloop.tracking.preflight import choose_mode

NAME = "nnloop"
TABLES = (FULL_TABLE,)


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over cycles; `stacked` for parts of a whole."""

    title: str
    keys: tuple[str, ...]
    unit: str
    stacked: bool = False


SECTIONS: dict[str, tuple[Plot, ...]] = {
    "Results": (
        Plot("Valid rate, 95%", ("valid/rate", "valid/rate_low", "valid/rate_high"), "fraction"),
        Plot("Mean accuracy, 95%", ("accuracy/mean", "accuracy/mean_low", "accuracy/mean_high"), "fraction"),
        Plot("Best accuracy of the cycle", ("accuracy/best",), "fraction"),
        Plot("Share above the threshold", ("accuracy/share_above",), "fraction"),
    ),
    "Archive": (
        Plot("Admitted, cumulative", ("archive/admitted_total",), "networks"),
        Plot("Selected for training", ("archive/selected",), "networks"),
        Plot("Duplicates", ("archive/duplicates",), "completions"),
        Plot("Similarity to the nearest", ("archive/mean_jaccard",), "Jaccard"),
    ),
    "Statuses": (
        Plot(
            "No usable code",
            tuple(f"status/{s}" for s in ("unparseable", "patch_failed", "no_change", "rejected")),
            "n",
        ),
        Plot("Network broken", tuple(f"status/{s}" for s in ("build_failed", "bad_shape", "crashed", "diverged")), "n"),
        Plot("Over a limit or our fault", ("status/timeout", "status/out_of_memory", "status/infrastructure"), "n"),
        Plot("Trained", ("status/ok", "status/below_chance"), "n"),
    ),
    "Cost": (
        Plot("Tokens per completion", ("cost/tokens_per_completion",), "tokens"),
        Plot("Lines per completion", ("cost/lines_per_completion",), "lines"),
        Plot("Seconds by stage", ("seconds/generate", "seconds/evaluate", "seconds/finetune"), "s", stacked=True),
        Plot("Peak memory", ("cost/peak_gb",), "GB"),
    ),
    "Fine-tune": (
        Plot("Loss", ("finetune/loss",), "nats per token"),
        Plot("Pairs", ("finetune/pairs",), "pairs"),
    ),
}


def definition(entity: str, project: str) -> str:
    """The workspace as JSON, in W&B's own schema; needs neither key nor network. Raises UserError."""
    model = _workspace(entity, project)._to_model()
    text: str = model.model_dump_json(by_alias=True, exclude_none=True, indent=2)
    return text


def publish(settings: WandbSettings) -> str:
    """Save the workspace on the server and return its address. Raises UserError where the server can't be reached."""
    import wandb

    mode = choose_mode(settings, wandb.setup().settings.base_url)
    if mode.name != "online":
        raise UserError(f"the dashboard can't be published: {mode.why}")
    try:
        entity = settings.entity or str(wandb.Api().default_entity)
        return str(_workspace(entity, settings.project).save().url)
    finally:
        wandb.teardown()


def _workspace(entity: str, project: str) -> Any:
    panels, spaces = _extra("reports.v2"), _extra("workspaces")

    def draw(plot: Plot) -> Any:
        kind = "stacked-area" if plot.stacked else "line"
        title = f"{plot.title} ({plot.unit})"
        return panels.LinePlot(title=title, x=STEP, y=list(plot.keys), title_x="cycle", plot_type=kind)

    sections = [spaces.Section(name, [draw(plot) for plot in plots], is_open=True) for name, plots in SECTIONS.items()]
    tables = [panels.WeavePanelSummaryTable(table_name=table) for table in TABLES]
    sections.append(spaces.Section(name="Candidates", panels=tables, is_open=True))
    return spaces.Workspace(entity=entity, project=project, name=NAME, sections=sections)


def _extra(module: str) -> Any:
    """A module of wandb-workspaces, without its warnings about pydantic. Raises UserError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(f"wandb_workspaces.{module}")
    except ImportError:
        raise UserError("job=dashboard needs wandb-workspaces: pip install wandb-workspaces") from None
