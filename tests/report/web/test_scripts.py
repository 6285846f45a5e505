from pathlib import Path

import pytest

from nnloop.report.web.scripts import SCRIPTS, script

OWN = [path for path in sorted(SCRIPTS.glob("*.js")) if path.stem != "dagre"]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_the_pages_own_script_never_parses_text_as_markup(path: Path) -> None:
    source = path.read_text()
    for danger in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "srcdoc"):
        assert danger not in source


def test_parts_stand_in_their_order_and_none_ends_the_element_that_holds_them() -> None:
    names = [path.stem for path in sorted(SCRIPTS.glob("*.js"))]
    text = script(*names)
    assert text.index(OWN[0].read_text()) == 0
    assert "</script" not in text.lower()
    assert "<!--" not in text
