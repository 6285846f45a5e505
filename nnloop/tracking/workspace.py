"""The W&B dashboard as code: the keys of each panel, and the workspace made of them.

`SECTIONS` is plain data, so that a test can hold its keys against the keys that a search logs. wandb-workspaces (the
`dashboard` extra) is needed only to build and publish; its serialisation has private names, which only this file uses.
"""

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnloop.errors import UserError
from nnloop.settings import WandbSettings
from nnloop.tracking.metrics import FULL_TABLE, METRICS, STEP
from nnloop.tracking.preflight import choose_mode

NAME = "nnloop"
TABLES = (FULL_TABLE,)


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over cycles, in the unit of their metrics; `stacked` for parts of a whole."""

    title: str
    keys: Sequence[str]
    stacked: bool = False


def _of(group: str, names: list[str]) -> list[str]:
    return [f"{group}/{name}" for name in names]


SECTIONS: dict[str, tuple[Plot, ...]] = {
    "Results": (
        Plot("Valid rate, 95%", _of("valid", ["rate", "rate_low", "rate_high"])),
        Plot("Mean accuracy, 95%", _of("accuracy", ["mean", "mean_low", "mean_high"])),
        Plot("Best accuracy of the cycle", ["accuracy/best"]),
        Plot("Share above the threshold", ["accuracy/share_above"]),
    ),
    "Archive": (
        Plot("Admitted, cumulative", ["archive/admitted_total"]),
        Plot("Selected for training", ["archive/selected"]),
        Plot("Duplicates", ["archive/duplicates"]),
        Plot("Similarity to the nearest", ["archive/mean_jaccard"]),
    ),
    "Statuses": (
        Plot(
            "No usable code",
            _of("status", ["no_answer", "truncated", "unparseable", "patch_failed", "no_change", "rejected"]),
        ),
        Plot("Network broken", _of("status", ["build_failed", "bad_shape", "crashed", "diverged"])),
        Plot("Over a limit or our fault", _of("status", ["timeout", "out_of_memory", "infrastructure"])),
        Plot("Trained", _of("status", ["ok", "below_chance"])),
    ),
    "Cost": (
        Plot("Tokens per completion", ["cost/tokens_per_completion"]),
        Plot("Lines per completion", ["cost/lines_per_completion"]),
        Plot("Seconds by stage", _of("seconds", ["generate", "evaluate", "finetune"]), stacked=True),
        Plot("Peak memory", ["cost/peak_gb"]),
    ),
    "Fine-tune": (Plot("Loss", ["finetune/loss"]), Plot("Pairs", ["finetune/pairs"])),
}


def definition(entity: str, project: str) -> str:
    """Return the workspace as JSON, in W&B's own schema; needs neither key nor network. Raises UserError."""
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
        title = f"{plot.title} ({METRICS[plot.keys[0]].unit})"
        return panels.LinePlot(title=title, x=STEP, y=list(plot.keys), title_x="cycle", plot_type=kind)

    sections = [spaces.Section(name, [draw(plot) for plot in plots], is_open=True) for name, plots in SECTIONS.items()]
    tables = [panels.WeavePanelSummaryTable(table_name=table) for table in TABLES]
    sections.append(spaces.Section(name="Candidates", panels=tables, is_open=True))
    return spaces.Workspace(entity=entity, project=project, name=NAME, sections=sections)


def _extra(module: str) -> Any:
    """Import a module of wandb-workspaces, without its warnings about pydantic. Raises UserError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(f"wandb_workspaces.{module}")
    except ImportError:
        raise UserError("job=dashboard needs wandb-workspaces: pip install wandb-workspaces") from None
