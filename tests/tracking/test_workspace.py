import json

import pytest

from nnloop.settings import WandbSettings
from nnloop.tracking import workspace
from nnloop.tracking.metrics import CYCLE_TABLE, FULL_TABLE, METRICS, STEP

SETTINGS = WandbSettings(name="wandb", project="nnloop", entity="local", mode="auto", timeout_s=1.0)


def plotted(definition: str) -> tuple[set[str], set[str]]:
    """The keys on the y and x axes of a definition's line plots."""
    panels = [
        panel["config"]
        for section in json.loads(definition)["spec"]["section"]["panelBankConfig"]["sections"]
        for panel in section["panels"]
        if panel["viewType"] == "Run History Line Plot"
    ]
    return {key for panel in panels for key in panel["metrics"]}, {panel["xAxis"] for panel in panels}


def test_every_key_of_the_dashboard_is_logged_by_a_search() -> None:
    keys = {key for plots in workspace.SECTIONS.values() for plot in plots for key in plot.keys}
    assert keys <= set(METRICS)
    assert set(workspace.TABLES) <= {CYCLE_TABLE, FULL_TABLE}


def test_the_definition_plots_these_keys_over_cycles() -> None:
    pytest.importorskip("wandb_workspaces")
    keys = {key for plots in workspace.SECTIONS.values() for plot in plots for key in plot.keys}
    assert plotted(workspace.definition("local", "nnloop")) == (keys, {STEP})


def test_the_definition_holds_to_the_schema_of_wandb() -> None:
    pytest.importorskip("wandb_workspaces")
    text = workspace.definition("local", "nnloop")
    from wandb_workspaces import workspaces as spaces
    from wandb_workspaces.workspaces import internal

    built = spaces.Workspace._from_model(internal.View.model_validate_json(text))
    assert [section.name for section in built.sections] == [*workspace.SECTIONS, "Candidates"]
