"""One dataclass per option kind of a group in conf/: types, units and reasons.

They hold no defaults: values live in conf/ alone. They are not frozen, because OmegaConf cannot compose frozen ones.
"""

from dataclasses import dataclass
from typing import Any


@dataclass
class DatasetSettings:
    name: str
    title: str  # as the prompt and the report name it
    description: str  # one clause for the prompt: what is on the pictures
    classes: int
    channels: int
    size: int  # pixels, square
    mean: list[float]  # per channel, of pixels in [0, 1]
    std: list[float]
    flip: bool  # random horizontal flips in training
    crop_pad: int  # pixels of padding before a random crop in training; 0 is no crop
    min_accuracy: float  # default of admission.min_accuracy
    root: str | None  # folder of the raw files, in the layout of torchvision's class; None: $NNLOOP_CACHE/raw
    mirror: str | None  # address of a folder that holds the archives under their own names; None: the official servers
    verify: bool  # compare checksums and sizes with the published ones
    val_fraction: float | None  # of the training set, cut off for validation; None where there is an official set
    split_seed: int
    train_limit: int | None  # training and validation images in all, stratified, for quick looks; None: all
    test_limit: int | None


@dataclass
class SvhnSettings(DatasetSettings):
    extra: bool  # train on the 531,131 easier images of `extra` too


@dataclass
class ImagenetteSettings(DatasetSettings):
    archive: str  # which of the published ones: full, 320px or 160px (shorter side)


@dataclass
class ProxySettings:
    """The one-epoch recipe. `lr` is the peak of the one-cycle schedule and reaches the candidate as prm["lr"]."""

    name: str
    epochs: int
    batch_size: int
    lr: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    min_steps: int  # steps an epoch has at least: small training sets get smaller batches than batch_size
    warmup_share: float  # share of the steps in which the learning rate rises
    clip_norm: float  # gradient norm; 0 is no clipping
    dropout: float  # reaches the candidate as prm["dropout"]
    chance_share: (
        float  # of the steps, after which a loss above guessing's ends the trial as diverged; 0: it never does
    )


@dataclass
class LemurProxySettings:
    """LEMUR's protocol, by which the papers count: its transform, prm, and the network's own train_setup and learn.

    A network without those two trains by what most of LEMUR's write there: SGD, cross-entropy, clipped gradients.
    """

    name: str
    epochs: int
    transform: str  # echo or norm, _<pixels> where it resizes, _flip where it flips in training: norm_256_flip
    batch_size: int
    lr: float
    momentum: float
    dropout: float
    prm: dict[str, float]  # further values of prm, for networks whose supported_hyperparameters() name more
    clip_norm: float  # gradient norm, for networks without a learn; 0 is no clipping
    chance_share: float  # as under the other protocols, for networks without a learn


@dataclass
class HfLlmSettings:
    """A causal LM run by transformers."""

    name: str
    engine: str  # hf
    model: str  # hub id or folder
    revision: str | None
    adapter: str | None  # folder of a LoRA adapter to start from (the papers' transfer); None: the bare model
    device: str  # auto, cpu, cuda, cuda:1, ..., or balanced: layers spread over all GPUs
    quantize: str  # none, int8 or nf4 (bitsandbytes, extra `gpu`)
    rest: str  # while trials alone run: keep the weights, or free their memory and read them again when needed
    dtype: str  # auto (bfloat16 on a GPU, float32 on a CPU), float32, bfloat16, float16
    temperature: float  # 0 is greedy
    top_k: int  # 0 is off
    top_p: float
    max_new_tokens: dict[str, int]  # by mode
    context_length: int  # tokens, prompt and completion together
    batch_size: int  # prompts generated together
    diff_context: int  # context lines of the diffs it is trained to write
    diff_line_numbers: bool  # whether those diffs carry headers and line numbers
    lora: dict[str, Any]  # values of finetune=lora that suit this model better than that file's


@dataclass
class OpenAiLlmSettings:
    """A model behind an OpenAI-compatible server."""

    name: str
    engine: str  # openai
    base_url: str  # up to and with /v1
    model: str | None  # as the server names it; None: the first that it offers
    weights: str | None  # hub id or folder of what is served, to tune it here; None: it can't be tuned
    revision: str | None  # of the weights
    adapter: str | None  # folder of a LoRA adapter to start from, which the server loads
    device: str  # of the fine-tune, as with llm.engine=hf, and so the next three
    quantize: str
    dtype: str
    context_length: int  # where the weights are given, prompts are counted before they are sent
    key_variable: str  # environment variable that holds the key; unset is no key
    temperature: float
    top_p: float
    max_new_tokens: dict[str, int]  # by mode
    batch_size: int  # requests at once
    timeout_s: float  # per request
    tries: int  # per request, where the server is busy or does not answer
    diff_context: int
    diff_line_numbers: bool


@dataclass
class RandomLlmSettings:
    """No LLM: random structural edits, the baseline that no paper ran."""

    name: str
    engine: str  # random
    edits: dict[str, int]  # operators applied to the baseline shown, by mode
    diff_context: int
    diff_line_numbers: bool


@dataclass
class ScriptedLlmSettings:
    """Replays a JSONL file of {"text": ...}: slot s of cycle c gets line c * candidates + s, wrapping."""

    name: str
    engine: str  # scripted
    path: str
    delay_s: float  # pause before each completion, so that a test can kill a run in the middle
    diff_context: int
    diff_line_numbers: bool


@dataclass
class DeltaSettings:
    name: str  # delta
    edit_format: str  # asked for and trained on: unified (a diff) or search_replace (blocks); both are read
    tolerant: bool  # mend answers that are nearly a program (modes.tolerant); counted in the cycle's report
    max_params: int | None  # parameters a network may have: told to the LLM and checked; None is no limit


@dataclass
class FullSettings:
    name: str  # full
    tolerant: bool  # as above
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
class LoraSettings:
    """PEFT LoRA at the end of each cycle (paper A and B: r 32, alpha 32, dropout 0.05, lr 1e-5)."""

    name: str
    rank: int
    alpha: int
    dropout: float
    targets: list[str]  # names of the linear layers
    layers: int | None  # only the first so many transformer blocks (paper A: 24 of 30); None is all
    lr: float
    epochs: int
    batch_size: int
    accumulation: int  # batches per optimizer step
    packing: bool  # lay a step's pairs end to end in rows of max_length instead of padding them, batch_size at once
    gradient_checkpointing: bool  # compute activations twice instead of keeping them
    optimizer: str  # adamw, paged_adamw_8bit (bitsandbytes), or auto: the latter on a GPU where it is installed
    warmup_steps: int
    weight_decay: float
    clip_norm: float
    max_length: int  # tokens of prompt and completion; longer pairs are dropped and counted
    max_pairs: int  # newest pairs of the run's selected networks with their parents that a cycle trains on
    corpus_pairs: int  # pairs of corpus networks that fill them up, at most
    held_out: float  # share of the networks whose pairs are left out, to tell the loss on what was not learned
    checkpoint_minutes: float  # a killed fine-tune goes on from what it saved so often; 0 is after every step
    restart: bool  # start each cycle's adapter from llm.adapter or the bare model instead of the last adapter


@dataclass
class NoFinetuneSettings:
    """The frozen-LLM baseline."""

    name: str


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
class SandboxSettings:
    name: str  # auto, strict, inline
    scratch_mb: int  # size of the only writable folder
    without: list[str]  # layers to leave off, for a machine where one of them makes trouble


@dataclass
class LocalExecutorSettings:
    name: str
    workers: int | None  # trials at once; None: one per core
    wall_s: float  # per trial
    memory_gb: float  # per trial
    retries: int  # of a trial that our own machinery failed
    grace_s: float  # on SIGTERM or Ctrl-C: how long trials in flight may still take


@dataclass
class SlurmExecutorSettings:
    """Trials as SLURM job arrays. What is None is left to the site."""

    name: str
    workers: int  # trials in flight at most, waiting in SLURM's queue or running
    trials_per_job: int  # one after the other: a job takes some 10 s to start
    wall_s: float  # per trial
    memory_gb: float  # per trial
    overhead_gb: float  # of a job beside its trial: the warm process and the dataset
    retries: int  # of a trial whose job was lost or that our own machinery failed
    grace_s: float
    cpus: int  # per job
    partition: str | None
    account: str | None
    qos: str | None
    constraint: str | None
    gres: str | None  # gpu:1
    setup: list[str]  # shell lines before each job: module load ..., export NNLOOP_CACHE=...
    additional: dict[str, Any]  # further parameters of sbatch, by their long names
    poll_s: float  # between looks at the queue and the results


@dataclass
class WandbSettings:
    name: str
    project: str
    entity: str | None
    mode: str  # auto (online with a key and an answering server, else offline), offline, online
    timeout_s: float  # of the preflight


@dataclass
class NoTrackerSettings:
    name: str


@dataclass
class SearchJobSettings:
    name: str


@dataclass
class EvaluateJobSettings:
    name: str


@dataclass
class ExportJobSettings:
    """Admitted networks of finished searches as LEMUR has them."""

    name: str


@dataclass
class AdoptJobSettings:
    """Networks and adapters made elsewhere, for a search to start from."""

    name: str


@dataclass
class MemoryJobSettings:
    name: str


@dataclass
class ReportJobSettings:
    name: str
    last_cycles: int | None  # that the final comparison of arms takes; None: the last quarter of the shortest run
    baseline: str | None  # arms to compare all others with, such as finetune=off; None: arms that differ in one setting


@dataclass
class DashboardJobSettings:
    name: str


@dataclass
class PrepareJobSettings:
    name: str


@dataclass
class ValidateJobSettings:
    """Long trials of some of the networks that `runs` found (paper B, 50-epoch study)."""

    name: str
    networks: int
    checkpoint_epochs: int  # epochs after which a long trial leaves a checkpoint to go on from
    rule: str  # stratified over the range of proxy accuracies, or top (paper B): a top-k sample can't show ranking


@dataclass
class PretrainSettings:
    """The recipe. The learning rates are warmed up, held, and let down linearly at the end."""

    name: str
    seed: int
    steps: int
    warmup_steps: int
    decay_share: float  # of all steps
    batch_tokens: int  # a step, padding counted in
    row_tokens: int  # longer rows lose their last answers
    delta_answers: int  # a row
    full_answers: int
    full_share: float  # of rows
    prompt_weight: float  # of a prompt's token in the loss; an answer's has 1
    matrix_lr: float  # Muon: the matrices of the layers
    other_lr: float  # AdamW: embeddings, norms and biases
    weight_decay: float  # of the matrices
    vocab_size: int
    tokenizer_documents: int
    layers: int
    hidden_size: int
    feed_forward: int
    heads: int
    kv_heads: int
    device: str  # auto, cpu, cuda
    threads: int
    workers: int  # processes that write rows
    compile: bool
    checkpoint_minutes: float
    evaluate_every: int  # steps
    evaluate_networks: int  # held out


@dataclass
class AdmissionSettings:
    min_accuracy: float  # validation accuracy a network needs to be admitted
    pool: str  # which networks become baselines and training targets: better (than their parent) or admitted


@dataclass
class BudgetSettings:
    """The cycle in which one of them is used up is the run's last; raised, the run goes on."""

    tokens: int | None  # prompts and completions; None is no limit
    hours: float | None  # wall time of the closed cycles


@dataclass
class SearchSettings:
    staleness: int | None  # results that a prompt may be behind, at most; None: a whole cycle


@dataclass
class Settings:
    """The whole config, typed."""

    job: Any
    llm: Any
    dataset: DatasetSettings
    mode: Any
    parents: Any
    context: Any
    proxy: ProxySettings | LemurProxySettings
    finetune: Any
    novelty: Any
    corpus: Any
    sandbox: SandboxSettings
    executor: Any
    tracker: Any
    admission: AdmissionSettings
    budget: BudgetSettings
    search: SearchSettings
    name: str  # folder under outputs/
    seed: int
    cycles: int
    candidates: int  # completions per cycle
    repair: int  # times that a failed completion goes back to the LLM with the reason; see modes.context
    candidate: str | None  # job=evaluate: a file or a glob
    runs: str | None  # job=report, job=validate and job=export: a run folder or a folder of runs
    to: str | None  # job=export: the folder to write to
    folder: str | None  # job=adopt: where networks and adapters are looked for
    summaries: str | None  # folder in which a finished run leaves its summary as <run>.json, for a repository to keep
    resume: str  # continue, fork (from the folder that the command names without this), or a run folder to start from
    dry_run: bool
