"""Settings of datasets, training protocols, the sandbox and the executors."""

from dataclasses import dataclass
from typing import Any, TypeVar

from nnloop.settings.setting import DATA, PLACE, PROTOCOL, RESULT, setting

LAYERS = ("user", "pid", "net", "ipc", "uts", "root", "no_new_privs", "seccomp", "landlock", "rlimits", "cgroup")
"""The sandbox's layers (sandbox.layers)."""


Value = TypeVar("Value")


@dataclass
class DatasetSettings:
    """One of the datasets that `data.sources` can read. `data.complete` replaces every None up to `crop_pad`."""

    name: str = setting(DATA, words=["cifar10", "cifar100", "mnist", "celeba", "digits"])
    title: str | None = setting(RESULT)  # as the prompt and the report name it; None: the name of its folder or file
    description: str | None = setting(RESULT)  # one clause for the prompt about the pictures; None: their classes
    classes: int | None = setting(DATA, 2, 1e6)  # None: as many as the labels name
    channels: int | None = setting(DATA, 1, 1024)  # None: 1 if all images are grey, else 3
    size: int | None = setting(DATA, 1, 4096, unit="pixels")  # square; None: the median shorter side, at most 64
    mean: list[float] | None = setting(PROTOCOL)  # per channel, of pixels in [0, 1]; None: measured when prepared
    std: list[float] | None = setting(PROTOCOL)
    flip: bool = setting(PROTOCOL)  # random horizontal flips in training
    crop_pad: int | None = setting(
        PROTOCOL, 0, 64, unit="pixels"
    )  # of padding before a random crop in training; 0: no crop; None: an eighth of the size
    min_accuracy: float | None = setting(RESULT, 0, 1)  # default of admission.min_accuracy
    metric: str = setting(PROTOCOL, words=["accuracy", "balanced_accuracy"], former="accuracy")
    fit: str = setting(DATA, words=["crop", "pad"], former="crop")  # of images that are not square
    root: str | None = setting(PLACE)  # folder of the raw files, as torchvision's class has it; None: $NNLOOP_CACHE/raw
    mirror: str | None = setting(PLACE)  # address of a folder with the archives; None: the official servers
    verify: bool = setting(DATA)  # compare checksums and sizes with the published ones
    val_fraction: float | None = setting(DATA, 0.01, 0.5)  # cut off the training set; None: there is an official set
    split_seed: int = setting(DATA, 0, 2**31 - 1)
    train_limit: int | None = setting(DATA, 20, 1e12, unit="images")  # training and validation, stratified; None: all
    test_limit: int | None = setting(DATA, 1, 1e12, unit="images")


def known(value: Value | None) -> Value:
    """Return a dataset's setting. Raises ValueError for None, which `data.complete` replaces before a job begins."""
    if value is None:
        raise ValueError("a setting of the dataset is not known yet: data.complete has not looked at its images")
    return value


@dataclass
class FolderDatasetSettings(DatasetSettings):
    """Own images: a folder for each class, in train/ and test/, in train/, val/ and test/, or in one tree."""

    name: str = setting(DATA, words=["folder"])
    test_fraction: float = setting(DATA, 0.01, 0.5)  # cut off if there is no test set


@dataclass
class NpzDatasetSettings(FolderDatasetSettings):
    """Own arrays: train_x and train_y, and if there are such val_x and val_y, test_x and test_y."""

    name: str = setting(DATA, words=["npz"])
    layout: str = setting(DATA, words=["auto", "NHWC", "NCHW"])  # axes of arrays of four; auto: by their lengths


@dataclass
class HubDatasetSettings(FolderDatasetSettings):
    """A dataset of the Hugging Face hub, or a local folder in one of its forms, read by the package datasets."""

    name: str = setting(DATA, words=["hf"])
    path: str = setting(DATA)  # hub id or local folder
    subset: str | None = setting(DATA)  # one of its configurations; None: the only one
    revision: str | None = setting(DATA)  # branch, tag or commit on the hub; None: the newest
    image: str | None = setting(DATA)  # column; None: the only one with images
    label: str | None = setting(DATA)  # column; None: the only one with classes


@dataclass
class SvhnSettings(DatasetSettings):
    """SVHN, which has a second training set."""

    name: str = setting(DATA, words=["svhn"])
    extra: bool = setting(DATA)  # train on the 531,131 easier images of `extra` too


@dataclass
class ImagenetteSettings(DatasetSettings):
    """Imagenette, which is published in several sizes."""

    name: str = setting(DATA, words=["imagenette"])
    archive: str = setting(DATA, words=["full", "320px", "160px"])  # its shorter side


@dataclass
class PoolSettings:
    """Several datasets in one search, between which its prompts take turns (paper B)."""

    name: str = setting(DATA, words=["pool"])
    title: str | None = setting(RESULT)  # as the report names it; None: the datasets' titles
    sets: list[str] = setting(DATA)  # names of the datasets, of those in `of`
    min_accuracy: float | None = setting(RESULT, 0, 1)  # default of admission.min_accuracy; None: each dataset's own
    of: dict[str, Any] = setting(DATA)  # settings of each dataset, by its name


@dataclass
class ProxySettings:
    """The one-epoch recipe. `lr` is the peak of the one-cycle schedule and reaches the candidate as prm["lr"]."""

    name: str = setting(PROTOCOL, words=["fast", "long"])
    epochs: int = setting(PROTOCOL, 1, 10_000)
    batch_size: int = setting(PROTOCOL, 2, 65_536, unit="images")
    lr: float = setting(PROTOCOL, 1e-8, 100)
    momentum: float = setting(PROTOCOL, 0, 0.9999)
    weight_decay: float = setting(PROTOCOL, 0, 10)
    label_smoothing: float = setting(PROTOCOL, 0, 0.99)
    min_steps: int = setting(PROTOCOL, 1, 100_000)  # of an epoch: a small training set gets a smaller batch_size
    warmup_share: float = setting(PROTOCOL, 0.01, 0.99)  # of the steps, in which the learning rate rises
    clip_norm: float = setting(PROTOCOL, 0, 1e12)  # of the gradient; 0: no clipping
    dropout: float = setting(PROTOCOL, 0, 0.99)  # reaches the candidate as prm["dropout"]
    chance_share: float = setting(PROTOCOL, 0, 1)  # of steps, past which a loss above guessing's ends the trial
    precision: str = setting(PROTOCOL, words=["auto", "float32"])  # auto: bfloat16 where that is faster


@dataclass
class LemurProxySettings:
    """LEMUR's protocol, by which the papers count: its transform, prm, and the network's own train_setup and learn.

    A network without those two trains by the ones that most of LEMUR's write: SGD, cross-entropy, clipped gradients.
    """

    name: str = setting(PROTOCOL, words=["lemur"])
    epochs: int = setting(PROTOCOL, 1, 10_000)
    transform: str = setting(PROTOCOL)  # echo or norm, _<pixels> to resize, _flip to flip in training: norm_256_flip
    batch_size: int = setting(PROTOCOL, 2, 65_536, unit="images")
    lr: float = setting(PROTOCOL, 1e-8, 100)
    momentum: float = setting(PROTOCOL, 0, 0.9999)
    dropout: float = setting(PROTOCOL, 0, 0.99)
    own_recipe: bool = setting(PROTOCOL)  # a LEMUR network, and its children, train by its own prm and transform
    prm: dict[str, float] = setting(PROTOCOL)  # more of prm, for networks whose supported_hyperparameters() name more
    clip_norm: float = setting(PROTOCOL, 0, 1e12)  # of the gradient, for networks without a learn; 0: no clipping
    chance_share: float = setting(PROTOCOL, 0, 1)  # as above, for networks without a learn


@dataclass
class SandboxSettings:
    """The sandbox around a candidate. Every part of it can decide whether a candidate fails."""

    name: str = setting(RESULT, words=["auto", "strict", "inline"])
    scratch_mb: int = setting(RESULT, 1, 1_000_000)  # size of the only writable folder
    without: list[str] = setting(RESULT, words=LAYERS)  # layers to leave off, where one of them makes trouble


@dataclass
class LocalExecutorSettings:
    """Trials on this machine."""

    name: str = setting(PLACE, words=["local"])
    workers: int | None = setting(PLACE, 1, 4096)  # trials at once; None: one per core
    wall_s: float = setting(RESULT, 0.5, 1e12)  # per trial: of processor time on each core, or a quarter of the clock's
    memory_gb: float = setting(RESULT, 0.5, 1e5)  # per trial
    retries: int = setting(PLACE, 0, 100)  # of a trial that our own machinery failed: no candidate's result
    grace_s: float = setting(PLACE, 0, 1e6)  # on SIGTERM or Ctrl-C, for the trials in flight


@dataclass
class SlurmExecutorSettings:
    """Trials as SLURM job arrays, in the words of hydra/launcher=slurm. None leaves a value to the site."""

    name: str = setting(PLACE, words=["slurm"])
    workers: int = setting(PLACE, 1, 4096)  # trials in flight at most, waiting in SLURM's queue or running
    trials_per_job: int = setting(PLACE, 1, 1000)  # one after the other: a job takes some 10 s to start
    wall_s: float = setting(RESULT, 0.5, 1e12)  # per trial: of processor time on each core, or a quarter of the clock's
    memory_gb: float = setting(RESULT, 0.5, 1e5)  # per trial
    mem_gb: float | None = setting(PLACE, 0.5, 1e5)  # per job, warm process and dataset included; None: memory_gb + 2
    retries: int = setting(PLACE, 0, 100)  # of a trial whose job was lost or that our own machinery failed
    grace_s: float = setting(PLACE, 0, 1e6)
    cpus_per_task: int = setting(PLACE, 1, 4096)  # per job
    partition: str | None = setting(PLACE)
    account: str | None = setting(PLACE)
    qos: str | None = setting(PLACE)
    constraint: str | None = setting(PLACE)
    gres: str | None = setting(PLACE)  # gpu:1
    setup: list[str] = setting(PLACE)  # shell lines before each job: module load ..., export NNLOOP_CACHE=...
    additional_parameters: dict[str, Any] = setting(PLACE)  # further parameters of sbatch, by their long names
    poll_s: float = setting(PLACE, 0.1, 3600)  # between looks at the queue and the results


ExecutorSettings = LocalExecutorSettings | SlurmExecutorSettings
