"""What stands beside a setting."""

from dataclasses import dataclass, fields

import pytest

from nnloop.settings.setting import PLACE, RESULT, Setting, rules, setting


@dataclass
class Oven:
    heat: int = setting(RESULT, 50, 300, unit="degrees")
    place: str = setting(PLACE, words=["left", "right"])


def test_a_field_keeps_its_rules_and_has_no_default() -> None:
    heat, place = fields(Oven)
    assert rules(heat) == Setting(RESULT, 50, 300, words=(), unit="degrees", jobs=())
    assert (rules(place).affects, rules(place).words) == (PLACE, ["left", "right"])
    with pytest.raises(TypeError, match="place"):
        Oven(heat=200)
