"""job=prepare: one line about the prepared set."""

import io
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from nnloop.jobs import prepare
from nnloop.settings import Settings

Configure = Callable[..., Settings]


def prepared(settings: Settings) -> dict[str, object]:
    out = io.StringIO()
    prepare.run(settings, Path(), out)
    (line,) = out.getvalue().splitlines()
    found: dict[str, object] = json.loads(line)
    return found


def test_preparing_says_in_one_line_what_the_set_holds(configure: Configure) -> None:
    line = prepared(configure("dataset=digits"))
    assert (line["train"], line["val"], line["test"], line["shape"]) == (1200, 297, 300, [1, 8, 8])
    assert Path(str(line["folder"])).is_dir()


def test_the_mean_and_std_of_digits_are_near_the_measured_ones(configure: Configure) -> None:
    settings = configure("dataset=digits")
    line = prepared(settings)
    assert line["mean"] == pytest.approx(settings.dataset.mean, abs=1e-3)
    assert line["std"] == pytest.approx(settings.dataset.std, abs=1e-3)


def test_a_mean_that_is_far_off_is_said(configure: Configure, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        prepared(configure("dataset=digits", "dataset.mean=[0.5]"))
    assert "dataset.mean=[0.5]: these images have [0.30" in caplog.text
