"""The W&B dashboard as code: the keys of each panel, and the workspace made of them.

`SECTIONS` is plain data, so that a test can hold its keys against the keys that a search logs. wandb-workspaces (the
`dashboard` extra) is needed only to build and publish; its serialisation has private names, which only this file uses.
"""

import hashlib
import importlib
import json
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnloop.errors import UserError
from nnloop.settings import WandbSettings
from nnloop.tracking.metrics import BEST_SO_FAR, CANDIDATE, FINER, FULL_TABLE, STEP, TUNING, UNITS
from nnloop.tracking.preflight import WandbMode, choose_mode

NAME = "nnloop"
TABLES = (FULL_TABLE,)
MEDIA = ("report/page", "report/figures")

_X = {"field": "${field:x}", "type": "quantitative", "title": "cycle"}
_VEGA = json.dumps(
    {
        "$schema": "https://vega.github.io/schema/vega-lite/v4.json",
        "data": {"name": "wandb"},
        "title": "${string:title}",
        "encoding": {"x": _X, "color": {"field": "name", "type": "nominal", "title": "run"}},
        "layer": [
            {
                "mark": {"type": "area", "opacity": 0.2},
                "encoding": {
                    "y": {"field": "${field:low}", "type": "quantitative", "title": None},
                    "y2": {"field": "${field:high}"},
                },
            },
            {
                "mark": {"type": "line", "point": True},
                "encoding": {"y": {"field": "${field:y}", "type": "quantitative", "scale": {"zero": False}}},
            },
        ],
    }
)
BAND_CHART = f"nnloop-band-{hashlib.sha256(_VEGA.encode()).hexdigest()[:8]}"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over an axis, in the unit of their keys; `stacked` for parts of a whole."""

    title: str
    keys: Sequence[str]
    stacked: bool = False
    axis: str = STEP


@dataclass(frozen=True, slots=True)
class Band:
    """A line over cycles, and its 95% interval as a band around it."""

    title: str
    key: str

    @property
    def keys(self) -> tuple[str, str, str]:
        """The line's key, and those of the band's ends."""
        return self.key, f"{self.key}_low", f"{self.key}_high"


def _of(group: str, names: list[str]) -> list[str]:
    return [f"{group}/{name}" for name in names]


SECTIONS: dict[str, tuple[Plot | Band, ...]] = {
    "Results": (
        Plot("Best so far", [BEST_SO_FAR]),
        Band("Valid rate, 95%", "valid/rate"),
        Band("Mean accuracy, 95%", "accuracy/mean"),
        Band("Share above the threshold, 95%", "accuracy/share_above"),
        Plot("Best accuracy of the cycle", ["accuracy/best"]),
    ),
    "Candidate by candidate": (
        Plot("Best so far", ["candidate/best_so_far"], axis=CANDIDATE),
        Plot("Valid so far", ["candidate/valid_so_far"], axis=CANDIDATE),
        Plot("Tokens", ["candidate/tokens"], axis=CANDIDATE),
        Plot("Accuracy", ["candidate/accuracy"], axis=CANDIDATE),
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
    "Fine-tune": (
        Plot("Loss by step", ["tuning/loss"], axis=TUNING),
        Plot("Learning rate by step", ["tuning/lr"], axis=TUNING),
        Plot("Loss by cycle", _of("finetune", ["loss", "held_out_loss", "held_out_loss_before"])),
        Plot("Pairs", ["finetune/pairs"]),
    ),
}


def definition(entity: str, project: str) -> str:
    """Return the workspace as JSON, in W&B's own schema; needs neither key nor network. Raises UserError."""
    model = _workspace(entity, project)._to_model()
    text: str = model.model_dump_json(by_alias=True, exclude_none=True, indent=2)
    return text


def publish(settings: WandbSettings) -> str:
    """Save the workspace and the chart of its bands on the server; return the address. Raises UnpublishedError.

    The chart is the entity's own; one that is there from before is the same, since its name tells its contents.
    """
    import wandb

    try:
        mode = choose_mode(settings, wandb.setup().settings.base_url)
        if mode.name != "online":
            raise UnpublishedError(mode)
        api = wandb.Api()
        entity = settings.entity or str(api.default_entity)
        try:
            api.create_custom_chart(
                entity, BAND_CHART, "nnloop: a line with its interval", spec_type="vega2", access="private", spec=_VEGA
            )
        except Exception as error:  # of the server: the chart is there already, or it takes none
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            log.info("W&B: the chart %s/%s was not made anew: %s", entity, BAND_CHART, reason)
        return str(_workspace(entity, settings.project).save().url)
    finally:
        wandb.teardown()


class UnpublishedError(UserError):
    """The dashboard can't be published in this mode of W&B, whose reason is the message."""

    def __init__(self, mode: WandbMode) -> None:
        super().__init__(mode.why)
        self.fault = mode.fault


def _workspace(entity: str, project: str) -> Any:
    panels, spaces = _extra("reports.v2"), _extra("workspaces")
    units = UNITS | {key: unit for keys in FINER.values() for key, unit in keys.items()}

    def draw(plot: Plot | Band) -> Any:
        unit = units[plot.keys[0]]
        title = f"{plot.title} ({unit})" if unit else plot.title
        if isinstance(plot, Band):
            fields = dict(zip(("x", "y", "low", "high"), (STEP, *plot.keys), strict=True))
            query = {"history": {"keys": [STEP, *plot.keys]}, "name": None}
            chart = f"{entity}/{BAND_CHART}"
            return panels.CustomChart(
                query=query, chart_name=chart, chart_fields=fields, chart_strings={"title": title}
            )
        kind = "stacked-area" if plot.stacked else "line"
        axis = plot.axis.replace("/", " ")
        return panels.LinePlot(title=title, x=plot.axis, y=list(plot.keys), title_x=axis, plot_type=kind)

    sections = [spaces.Section(name, [draw(plot) for plot in plots], is_open=True) for name, plots in SECTIONS.items()]
    tables = [panels.WeavePanelSummaryTable(table_name=table) for table in TABLES]
    media = [panels.MediaBrowser(media_keys=[key]) for key in MEDIA]
    sections.append(spaces.Section(name="Candidates", panels=tables, is_open=True))
    sections.append(spaces.Section(name="Report", panels=media, is_open=True))
    return spaces.Workspace(entity=entity, project=project, name=NAME, sections=sections)


def _extra(module: str) -> Any:
    """Import a module of wandb-workspaces, without its warnings about pydantic. Raises UserError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(f"wandb_workspaces.{module}")
    except ImportError:
        raise UserError("job=dashboard needs wandb-workspaces: pip install 'nnloop[dashboard]'") from None
