"""Do proxy=fast and proxy=lemur rank networks alike? Spearman over seed networks, on CIFAR-10 rows in a folder.

    python tests/bench/rank_agreement.py DATA RESULTS.jsonl [NETWORKS]

DATA holds cifar-10-batches-py (any number of rows), RESULTS keeps what is done, so that a run cut short goes on.
NETWORKS (20) are spread over the corpus. proxy=lemur is at the images' own size (norm_flip), each protocol with its own
settings otherwise; accuracy is over all test rows. Prints a line per network and one for the correlation.
"""

import json
import sys
from pathlib import Path
from typing import Any

from against_lemur import CONF, read
from hydra import compose, initialize_config_dir

from nnloop import corpus
from nnloop.executor.local import LocalExecutor
from nnloop.records import Candidate, Limits, Trial
from nnloop.settings.load import load
from nnloop.stats import spearman

PROXIES = {"fast": [], "lemur": ["proxy.transform=norm_flip"]}


def main() -> None:
    data, results = Path(sys.argv[1]), Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    seeds = corpus.seeds()
    networks = [seeds[i * len(seeds) // count] for i in range(count)]
    for proxy in PROXIES:
        done = found(results, proxy)
        judge(proxy, [network for network in networks if network.name not in done], data, results)
    fast, lemur = found(results, "fast"), found(results, "lemur")
    both = [network.name for network in networks if None not in (fast[network.name], lemur[network.name])]
    for name in both:
        print(json.dumps({"network": name, "fast": fast[name], "lemur": lemur[name]}))
    print(spearman([fast[name] for name in both], [lemur[name] for name in both]))


def found(results: Path, proxy: str) -> dict[str, Any]:
    """Accuracies by network, None where a trial failed."""
    lines = results.read_text().splitlines() if results.exists() else []
    rows = [json.loads(line) for line in lines]
    return {row["network"]: row["accuracy"] for row in rows if row["proxy"] == proxy}


def judge(proxy: str, networks: list[Any], data: Path, results: Path) -> None:
    if not networks:
        return
    overrides = ["dataset=cifar10", f"proxy={proxy}", *PROXIES[proxy], "executor.workers=1"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = load(compose("config", overrides))
    dataset = read(data / "cifar-10-batches-py")
    with LocalExecutor(dataset, settings.dataset, settings.proxy, settings.sandbox, settings.executor) as executor:
        for network in networks:
            candidate = Candidate(network.id, network.code, "given", None, 0, 0)
            result = executor.submit(Trial(candidate, "cifar10", proxy, 1, 0, Limits(3000.0, 8 << 30))).result()
            accuracy = None
            if result.val_accuracy is not None and result.test_accuracy is not None:
                accuracy = round((result.val_accuracy + result.test_accuracy) / 2, 4)  # halves of the test rows
            row = {"proxy": proxy, "network": network.name, "accuracy": accuracy, "reason": result.reason}
            with results.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
