"""job=prompt: a prompt as the LLM gets it, with its tokens."""

import io
from pathlib import Path

import pytest
from entries import completion

from nnloop import corpus
from nnloop.errors import CandidateFileError, RunFolderError, SettingsError
from nnloop.jobs import prompt
from nnloop.llm.chat import Chat
from nnloop.llm.pretrained import load_tokenizer
from nnloop.modes.make import make_mode, make_task
from nnloop.runs.folder import RunFolder

NETWORK = corpus.seeds()[0]


@pytest.fixture
def printed(configure, tmp_path: Path):
    """Run the job and return what it printed."""

    def run(*overrides: str) -> str:
        out = io.StringIO()
        prompt.run(configure("job=prompt", "dataset=digits", *overrides), tmp_path / "job", out)
        return out.getvalue()

    return run


def test_a_networks_prompt_is_shown_in_the_chat_template_with_its_tokens(printed, configure, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(NETWORK.code)
    for mode, limit in (("delta", 192), ("full", 512)):
        settings = configure("llm=tiny", f"mode={mode}", "dataset=digits")
        chat = Chat(load_tokenizer(settings.llm))
        text = make_mode(settings).prompt(NETWORK, make_task(settings)).text
        told = (
            f"{len(chat.encode(text))} tokens: fits with llm.max_new_tokens.{mode}={limit} in llm.context_length=1024"
        )
        given = (f"candidate={file}", "llm=tiny", f"mode={mode}")
        assert printed(*given) == f"<|user|>{text}<|end|><|assistant|>\n\n{told}\n"
    assert "tokens: does not fit with" in printed(*given, "llm.context_length=520")


def test_an_llm_without_a_tokenizer_here_shows_the_text_and_an_estimate(printed, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(NETWORK.code)
    shown = printed(f"candidate={file}", "llm=random")
    assert NETWORK.code in shown
    assert shown.endswith(" tokens, in no chat template: llm=random\n")


def test_a_slots_prompt_is_the_stored_one_under_the_runs_own_settings(printed, configure, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.open(configure("llm=tiny", "dataset=digits", "llm.max_new_tokens.delta=77"))
    with run.journal(run.completions(2)) as journal:
        journal.append(completion("an answer", cycle=2, slot=5, prompt="Stored as it was.").line())
    given = (f"runs={run.path}", "job.cycle=3", "llm=qwen")
    shown = printed(*given, "job.slot=6")
    assert shown.startswith("<|user|>Stored as it was.<|end|><|assistant|>\n\n")
    assert "llm.max_new_tokens.delta=77" in shown
    with pytest.raises(RunFolderError, match=r"job\.slot=7: cycle 3 of .*run has slots 6 to 6$"):
        printed(*given, "job.slot=7")
    with pytest.raises(RunFolderError, match=r"job\.slot=1: cycle 1 of .*run has no completion yet$"):
        printed(f"runs={run.path}")


def test_it_needs_one_of_network_and_run_and_a_network_that_is_python(printed, tmp_path: Path) -> None:
    for given in ((), ("candidate=x.py", "runs=x")):
        with pytest.raises(SettingsError, match="needs either candidate=<a file or a glob> or runs=<a run folder>"):
            printed(*given)
    (tmp_path / "net.py").write_text("class")
    with pytest.raises(CandidateFileError, match=r"net\.py: is no Python: invalid syntax"):
        printed(f"candidate={tmp_path}/net.py")
