from nnloop.report.web.published_section import published_section


def test_every_figure_stands_in_a_row_with_the_mark_of_its_source() -> None:
    section = published_section()
    assert "<td>DeepSeek-Coder-7B</td><td>delta</td>" in section
    assert "<td>75.3 P</td>" in section
    assert "arXiv 2605.04903" in section


def test_a_figure_that_a_source_does_not_give_is_a_dash() -> None:
    row = next(row for row in published_section().split("<tr>") if "frozen, memory of 5" in row)
    assert "<td>71.5 P</td>" in row
    assert "<td>-</td>" in row


def test_the_figures_are_folded_away() -> None:
    assert published_section().startswith("<details><summary>Published figures, of other protocols</summary>")
