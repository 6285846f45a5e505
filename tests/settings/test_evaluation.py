"""A setting that is left to the images is used only when they have been looked at."""

import pytest

from nnloop.settings import known


def test_a_setting_that_nobody_has_filled_in_is_our_error() -> None:
    assert known(0) == 0
    with pytest.raises(ValueError, match=r"data\.complete has not looked"):
        known(None)
