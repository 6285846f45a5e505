"""Trials on this machine: a warm process (the zygote) forks a child for every trial, several at once."""

import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields, replace
from functools import partial
from hashlib import sha256
from typing import Self

import numpy as np

from nnloop.data import Dataset
from nnloop.data.prepared import cache_home
from nnloop.errors import InfrastructureError, SettingsError, UserError
from nnloop.executor import nvml
from nnloop.executor.allotment import cores, shortfalls
from nnloop.executor.devices import MOST, Devices, Gpu
from nnloop.executor.own_recipe import own_protocol
from nnloop.executor.segments import Segments
from nnloop.records import COMPLETED, Status, Trial, TrialResult
from nnloop.sandbox.client import Outcome, Zygote
from nnloop.sandbox.config import SandboxConfig
from nnloop.sandbox.cost import COSTLY
from nnloop.sandbox.layers import Layers
from nnloop.sandbox.score import SegmentEnd, judge_training, score
from nnloop.sandbox.wire import TrialRequest
from nnloop.settings import (
    DatasetSettings,
    HubDatasetSettings,
    LemurProxySettings,
    LocalExecutorSettings,
    ProxySettings,
    SandboxSettings,
    known,
)
from nnloop.training.recipe import Recipe, build_recipe, probe_rows

LEAST_EVALUATION = 0.1  # of a trial's time, for its evaluation where the training has used up the rest

log = logging.getLogger(__name__)


class LocalExecutor:
    """An executor that runs trials in a sandbox; thread-safe. It is made at once, and imports torch meanwhile."""

    workers: int
    shortfalls: list[str]  # of this machine, in words
    _devices: Devices
    _pool: ThreadPoolExecutor

    def __init__(
        self,
        dataset: Dataset,
        *,
        dataset_settings: DatasetSettings,
        proxy: ProxySettings | LemurProxySettings,
        sandbox: SandboxSettings,
        settings: LocalExecutorSettings,
        max_params: int | None = None,
        gpus: Sequence[Gpu] | None = None,
        beside: "LocalExecutor | None" = None,
    ) -> None:
        """Start the warm process. Raises UserError if this machine can't provide sandbox=strict.

        Candidates with more than `max_params` parameters are rejected untrained; None: no limit. `gpus` None: the GPUs
        of this machine. `beside`: an executor, of another dataset, whose workers and devices this one shares.
        """
        self._dataset = dataset = unordered(dataset)
        self._dataset_settings, self._proxy = dataset_settings, proxy
        self._metric = dataset_settings.metric
        self._retries = settings.retries
        self._max_params = max_params
        self._inline = sandbox.name == "inline"
        self._share(settings, beside, gpus)
        config = SandboxConfig(
            hidden=_hidden_folders(dataset_settings),
            without=_checked_layers(sandbox.without),
            scratch_mb=sandbox.scratch_mb,
            logit_bytes=4 * len(dataset.eval_x) * known(dataset_settings.classes),
            inline=self._inline,
        )
        probe_x = dataset.train_x[probe_rows(len(dataset.train_x))]
        self._start_zygote = partial(Zygote, config, (dataset.train_x, dataset.train_y, dataset.eval_x, probe_x))
        self._lock = threading.Lock()
        self._closed = False
        self._zygote = self._start_zygote()
        self.layers = "inline" if self._inline else str(self._zygote.layers)
        if beside is None:
            self._report_layers(sandbox.name)

    def _share(
        self, settings: LocalExecutorSettings, beside: "LocalExecutor | None", gpus: Sequence[Gpu] | None
    ) -> None:
        """Take the workers and devices of the executor beside, or make them, and tell what this machine lacks."""
        if beside is not None:
            self._devices, self._pool, self.workers = beside._devices, beside._pool, beside.workers
            self.shortfalls = beside.shortfalls
            return
        gpus = _find_gpus() if gpus is None else gpus
        self._devices = Devices(gpus)
        self.workers = 1 if self._inline else settings.workers or _default_workers(len(gpus))
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="trial")
        self.shortfalls = shortfalls(workers=self.workers, memory_gb=settings.memory_gb, gpus=len(gpus))
        for sentence in self.shortfalls:
            log.warning("%s", sentence)

    def submit(self, trial: Trial) -> Future[TrialResult]:
        """Queue a trial. The future never raises: a failure is in the result's status and reason."""
        return self._pool.submit(self._judge, trial)

    def close(self) -> None:
        """Drop the queued trials and end the running ones."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._zygote.close()
        self._pool.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _report_layers(self, sandbox: str) -> None:
        """Log the layers in force. Raises UserError if sandbox=strict lacks one that it needs."""
        leaks = self._zygote.layers.leaks()
        if sandbox == "strict" and leaks:
            self.close()
            raise UserError(
                f"sandbox=strict: on this machine a candidate could reach {' and '.join(leaks)} "
                f"(layers there are: {self.layers}); allow user namespaces, or use sandbox=auto"
            )
        missing = self._zygote.layers.missing()
        if self._inline:
            log.warning("sandbox=inline: candidates run with your rights and no limits, one at a time")
        elif sandbox == "auto" and missing:
            log.warning("sandbox: this machine lacks %s; in force: %s", ", ".join(missing), self.layers)
        else:
            log.info("sandbox: in force: %s", self.layers)

    def _judge(self, trial: Trial) -> TrialResult:
        """Run a trial, and again, up to executor.retries times, if nnloop or the machine failed."""
        reason = "the executor was closed"
        for _ in range(self._retries + 1):
            if self._closed:
                break
            try:
                return replace(self._attempt(trial), sandbox=self.layers)
            except (InfrastructureError, OSError) as error:
                reason = str(error)
                log.debug("trial of %s: %s", trial.candidate.id, reason)
        return TrialResult(Status.INFRASTRUCTURE, reason[:300], sandbox=self.layers)

    def _attempt(self, trial: Trial) -> TrialResult:
        """Run a trial, segment by segment if it saves checkpoints."""
        segments = Segments(trial)
        while True:
            request = TrialRequest(
                code=trial.candidate.code,
                seed=trial.seed,
                recipe=self._recipe(trial),
                limits=replace(trial.limits, wall_s=segments.wall_s_left),
                max_params=self._max_params,
                until=segments.until,
                state=segments.state,
                secret=self._secret(trial),
            )
            end = self._run(request)
            if isinstance(end, TrialResult):
                segments.clear()
                return segments.join(end)
            segments.save(end)

    def _recipe(self, trial: Trial) -> Recipe:
        proxy = own_protocol(self._proxy, trial.candidate)
        return build_recipe(self._dataset_settings, proxy, epochs=trial.epochs, images=len(self._dataset.train_y))

    def _secret(self, trial: Trial) -> int:
        """Return a number that depends on the trial and on labels that no candidate has."""
        labels = self._dataset.val_y.tobytes() + self._dataset.test_y.tobytes()
        return int.from_bytes(sha256(labels + f"{trial.seed} {trial.candidate.code}".encode()).digest()[:8])

    def _run(self, request: TrialRequest, alone: bool = False) -> TrialResult | SegmentEnd:
        """Run one segment of a trial; if memory runs out beside other trials, once more with its device to itself."""
        with self._devices.acquire(alone) as allocation:
            try:
                request = replace(request, device=allocation.uuid, device_share=allocation.share)
                end = self._train_and_score(request)
                if isinstance(end, TrialResult) and end.reason.startswith(COSTLY):
                    end = self._train_and_score(request)  # the machine may have been busy otherwise
            except InfrastructureError:  # its share may have been too small for the images
                if allocation.alone:
                    raise
                end = None
        if end is None:
            return self._run(request, alone=True)
        if isinstance(end, SegmentEnd):
            return end
        if end.status is Status.OUT_OF_MEMORY and not allocation.alone:
            log.debug("a trial ran out of memory beside others: again, with the device to itself")
            return self._run(request, alone=True)
        if end.status in COMPLETED:
            self._devices.record_peak(allocation, end.peak_bytes)
        return end

    def _train_and_score(self, request: TrialRequest) -> TrialResult | SegmentEnd:
        """Train in one process, and evaluate the weights in another, in the time that is left."""
        trained = judge_training(self._converse(request), request)
        if isinstance(trained, TrialResult):
            return trained
        limits, wall_s = request.limits, request.limits.wall_s
        evaluation = replace(
            request,
            until=None,
            state=None,
            weights_bytes=len(trained.weights),
            looks_at=trained.weights_bytes,
            limits=replace(limits, wall_s=max(wall_s - trained.charged_s, wall_s * LEAST_EVALUATION)),
        )
        return score(
            trained, self._converse(evaluation, trained.weights), evaluation, dataset=self._dataset, metric=self._metric
        )

    def _converse(self, request: TrialRequest, weights: bytes = b"") -> Outcome:
        zygote = self._living_zygote()
        outcome = zygote.run(request, weights)
        if self._inline:
            zygote.close()  # an inline process serves one request
        return outcome

    def _living_zygote(self) -> Zygote:
        """Return the warm process; start a new one if it has died. Raises InfrastructureError."""
        with self._lock:
            if self._closed:
                raise InfrastructureError("the executor was closed")
            if not self._zygote.alive():
                self._zygote.close()
                before, self._zygote = self._zygote.layers, self._start_zygote()
                if self._zygote.layers != before:
                    self._zygote.close()
                    raise InfrastructureError(f"the sandbox was {before}, a new warm process has {self._zygote.layers}")
            return self._zygote


def unordered(dataset: Dataset) -> Dataset:
    """Shuffle the validation images and the test images, each in an order that only the labels determine.

    Published sets have orders that give labels away (digits 0 to 9 again and again, one class after the other): a
    candidate could answer by an image's position. The same labels give the same order, so results can be repeated.
    """
    digest = sha256(dataset.val_y.tobytes() + dataset.test_y.tobytes()).digest()
    generator = np.random.default_rng(int.from_bytes(digest))
    val, test = generator.permutation(len(dataset.val_y)), generator.permutation(len(dataset.test_y))
    eval_x = dataset.eval_x[np.concatenate([val, len(val) + test])]
    return replace(dataset, eval_x=eval_x, val_y=dataset.val_y[val], test_y=dataset.test_y[test])


def _checked_layers(names: list[str]) -> list[str]:
    known = [field.name for field in fields(Layers)]
    for name in names:
        if name not in known:
            raise SettingsError(f"sandbox.without={name}: must be of {', '.join(known)}")
    return names


def _find_gpus() -> Sequence[Gpu]:
    """Return this machine's GPUs that CUDA_VISIBLE_DEVICES lets us use; none if the driver doesn't answer."""
    try:
        return nvml.find(os.environ.get("CUDA_VISIBLE_DEVICES"))
    except OSError as error:
        log.warning("%s: trials are not allocated to GPUs, one runs on each core", error)
        return ()


def _default_workers(gpus: int) -> int:
    """Return one worker per core (a trial on a GPU keeps a core busy too), but no more than the GPUs take."""
    return min(cores(), MOST * gpus) if gpus else cores()


def _hidden_folders(settings: DatasetSettings) -> list[str]:
    """Return the folders and files that hold copies of the dataset, labels included."""
    given = [settings.root, settings.path if isinstance(settings, HubDatasetSettings) else None]
    raw = [os.path.abspath(os.path.expanduser(path)) for path in given if path]
    return [str(cache_home().absolute()), *raw]
