"""Settings of what is asked for, from which networks, and what is admitted."""

from dataclasses import dataclass


@dataclass
class DeltaSettings:
    name: str  # delta
    edit_format: str  # asked for and trained on: unified (a diff) or search_replace (blocks); both are read
    salvage: bool  # mend answers that are nearly a program (modes.salvage); counted in the cycle's report
    max_params: int | None  # parameters a network may have: told to the LLM and checked; None is no limit


@dataclass
class FullSettings:
    name: str  # full
    salvage: bool  # as above
    max_params: int | None


@dataclass
class UniformParentsSettings:
    """Uniform draws from the corpus and from the networks that the run selected (papers A and B)."""

    name: str
    corpus_share: float | None  # probability of the corpus; None: one pool, in which a rule ranks them together


@dataclass
class TopParentsSettings:
    """Truncation: uniform draws from the most accurate."""

    name: str
    corpus_share: float | None
    count: int  # networks that are drawn from


@dataclass
class PowerLawParentsSettings:
    """The network of accuracy rank r (1 is the best) is drawn with a probability proportional to r ** -exponent."""

    name: str
    corpus_share: float | None
    exponent: float  # 0 is uniform


@dataclass
class QualityDiversityParentsSettings:
    """MAP-Elites: uniform draws from the most accurate network of each cell."""

    name: str
    corpus_share: float | None
    descriptors: list[str]  # what spans the cells: params, depth, accuracy, family


@dataclass
class IslandsParentsSettings:
    """Populations that breed apart, one for the slots s with s % islands == i, with migration round a ring."""

    name: str
    corpus_share: float | None
    islands: int
    every: int  # cycles between migrations
    migrants: int  # of each island's most accurate that the next one gets a copy of
    exponent: float  # of the power law within an island


@dataclass
class SingleContextSettings:
    """The prompt shows the baseline and nothing else (papers A and B)."""

    name: str


@dataclass
class MemoryContextSettings:
    """The latest attempts of the run as problem, suggestion and outcome, failures included (Gu et al.)."""

    name: str
    attempts: int
    tokens: int | None  # for the attempts together; None: what the LLM's context leaves


@dataclass
class InspirationsContextSettings:
    """Further networks with their accuracies, drawn by the rule of `parents`."""

    name: str
    networks: int
    tokens: int | None


@dataclass
class CrossoverContextSettings:
    """A second parent, drawn by the rule of `parents`; a diff is against the first."""

    name: str
    tokens: int | None


@dataclass
class MinHashSettings:
    """Near-duplicates by MinHash-LSH retrieval and exact Jaccard."""

    name: str
    unit: str  # tokens (paper A), chars (paper B) or graph (operators, traced)
    shingle: int  # units per shingle
    permutations: int
    lsh_threshold: float  # Jaccard at which LSH should retrieve
    threshold: float  # a network at or above this Jaccard to a known one is not novel


@dataclass
class NoNoveltySettings:
    """Everything but an exact duplicate is novel."""

    name: str


@dataclass
class SeedCorpusSettings:
    """nnloop's own seed networks."""

    name: str


@dataclass
class LemurCorpusSettings:
    """Networks of LEMUR (nn-dataset), by its results and curated. They are read as data."""

    name: str
    path: str | None  # a wheel of 2.1.2, a folder it was unpacked in, or LEMUR's database; None: what is installed
    task: str  # this and the next three under LEMUR's names
    dataset: str | None  # None: the one that belongs to the run's dataset
    metric: str
    epoch: int
    min_accuracy: float  # best of a network's trials, as LEMUR has them: of many protocols
    networks: int  # chosen at most
    family_share: float  # of them that one family of names may have
    max_chars: int  # of a source: longer ones fit in no prompt


@dataclass
class AdoptedCorpusSettings:
    """Networks that job=adopt collected."""

    name: str
    path: str  # the folder that job=adopt wrote


@dataclass
class AdmissionSettings:
    min_accuracy: float  # validation accuracy a network needs to be admitted


@dataclass
class SelectionSettings:
    rule: str  # networks that become parents and training targets: better (than their parent), good, admitted


@dataclass
class BudgetSettings:
    """The cycle in which one of them is used up is the run's last; raised, the run goes on."""

    tokens: int | None  # prompts and completions; None is no limit
    hours: float | None  # wall time of the closed cycles


@dataclass
class SearchSettings:
    staleness: int | None  # results that a prompt may be behind, at most; None: a whole cycle
