"""The report shows what diffs save in tokens."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import make_run

from nnloop.measures import firsts
from nnloop.report import read_each, write_overview
from nnloop.report.measures.read import Run, read
from nnloop.report.web.tokens_section import saving, tokens_section


def run_of(folder: Path, mode: str, tokens: int, **options: str) -> Run:
    """A run whose completions are all of so many tokens, and their prompts of 300."""
    made = make_run(folder, 1, 4, mode=mode, **options)
    facts = [replace(entry.generation, mode=mode, tokens=tokens) for entry in made.entries()]
    entries = [replace(entry, generation=its) for entry, its in zip(made.entries(), facts, strict=True)]
    made.archive.write_text("".join(f"{entry.line()}\n" for entry in entries))
    return read(folder)


def test_a_delta_and_a_full_run_of_one_llm_show_the_saving(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / mode, mode, tokens) for mode, tokens in (("delta", 100), ("full", 400))]
    assert saving(*(firsts(run.entries) for run in runs)) == pytest.approx(0.75)
    text = str(tokens_section(runs))
    for row in (["tiny", "delta", "4", "300.0", "100.0", "75.0"], ["tiny", "full", "4", "300.0", "400.0", "-"]):
        assert "".join(f"<td>{cell}</td>" for cell in row) in text
    write_overview(read_each([tmp_path / "delta", tmp_path / "full"]), tmp_path / "report.html")
    assert "Tokens by mode" in (tmp_path / "report.html").read_text()


def test_runs_of_different_llms_are_not_set_against_each_other(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / "a", "delta", 100), run_of(tmp_path / "b", "full", 400, llm="qwen")]
    assert "75.0" not in str(tokens_section(runs))


def test_without_an_llm_there_are_no_tokens_to_tell(tmp_path: Path) -> None:
    assert tokens_section([run_of(tmp_path / "a", "delta", 0, llm="random")]) is None
