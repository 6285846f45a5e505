import json
from typing import Any

import pytest

from nnloop.settings import WandbSettings
from nnloop.tracking import workspace
from nnloop.tracking.metrics import CYCLE_TABLE, FINER, FULL_TABLE, STEP, UNITS

SETTINGS = WandbSettings(
    name="wandb", project="nnloop", entity="local", mode="auto", timeout_s=1.0, system=None, console=False, code=False
)


KEYS = {key: axis for axis, keys in ({STEP: UNITS} | FINER).items() for key in keys}
"""Every key that a search logs, with its axis."""


def panels_of(definition: str, kind: str) -> list[dict[str, Any]]:
    sections = json.loads(definition)["spec"]["section"]["panelBankConfig"]["sections"]
    return [panel["config"] for section in sections for panel in section["panels"] if panel["viewType"] == kind]


def test_every_key_of_the_dashboard_is_logged_by_a_search() -> None:
    keys = {key for plots in workspace.SECTIONS.values() for plot in plots for key in plot.keys}
    assert keys <= set(KEYS)
    assert set(workspace.TABLES) <= {CYCLE_TABLE, FULL_TABLE}


def test_the_definition_plots_these_keys_over_cycles() -> None:
    pytest.importorskip("wandb_workspaces")
    lines = panels_of(workspace.definition("local", "nnloop"), "Run History Line Plot")
    drawn = {key: panel["xAxis"] for panel in lines for key in panel["metrics"]}
    plots = [plot for plots in workspace.SECTIONS.values() for plot in plots if isinstance(plot, workspace.Plot)]
    assert drawn == {key: KEYS[key] for plot in plots for key in plot.keys}


def test_a_measure_with_an_interval_is_drawn_with_its_band() -> None:
    pytest.importorskip("wandb_workspaces")
    charts = panels_of(workspace.definition("local", "nnloop"), "Vega2")
    assert {panel["panelDefId"] for panel in charts} == {f"local/{workspace.BAND_CHART}"}
    fields = [panel["fieldSettings"] for panel in charts]
    assert {one["y"] for one in fields} == {key.removesuffix("_low") for key in UNITS if key.endswith("_low")}
    for one in fields:
        assert one == {"x": STEP, "y": one["y"], "low": f"{one['y']}_low", "high": f"{one['y']}_high"}


def test_the_definition_holds_to_the_schema_of_wandb() -> None:
    pytest.importorskip("wandb_workspaces")
    text = workspace.definition("local", "nnloop")
    from wandb_workspaces import workspaces as spaces
    from wandb_workspaces.workspaces import internal

    built = spaces.Workspace._from_model(internal.View.model_validate_json(text))
    assert [section.name for section in built.sections] == [*workspace.SECTIONS, "Candidates", "Report"]
