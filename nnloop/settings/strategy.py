"""Settings of a search's strategy: form of the answers, parents, context, novelty, corpus, admission, budget."""

from dataclasses import dataclass
from typing import Any

from nnloop.settings.setting import PLACE, RESULT, setting


@dataclass
class DeltaSettings:
    """The LLM answers with an edit of the network that it is shown (paper B)."""

    name: str = setting(RESULT, words=["delta"])
    prompt: str | None = setting(RESULT)  # a set of templates (modes.templates); None: the one that llm.prompt names
    edit_format: str = setting(RESULT, words=["unified", "search_replace"])  # asked for and trained on; both are read
    salvage: bool = setting(RESULT)  # salvage answers that are nearly a program (modes.salvage), counted in the report
    fuzz: int = setting(RESULT, 0, 100, unit="lines")  # of outer context that a hunk may lose at an end; counted
    hp: str = setting(RESULT, words=["off", "shown", "used"])  # hyperparameters and transform, asked for with a diff
    rewrites: bool = setting(RESULT)  # take a whole program in answer to a prompt for a diff; counted apart
    max_params: int | None = setting(RESULT, 1, 1e12)  # of a network: told to the LLM and checked; None: no limit


@dataclass
class FullSettings:
    """The LLM answers with a whole network (paper A)."""

    name: str = setting(RESULT, words=["full"])
    prompt: str | None = setting(RESULT)  # as above, and so the next two
    salvage: bool = setting(RESULT)
    max_params: int | None = setting(RESULT, 1, 1e12)


ModeSettings = DeltaSettings | FullSettings


@dataclass
class UniformParentsSettings:
    """Uniform samples of the corpus and of the networks that the run selected (papers A and B)."""

    name: str = setting(RESULT, words=["uniform"])
    corpus_share: float | None = setting(RESULT, 0, 1)  # probability of the corpus; None: both are ranked together


@dataclass
class TopParentsSettings:
    """Truncation: uniform samples of the most accurate."""

    name: str = setting(RESULT, words=["top"])
    corpus_share: float | None = setting(RESULT, 0, 1)
    count: int = setting(RESULT, 1, 1e6)  # networks to choose from


@dataclass
class PowerLawParentsSettings:
    """The network of accuracy rank r (1 is the best) is sampled with a probability proportional to r ** -exponent."""

    name: str = setting(RESULT, words=["power_law"])
    corpus_share: float | None = setting(RESULT, 0, 1)
    exponent: float = setting(RESULT, 0, 100)  # 0 is uniform


@dataclass
class QualityDiversityParentsSettings:
    """MAP-Elites: uniform samples of the most accurate network of each cell."""

    name: str = setting(RESULT, words=["quality_diversity"])
    corpus_share: float | None = setting(RESULT, 0, 1)
    descriptors: list[str] = setting(RESULT, words=["params", "depth", "accuracy", "family"])  # that span the cells


@dataclass
class IslandsParentsSettings:
    """Populations that evolve apart, one for the slots s with s % islands == i, with migration around a ring."""

    name: str = setting(RESULT, words=["islands"])
    corpus_share: float | None = setting(RESULT, 0, 1)
    islands: int = setting(RESULT, 1, 1000)
    every: int = setting(RESULT, 1, 10_000, unit="cycles")  # between migrations
    migrants: int = setting(RESULT, 0, 10_000)  # of each island's most accurate that the next one gets a copy of
    exponent: float = setting(RESULT, 0, 100)  # of the power law within an island


@dataclass
class OwnParentsSettings:
    """A rule of the user's own."""

    name: str = setting(RESULT, words=["own"])
    rule: str = setting(RESULT)  # <file>.py:<function> or <module>:<function> (parents.user_rule.ParentsRule)
    options: dict[str, Any] = setting(RESULT)  # keyword arguments for it


@dataclass
class AgeingParentsSettings:
    """Regularised evolution: the best of `size` samples, with replacement, from the `population` newest networks."""

    name: str = setting(RESULT, words=["ageing"])
    corpus_share: float | None = setting(RESULT, 0, 1)
    population: int = setting(RESULT, 1, 1e6)  # the corpus counts as oldest; use it with selection.rule=all
    size: int = setting(RESULT, 1, 1000)  # of a tournament


ParentsSettings = (
    UniformParentsSettings
    | TopParentsSettings
    | PowerLawParentsSettings
    | QualityDiversityParentsSettings
    | IslandsParentsSettings
    | AgeingParentsSettings
    | OwnParentsSettings
)


@dataclass
class SingleContextSettings:
    """The prompt shows the parent and nothing else (papers A and B)."""

    name: str = setting(RESULT, words=["single"])


@dataclass
class MemoryContextSettings:
    """The latest attempts of the run as problem, suggestion and outcome, failures included (Gu et al.)."""

    name: str = setting(RESULT, words=["memory"])
    attempts: int = setting(RESULT, 1, 1000)
    last: bool = setting(RESULT)  # the latest network that trained is shown whole, too
    tokens: int | None = setting(RESULT, 1, 1e7)  # for the attempts together; None: the room that the LLM's context has


@dataclass
class InspirationsContextSettings:
    """Further networks with their accuracies, sampled by the rule of `parents`."""

    name: str = setting(RESULT, words=["inspirations"])
    networks: int = setting(RESULT, 1, 100)
    tokens: int | None = setting(RESULT, 1, 1e7)


@dataclass
class CrossoverContextSettings:
    """A second parent, sampled by the rule of `parents`; a diff is against the first."""

    name: str = setting(RESULT, words=["crossover"])
    tokens: int | None = setting(RESULT, 1, 1e7)


ContextSettings = SingleContextSettings | MemoryContextSettings | InspirationsContextSettings | CrossoverContextSettings


SCAN = 2_000
"""Known networks up to which a new one is compared with all; beyond, LSH retrieves the near ones."""


@dataclass
class MinHashSettings:
    """Near-duplicates by MinHash-LSH retrieval and exact Jaccard."""

    name: str = setting(RESULT, words=["graph", "tokens", "chars"])
    unit: str = setting(RESULT, words=["graph", "tokens", "chars"])  # tokens: paper A; chars: paper B; graph: operators
    shingle: int = setting(RESULT, 1, 1000)  # units per shingle
    permutations: int = setting(RESULT, 16, 4096)
    lsh_threshold: float = setting(RESULT, 0.05, 0.99)  # Jaccard at which LSH should retrieve
    threshold: float = setting(RESULT, 0, 1)  # a network at or above this Jaccard to a known one is not novel


@dataclass
class NoNoveltySettings:
    """Everything but an exact duplicate is novel."""

    name: str = setting(RESULT, words=["off"])


NoveltySettings = MinHashSettings | NoNoveltySettings


@dataclass
class CorpusTrialSettings:
    """The trials of a corpus before the search, under seeds of their own."""

    trials: int | None = setting(RESULT, 1, 100)  # of each network; None: 3 with under 2,000 training images, else 1
    limit: int | None = setting(RESULT, 1, 1e6, unit="networks")  # tried at most, chosen by their names; None: all


@dataclass
class SeedCorpusSettings(CorpusTrialSettings):
    """nnloop's own seed networks."""

    name: str = setting(RESULT, words=["seeds"])
    variants: int = setting(RESULT, 0, 1e6)  # single edits of them, tried too, for finetune.corpus_pairs of mode=delta


@dataclass
class LemurCorpusSettings(CorpusTrialSettings):
    """Networks of LEMUR (nn-dataset), by its results and curated. They are read as data."""

    name: str = setting(RESULT, words=["lemur"])
    path: str | None = setting(RESULT)  # wheel of 2.1.2, folder of its content, or database; None: the installed one
    task: str = setting(RESULT)  # this and the next three under LEMUR's names
    dataset: str | None = setting(RESULT)  # None: the one that belongs to the run's dataset
    metric: str = setting(RESULT)
    epoch: int = setting(RESULT, 1, 10_000)
    min_accuracy: float | None = setting(RESULT, 0, 1)  # best of a network's trials in LEMUR; None: the dataset's own
    networks: int = setting(RESULT, 1, 1e6)  # chosen at most
    family_share: float = setting(RESULT, 1e-6, 1)  # of them that one family of names may have
    max_chars: int = setting(RESULT, 1, 1e9)  # of a source: longer ones fit in no prompt
    variants: int = setting(RESULT, 0, 1e6)  # near-equal networks that curation dropped, tried too, as those of seeds


@dataclass
class AdoptedCorpusSettings(CorpusTrialSettings):
    """Networks that job=adopt collected."""

    name: str = setting(RESULT, words=["adopted"])
    path: str = setting(RESULT)  # the folder that job=adopt wrote


@dataclass
class FolderCorpusSettings(CorpusTrialSettings):
    """Networks of the user's own, a .py file each."""

    name: str = setting(RESULT, words=["folder"])
    path: str = setting(RESULT)


@dataclass
class EmptyCorpusSettings:
    """No network: the LLM writes the first one from the task alone (Gu et al.)."""

    name: str = setting(RESULT, words=["empty"])


CorpusSettings = (
    SeedCorpusSettings | LemurCorpusSettings | AdoptedCorpusSettings | FolderCorpusSettings | EmptyCorpusSettings
)


@dataclass
class AdmissionSettings:
    """The condition for admission to the archive."""

    min_accuracy: float | None = setting(RESULT, 0, 1)  # validation accuracy to be admitted; None: the dataset's own


@dataclass
class SelectionSettings:
    """The networks that become parents and training targets."""

    rule: str = setting(
        RESULT, words=["better", "good", "admitted", "all"]
    )  # better: than their parent; see conf/config.yaml
    estimate: str = setting(RESULT, words=["shrunken", "trial"])  # that rules and parents go by (loop.estimates)


@dataclass
class BudgetSettings:
    """Limits of a run. It ends with the cycle that reaches one, and goes on if the limit is raised."""

    tokens: int | None = setting(PLACE, 1, 1e12)  # prompts and completions; None: no limit
    hours: float | None = setting(PLACE, 1e-6, 1e12)  # wall time of the closed cycles
    target: float | None = setting(PLACE, 0, 1)  # validation accuracy of a single trial at which a run is done
    patience: int | None = setting(PLACE, 1, 10_000, unit="cycles")  # without a better network, after which it is done


@dataclass
class IncumbentSettings:
    """The trials, under fresh seeds, that measure a run's best network when the search has ended."""

    share: float = setting(PLACE, 0, 10)  # of the run's trials; 0: none, the best of single trials stands alone


@dataclass
class SearchSettings:
    """The order of generation and evaluation."""

    staleness: int | None = setting(RESULT, 0, 1e6)  # results that a prompt may be behind, at most; None: a whole cycle
    pareto: str = setting(RESULT, words=["none", "params", "flops"], former="none")  # cost beside accuracy (pareto)
