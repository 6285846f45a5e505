import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_wandb import FakeWandb

from nnloop.errors import SettingsError, UserError
from nnloop.jobs import dashboard as job
from nnloop.settings import NoTrackerSettings, WandbSettings
from nnloop.tracking import workspace
from nnloop.tracking.metrics import CYCLE_TABLE, FULL_TABLE, METRICS, STEP

SETTINGS = WandbSettings(name="wandb", project="nnloop", entity="local", mode="auto", timeout_s=1.0)


def settings(tracker: Any) -> Any:
    return SimpleNamespace(tracker=tracker)


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


def test_the_dashboard_reaches_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb_workspaces")
    fake, out = FakeWandb(), io.StringIO()
    monkeypatch.setenv("WANDB_BASE_URL", fake.url)
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    try:
        job.run(settings(SETTINGS), tmp_path / "job", out)
    finally:
        fake.close()
    assert [view["displayName"] for view in fake.views] == ["nnloop"]
    assert "nnloop" in out.getvalue()


def test_without_a_key_the_definition_is_written_and_the_reason_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb_workspaces")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(UserError, match="can't be published: no API key"):
        job.run(settings(SETTINGS), tmp_path / "job", io.StringIO())
    assert plotted((tmp_path / "job" / "dashboard.json").read_text())[0] <= set(METRICS)


def test_a_dashboard_needs_tracker_wandb(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs tracker=wandb"):
        job.run(settings(NoTrackerSettings("none")), tmp_path, io.StringIO())
