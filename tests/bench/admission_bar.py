"""The bar for admission on a dataset: the median validation accuracy of our seed networks.

    python tests/bench/admission_bar.py dataset=svhn [any other setting]

Prints the line for conf/dataset/<name>.yaml. Networks that don't train to the end are told and left out.
"""

import sys
from concurrent.futures import Future
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from hydra import compose, initialize_config_dir

from nnloop import build, corpus, data
from nnloop.executor import make_trial
from nnloop.records import COMPLETED, Candidate, TrialResult
from nnloop.settings import Settings
from nnloop.settings.load import load

CONF = Path(__file__).resolve().parents[2] / "conf"


def main() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = load(compose("config", overrides=["llm=random", *sys.argv[1:]]))
    values = sorted(accuracies(settings))
    print(
        f"min_accuracy: {median(values):.2f} # median of our {len(values)} seed networks under "
        f"proxy={settings.proxy.name}, seed {settings.seed} ({values[0]:.2f} to {values[-1]:.2f})"
    )


def accuracies(settings: Settings) -> list[float]:
    """Validation accuracy of every seed network that completes."""
    networks = corpus.seeds()
    with (
        TemporaryDirectory() as folder,
        build.make_executor(settings, data.load(settings.dataset), Path(folder)) as executor,
    ):
        trials: list[Future[TrialResult]] = [
            executor.submit(
                make_trial(
                    settings, Candidate(network.id, network.code, mode="corpus", parent=None, cycle=-1, slot=slot)
                )
            )
            for slot, network in enumerate(networks)
        ]
        results = [trial.result() for trial in trials]
    for network, result in zip(networks, results, strict=True):
        if result.status not in COMPLETED:
            print(f"{network.name}: {result.status} ({result.reason})", file=sys.stderr)
    return [result.val_accuracy for result in results if result.status in COMPLETED and result.val_accuracy is not None]


if __name__ == "__main__":
    main()
