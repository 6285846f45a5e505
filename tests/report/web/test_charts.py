from pathlib import Path
from xml.etree import ElementTree

from fake_run import make_run

from nnloop.report.measures.read import read
from nnloop.report.panels import Axis, Panel, Point, Series
from nnloop.report.run_panels import run_panels
from nnloop.report.web.charts import card


def test_every_chart_of_a_run_is_well_formed_and_labelled(tmp_path: Path) -> None:
    for panel in run_panels(read(make_run(tmp_path / "run", cycles=3, candidates=10).path)):
        figure = ElementTree.fromstring(card(panel))
        assert figure.find("figcaption/b") is not None
        titles = [text.text for text in figure.iter("text") if "title" in text.get("class", "")]
        assert titles == [panel.x.title, panel.y.title]


def test_a_card_has_a_note_and_a_key_only_if_its_panel_has() -> None:
    bare = Panel("title", Axis("y"), [Series("one", [Point(1, 1)])])
    assert "<small>" not in card(bare)
    assert "legend" not in card(bare)
    told = card(Panel("title", Axis("y"), bare.series, note="a note", key={"one": 3}))
    assert "<small>a note</small>" in told
    assert '<i class="key s3"></i>one' in told
