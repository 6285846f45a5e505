"""`python -m nnloop`: compose the config, check it, build the job, run it."""

import logging
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from nnloop import command_line
from nnloop.api import run_job
from nnloop.errors import UserError
from nnloop.launch import leave
from nnloop.launch.messages import one_line
from nnloop.launch.resolvers import register_resolvers
from nnloop.printable import printable
from nnloop.settings import Settings
from nnloop.settings.command import prepare
from nnloop.settings.load import load
from nnloop.stop import EXIT_CODE, Interrupted

_HOME = command_line.home()

_HELP = """\
nnloop: LLM-driven neural architecture search as a closed loop.

  python -m nnloop llm=tiny dataset=digits                       search, on a laptop
  python -m nnloop -m llm=deepseek,qwen,mistral dataset=cifar10  one search per LLM
  python -m nnloop job=evaluate candidate=net.py dataset=digits  score given networks
  python -m nnloop job=report runs=outputs/search                tables, figures and a page
  python -m nnloop job=watch runs=outputs/search                 follow running searches in the browser
  python -m nnloop --config-name <sweep>                         a ready-made multirun
  python -m nnloop llm=tiny dry_run=true                         tell jobs, folders and hours, and run nothing
  python -m nnloop --cfg job llm=tiny                            every setting with its value

Change any setting with key=value, e.g. cycles=4 candidates=24 llm.temperature=0.5. With -m, commas separate values, and
every combination is a search of its own. --hydra-help lists Hydra's flags. group=option chooses an option of a group:

"""  # Hydra's own --help takes over a second

_IN_A_JOB = "SUBMITIT_EXECUTOR"
"""Set in a job on a cluster, whose failure has to reach the process that submitted it."""

_log = logging.getLogger("nnloop")
_failures: list[int] = []
_questions: list[Callable[[Settings], str]] = []  # to be asked before the job: none if there are arguments


def main() -> None:
    """Run from the command line.

    Exit code 0 is success, 2 wrong input or a full disk, 1 our own failure, 75 a search that a signal stopped and that
    the same command continues, 130 an interrupt.
    """
    asked = len(sys.argv) == 1 and sys.stdin.isatty() and sys.stderr.isatty()
    answer = command_line.reply(sys.argv[1:])
    if answer is not None:
        print(answer[0], file=sys.stderr if answer[1] else sys.stdout)
        sys.exit(answer[1])
    if not any(argument.startswith(("--config-dir", "-cd")) for argument in sys.argv):
        sys.argv += ["--config-dir", str(_HOME / "sweeps")]  # lets --config-name find a sweep
    sys.argv[1:] = prepare(sys.argv[1:])
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(_HELP + list_options())
        return
    logging.raiseExceptions = False  # a full disk would fill the terminal with tracebacks of the log file
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # let Hydra's errors reach us instead of its own exit
    register_resolvers()
    if asked:
        _questions.append(command_line.question)
    try:
        _compose_and_run()
    except KeyboardInterrupt as error:
        sys.exit(EXIT_CODE if isinstance(error, Interrupted) else 130)
    except (HydraException, OmegaConfBaseException, YAMLError, UserError) as error:
        _fail(one_line(error), 2)
    except ValueError as error:
        if not str(error).startswith("Config group override must be"):
            raise
        _fail("a group has no option null; --help lists the options", 2)
    except RuntimeError as error:
        if type(error).__module__.partition(".")[0] != "submitit":
            raise
        state = re.search(r" \(state: \w+\)", str(error))
        _fail(f"a job on the cluster failed: {_last_line(error)}{state[0] if state else ''}; the others go on", 1)
    except OSError as error:
        _fail(f"{error.filename or 'output folder'}: {error.strerror or error}", 2)
    sys.exit(max(_failures, default=0))


@hydra.main(version_base="1.3", config_path=str(_HOME / "conf"), config_name="config")
def _compose_and_run(config: DictConfig) -> None:
    """One job. A failure is reported here and remembered, so that one job of a multirun doesn't end the others."""
    folder, overrides = Path(HydraConfig.get().runtime.output_dir), list(HydraConfig.get().overrides.task)
    try:
        checked = load(config)
        for ask in _questions:
            if input(ask(checked)).strip().lower() not in ("y", "yes"):
                leave(folder)
                return
        run_job(checked, folder, overrides, out=sys.stdout)
    except UserError as error:
        _fail(one_line(error), 2)
        leave(folder)
        if _IN_A_JOB in os.environ:
            raise
    except Exception:  # a defect of ours: told in the log, and the multirun's other jobs still run
        _log.exception("nnloop failed")
        _failures.append(1)
        if _IN_A_JOB in os.environ:
            raise


def list_options() -> str:
    """Return every config group with its options, and the sweeps, for --help."""
    groups = sorted(folder for folder in (_HOME / "conf").iterdir() if folder.is_dir())
    options = {group.name: sorted(file.stem for file in group.glob("*.yaml")) for group in groups}
    lines = [f"  {f'{name}:':<12}{', '.join(words)}" for name, words in options.items() if words]
    return "\n".join([*lines, "", f"Sweeps: {', '.join(command_line.sweeps())}"])


def _fail(message: str, code: int) -> None:
    print(f"nnloop: {printable(message)}", file=sys.stderr)
    _failures.append(code)


def _last_line(error: BaseException) -> str:
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip(" -")), type(error).__name__)


if __name__ == "__main__":
    main()
