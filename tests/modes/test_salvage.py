"""mode.salvage: answers that are nearly a program are salvaged, by name, and only if that is asked for."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from edits import BASE, WIDER, WIDER_DIFF, seed_sources

from nnloop import build
from nnloop.errors import CompletionError
from nnloop.modes import Reading
from nnloop.modes.delta import Delta
from nnloop.modes.full import Full
from nnloop.modes.salvage import read_answer
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings

WITHOUT_IMPORTS = BASE.replace("import torch\nfrom torch import nn\n", "")
STRAY = BASE.replace("self.head = nn.Linear(32, 10)\n", "self.head = nn.Linear(32, 10)\n        )\n")
CUT = f"<nn>\n{BASE}\n    def extra(self, x):\n        return self.head(x"


@pytest.mark.parametrize(
    ("text", "code", "salvages"),
    [
        (BASE, BASE, []),
        (STRAY, BASE, ["brackets"]),
        (CUT, BASE, ["cut off"]),
        (WITHOUT_IMPORTS, f"from torch import nn\n{WITHOUT_IMPORTS.lstrip()}", ["imports"]),
        (BASE.replace("self.act(self.a(x))", "F.relu(self.a(x))"), None, ["imports"]),
    ],
)
def test_a_program_is_salvaged_and_the_salvage_named(text: str, code: str | None, salvages: list[str]) -> None:
    reading = read_answer(Full(salvage=True), text, WIDER)
    assert reading.salvages == salvages
    assert code is None or reading.code.strip() == code.strip()


@pytest.mark.parametrize("text", [STRAY, CUT])
def test_nothing_is_salvaged_unless_asked_for(text: str) -> None:
    with pytest.raises(CompletionError):
        read_answer(Full(), text, BASE)
    assert read_answer(Full(), WITHOUT_IMPORTS, BASE).salvages == []


def test_a_stray_bracket_in_a_diff_is_left_out() -> None:
    spoilt = WIDER_DIFF.replace(
        "+        self.b = nn.Conv2d(16, 64, 3)\n", "+        self.b = nn.Conv2d(16, 64, 3)\n+        )\n"
    )
    assert read_answer(Delta(1, False, salvage=True), spoilt, BASE) == Reading(WIDER, ["brackets"])


def test_no_part_of_a_diff_is_applied_alone() -> None:
    broken = "<delta>\n@@ @@\n-import torch\n+import math\n@@ @@\n-        super().__init__()\n+        x = (\n</delta>"
    for text, cut in ((broken, ""), (f"<delta>\n{WIDER_DIFF}", "the token limit cut it off")):
        with pytest.raises(CompletionError):
            read_answer(Delta(1, False, salvage=True), text, BASE, cut)


def test_a_program_that_the_token_limit_cut_is_salvaged_in_full_mode_alone() -> None:
    reading = read_answer(Full(salvage=True), CUT, WIDER, "the token limit cut it off")
    assert reading.salvages == ["cut off"]
    with pytest.raises(CompletionError, match="the token limit cut it off"):
        read_answer(Full(), CUT, WIDER, "the token limit cut it off")


@pytest.mark.parametrize(
    "text", ["I can't.", "", "class Net(\n" * 50, BASE.replace("import torch\n", "import socket\n"), "\0", "(" * 5_000]
)
def test_an_answer_beyond_salvage_keeps_its_first_reason(text: str) -> None:
    with pytest.raises(CompletionError) as strict:
        Full().read(text, BASE)
    with pytest.raises(CompletionError) as salvaging:
        read_answer(Full(salvage=True), text, BASE)
    assert (salvaging.value.status, salvaging.value.reason) == (strict.value.status, strict.value.reason)


@pytest.mark.long
def test_salvaged_answers_are_counted(configure: Callable[..., Settings], tmp_path: Path) -> None:
    head, tail = seed_sources()[4].rsplit("    def forward", 1)
    spoilt = f"{head}        )\n\n    def forward{tail}"
    texts = [f"<nn>\n{spoilt}</nn>", "<nn>\nno network\n</nn>"]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    overrides = ("llm=scripted", f"llm.path={tmp_path / 'texts.jsonl'}", "mode=full", "mode.salvage=true")
    more = (
        "dataset=digits",
        "corpus.trials=1",
        "corpus.limit=8",
        "finetune=off",
        "tracker=none",
        "cycles=1",
        "candidates=2",
    )
    build.run(configure(*overrides, *more), tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    assert [entry.salvaged for entry in run.entries()] == [["brackets"], []]
    assert run.reports()[0].counts.salvaged == 1
