"""Do proxy=fast and proxy=lemur rank networks alike? Spearman over seed networks, on CIFAR-10 rows in a folder.

    python tests/bench/rank_agreement.py DATA RESULTS.jsonl [--networks 20] [--seeds 2] [--proxy fast]

DATA holds cifar-10-batches-py (any number of rows), RESULTS keeps what is done, so that a run cut short goes on. The
networks are spread over the corpus. proxy=lemur is at the images' own size (norm_flip), each protocol with its own
settings otherwise; accuracy is over all test rows. Prints a line per network, rho of the two protocols' means over
seeds, and for each protocol rho of one seed with another: chance alone keeps two protocols from agreeing better than
each does with itself. With --proxy only that one trains.
"""

import argparse
import json
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any

from against_lemur import CONF, read
from hydra import compose, initialize_config_dir

from nnloop import build, corpus
from nnloop.records import Candidate, Limits, Trial
from nnloop.settings.load import load
from nnloop.stats import spearman

PROXIES = {"fast": [], "lemur": ["proxy.transform=norm_flip"]}
Results = dict[tuple[str, str, int], float | None]
"""Accuracies by protocol, network and seed, None where a trial failed."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--networks", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--proxy", choices=PROXIES)
    arguments = parser.parse_args()
    everything = corpus.seeds()
    networks = [everything[i * len(everything) // arguments.networks] for i in range(arguments.networks)]
    for proxy in [arguments.proxy] if arguments.proxy else PROXIES:
        judge(proxy, networks, arguments)
    if not arguments.proxy:
        report(read_results(arguments.results), [network.name for network in networks], arguments.seeds)


def report(results: Results, names: list[str], seeds: int) -> None:
    def of(proxy: str, name: str) -> list[float | None]:
        return [results[proxy, name, seed] for seed in range(seeds)]

    both = [name for name in names if all(None not in of(proxy, name) for proxy in PROXIES)]
    for name in both:
        print(json.dumps({"network": name, **{proxy: of(proxy, name) for proxy in PROXIES}}))
    means = {proxy: [mean(of(proxy, name)) for name in both] for proxy in PROXIES}
    print("fast with lemur", spearman(means["fast"], means["lemur"]))
    for proxy in PROXIES:
        for one, other in combinations(range(seeds), 2):
            columns = [[results[proxy, name, seed] for name in both] for seed in (one, other)]
            print(f"{proxy}, seeds {one} and {other}", spearman(*columns))


def read_results(results: Path) -> Results:
    lines = results.read_text().splitlines() if results.exists() else []
    rows = [json.loads(line) for line in lines]
    return {(row["proxy"], row["network"], row["seed"]): row["accuracy"] for row in rows}


def judge(proxy: str, networks: list[Any], arguments: argparse.Namespace) -> None:
    done = read_results(arguments.results)
    overrides = ["dataset=cifar10", f"proxy={proxy}", *PROXIES[proxy], "executor.workers=1"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = load(compose("config", overrides))
    dataset = read(arguments.data / "cifar-10-batches-py")
    wanted = [(network, seed) for seed in range(arguments.seeds) for network in networks]
    with build.make_executor(settings, dataset, Path()) as executor:
        for network, seed in wanted:
            if (proxy, network.name, seed) in done:
                continue
            candidate = Candidate(network.id, network.code, "given", None, 0, 0)
            result = executor.submit(Trial(candidate, "cifar10", proxy, 1, seed, Limits(3000.0, 8 << 30))).result()
            accuracy = None
            if result.val_accuracy is not None and result.test_accuracy is not None:
                accuracy = round((result.val_accuracy + result.test_accuracy) / 2, 4)  # halves of the test rows
            row = {"proxy": proxy, "network": network.name, "seed": seed, "accuracy": accuracy, "reason": result.reason}
            with arguments.results.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
