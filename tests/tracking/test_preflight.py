"""Which mode W&B is used in."""

import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from nnloop.settings import WandbSettings
from nnloop.tracking.preflight import answers, choose_mode, has_key

SETTINGS = WandbSettings(
    name="wandb", project="nnloop", entity=None, mode="auto", timeout_s=1.0, system=None, console=False, code=False
)


def test_a_silent_server_costs_no_more_than_the_preflight(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        started = time.monotonic()
        assert not answers(url, 0.3)
        assert time.monotonic() - started < 1.0


@pytest.mark.parametrize(
    ("mode", "environment", "chosen"),
    [
        ("auto", {}, ("offline", "no API key")),
        ("online", {}, ("offline", "no API key")),
        ("offline", {"WANDB_API_KEY": "k"}, ("offline", "tracker.mode=offline")),
        ("auto", {"WANDB_API_KEY": "k", "WANDB_MODE": "offline"}, ("offline", "WANDB_MODE=offline")),
        ("auto", {"WANDB_MODE": "disabled"}, ("disabled", "WANDB_MODE=disabled")),
        ("auto", {"WANDB_API_KEY": "k"}, ("offline", "http://127.0.0.1:9 does not answer")),
    ],
)
def test_the_mode_follows_settings_key_and_server(
    mode: str, environment: dict[str, str], chosen: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = choose_mode(replace(SETTINGS, mode=mode), "http://127.0.0.1:9")
    assert (found.name, found.why) == chosen


def test_a_key_in_netrc_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.example.org login user password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert has_key("https://api.example.org")
    assert not has_key("https://elsewhere.example.org")
