"""job=dashboard: the definition is written, and published if a server can be reached."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_wandb import FakeWandb

from nnloop.errors import SettingsError, UserError
from nnloop.jobs import dashboard as job
from nnloop.settings import NoTrackerSettings, WandbSettings
from nnloop.tracking import workspace

SETTINGS = WandbSettings(
    name="wandb", project="nnloop", entity="local", mode="auto", timeout_s=1.0, system=None, console=False, code=False
)


def settings(tracker: Any) -> Any:
    return SimpleNamespace(tracker=tracker)


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
    assert [chart["chartName"] for chart in fake.charts] == [workspace.BAND_CHART]
    assert f"local/{workspace.BAND_CHART}" in str(fake.views)
    assert "nnloop" in out.getvalue()


def test_without_a_key_the_definition_is_written_and_the_reason_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb_workspaces")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    out = io.StringIO()
    job.run(settings(SETTINGS), tmp_path / "job", out)
    path = tmp_path / "job" / "dashboard.json"
    assert '"nnloop"' in path.read_text()
    assert out.getvalue().startswith(f"wrote {path}; not published: no API key; ")
    assert "wandb login" in out.getvalue()


def test_a_server_that_does_not_answer_is_a_fault_and_the_definition_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb_workspaces")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    with pytest.raises(UserError, match=r"wrote .*dashboard.json; not published: http://127.0.0.1:9 does not answer"):
        job.run(settings(SETTINGS), tmp_path / "job", io.StringIO())
    assert (tmp_path / "job" / "dashboard.json").exists()


def test_a_dashboard_needs_tracker_wandb(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs tracker=wandb"):
        job.run(settings(NoTrackerSettings("none")), tmp_path, io.StringIO())
