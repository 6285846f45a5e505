"""job=prompt: print a prompt as the LLM gets it, in its chat template, with its tokens.

The prompt is that of each network in `candidate`, under this command's settings, or the one that a run stored with the
completion of a slot, context and all. Of an LLM only the tokenizer is loaded.
"""

from pathlib import Path
from typing import TextIO

from nnloop.errors import CandidateFileError, RunFolderError
from nnloop.jobs.evaluate import read
from nnloop.llm.engine import guess_tokens
from nnloop.modes.make import make_mode, make_task
from nnloop.modes.static_guard import guarded_id
from nnloop.records import Completion, Network
from nnloop.runs.folder import RunFolder
from nnloop.settings import HfLlmSettings, PromptJobSettings, Settings
from nnloop.settings.load import recorded
from nnloop.settings.members import only


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Print each prompt and a line about it. Raises CandidateFileError, RunFolderError or ModelError."""
    if settings.runs is not None:
        run_folder = RunFolder(Path(settings.runs).expanduser())
        one = _stored(run_folder, settings.job)
        _print(one.prompt, recorded(run_folder.settings()), out=out)
        return
    only(settings)
    mode, task = make_mode(settings), make_task(settings)
    for path, source in read(str(settings.candidate)):
        _print(mode.prompt(_network(path, source), task).text, settings, out=out)


def _stored(run: RunFolder, job: object) -> Completion:
    """Return the completion of the job's slot. Raises RunFolderError if it is not written yet."""
    assert isinstance(job, PromptJobSettings)
    run.provenance()
    stored = run.read_completions(job.cycle - 1)
    if job.slot - 1 not in stored:
        there = f"has slots {min(stored) + 1} to {max(stored) + 1}" if stored else "has no completion yet"
        raise RunFolderError(f"job.slot={job.slot}: cycle {job.cycle} of {run.path} {there}")
    return stored[job.slot - 1]


def _network(path: Path, source: bytes) -> Network:
    try:
        code = source.decode()
        return Network(guarded_id(code), code, path.stem)
    except (ValueError, SyntaxError) as error:
        raise CandidateFileError(f"candidate={path}: is no Python: {' '.join(str(error).split())}") from None


def _print(text: str, settings: Settings, *, out: TextIO) -> None:
    llm = settings.llm
    if not isinstance(llm, HfLlmSettings):
        print(text, f"about {guess_tokens(text)} tokens, in no chat template: llm={llm.name}", sep="\n\n", file=out)
        return
    from nnloop.llm.chat import Chat
    from nnloop.llm.pretrained import load_tokenizer

    chat = Chat(load_tokenizer(llm), llm.system, llm.template).check()
    tokens, answer = len(chat.encode(text)), llm.max_new_tokens[settings.mode.name]
    fits = "fits" if tokens + answer <= llm.context_length else "does not fit"
    limits = f"llm.max_new_tokens.{settings.mode.name}={answer} in llm.context_length={llm.context_length}"
    print(chat.render(text), f"{tokens} tokens: {fits} with {limits}", sep="\n\n", file=out)
