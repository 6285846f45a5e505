"""Settings of datasets, training protocols, the sandbox and the executors."""

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
    precision: str  # auto (bfloat16 on GPUs, and on CPUs with AMX where the network is large enough), float32


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
