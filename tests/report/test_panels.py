from nnloop.report.panels import percent_axis


def test_a_percent_axis_shows_fractions_in_percent() -> None:
    axis = percent_axis("accuracy, %", 0.25)
    assert (axis.label(0.125), axis.low, axis.within) == ("12.5", 0.25, (0.0, 1.0))
