"""Hydra's messages about wrong settings become one line of ours."""

import re

import pytest
import yaml
from hydra.errors import ConfigCompositionException

from nnloop.launch.messages import one_line


def test_a_list_of_values_and_an_unknown_key_are_told_in_one_line() -> None:
    several = ConfigCompositionException("Ambiguous value for argument 'seed=1,2'\n1. To use it as a list, ...")
    assert one_line(several) == "seed=1,2: one value is needed (-m tries several); a text with commas needs quotes"
    unknown = ConfigCompositionException("Could not override 'sede'.\nTo append to your config use +sede=1")
    assert one_line(unknown) == "sede: no such setting; did you mean seed?"


def test_broken_yaml_is_told_with_its_place() -> None:
    with pytest.raises(yaml.YAMLError) as raised:
        yaml.safe_load("a: [\n")
    assert re.fullmatch(r".*, line 2: no YAML: expected the node content, .*", one_line(raised.value))


def test_a_cause_is_told_once_and_hydra_s_hints_are_dropped() -> None:
    error = ConfigCompositionException("Could not load it\nfull_key: a.b")
    error.__cause__ = ValueError("because  of\nthis")
    assert one_line(error) == "Could not load it; because of this"
