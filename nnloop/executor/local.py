"""Trials on this machine: a warm process that is forked for every trial, several at once."""

import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields, replace
from functools import partial
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from nnloop.data import Dataset
from nnloop.data.prepared import cache_home
from nnloop.errors import InfrastructureError, SettingsError, UserError
from nnloop.executor import nvml
from nnloop.executor.devices import MOST, Devices, Gpu, Place
from nnloop.executor.segments import Legs
from nnloop.records import COMPLETED, Status, Trial, TrialResult
from nnloop.sandbox.client import Shared, Zygote
from nnloop.sandbox.layers import Layers
from nnloop.sandbox.score import Halt, halt, score
from nnloop.sandbox.wire import Order
from nnloop.training.recipe import build_recipe

if TYPE_CHECKING:
    from nnloop.settings import (
        DatasetSettings,
        LemurProxySettings,
        LocalExecutorSettings,
        ProxySettings,
        SandboxSettings,
    )

log = logging.getLogger(__name__)


class LocalExecutor:
    """Judges trials in a sandbox. Thread-safe. Building it takes a fraction of a second: torch is imported meanwhile.

    `max_params`: candidates with more parameters are rejected untrained; None is no limit. `gpus`: None looks for those
    of this machine. Raises UserError where sandbox=strict can't be had on this machine.
    """

    def __init__(
        self,
        dataset: Dataset,
        dataset_settings: "DatasetSettings",
        proxy: "ProxySettings | LemurProxySettings",
        sandbox: "SandboxSettings",
        settings: "LocalExecutorSettings",
        max_params: int | None = None,
        gpus: Sequence[Gpu] | None = None,
    ) -> None:
        self._dataset = dataset = unordered(dataset)
        self._recipe = partial(build_recipe, dataset_settings, proxy, images=len(dataset.train_y))
        self._retries = settings.retries
        self._max_params = max_params
        self._inline = sandbox.name == "inline"
        found = _gpus() if gpus is None else gpus
        self._devices = Devices(found)
        self.workers = 1 if self._inline else settings.workers or _default_workers(len(found))
        self._shared = Shared(
            dataset.train_x,
            dataset.train_y,
            dataset.eval_x,
            dataset_settings.classes,
            _hidden(dataset_settings),
            _checked_layers(sandbox.without),
            sandbox.scratch_mb,
            self._inline,
        )
        self._lock = threading.Lock()
        self._closed = False
        self._zygote = Zygote(self._shared)
        self.layers = "inline" if self._inline else str(self._zygote.layers)
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="trial")
        self._say_what_is_missing(sandbox.name)

    def submit(self, trial: Trial) -> Future[TrialResult]:
        """Queue a trial. The future never raises: what goes wrong is in the result's status and reason."""
        return self._pool.submit(self._judge, trial)

    def close(self) -> None:
        """Drop what is queued and end what is running."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._zygote.close()
        self._pool.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _say_what_is_missing(self, sandbox: str) -> None:
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
        """Run a trial, again where our own machinery failed under it."""
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
        """Run a trial, leg by leg where it is to leave checkpoints."""
        legs = Legs(trial)
        while True:
            order = Order(
                trial.candidate.code,
                trial.seed,
                self._recipe(epochs=trial.epochs),
                self._max_params,
                legs.wall_s_left,
                trial.limits.memory_bytes,
                trial.limits.output_bytes,
                until=legs.until,
                state=legs.state,
            )
            result, halted, place = self._run(order)
            if result.status is Status.OUT_OF_MEMORY and not place.alone:
                log.debug("trial of %s: again, with the device to itself", trial.candidate.id)
                result, halted, _ = self._run(order, alone=True)
            if halted is None:
                legs.clear()
                return legs.whole(result)
            legs.keep(halted.state, result.seconds, halted.val_accuracy)

    def _run(self, order: Order, alone: bool = False) -> tuple[TrialResult, Halt | None, Place]:
        """Give the result, or where a leg ended before the training did, what it left."""
        with self._devices.place(alone) as place:
            order = replace(order, device=place.uuid, device_share=place.share)
            zygote = self._living()
            outcome = zygote.run(order)
            if self._inline:
                zygote.close()  # it was for one trial
            result = score(outcome, order, self._dataset)
            halted = halt(outcome, order, self._dataset)
        if result.status in COMPLETED:
            self._devices.note(place, result.peak_bytes)
        return result, halted, place

    def _living(self) -> Zygote:
        """Return the warm process, a new one where the last is gone."""
        with self._lock:
            if self._closed:
                raise InfrastructureError("the executor was closed")
            if not self._zygote.alive():
                self._zygote.close()
                found, self._zygote = self._zygote.layers, Zygote(self._shared)
                if self._zygote.layers != found:
                    self._zygote.close()
                    raise InfrastructureError(f"the sandbox was {found}, a new warm process has {self._zygote.layers}")
            return self._zygote


def unordered(dataset: Dataset) -> Dataset:
    """Put the evaluation images, validation and test apart, in an order that only their labels tell.

    Published sets lie in telling orders (digits 0 to 9 again and again, folder after folder of one class): a candidate
    could answer by the place of an image. The same labels give the same order, so results can be repeated.
    """
    digest = sha256(dataset.val_y.tobytes() + dataset.test_y.tobytes()).digest()
    generator = np.random.default_rng(int.from_bytes(digest))
    val, test = generator.permutation(len(dataset.val_y)), generator.permutation(len(dataset.test_y))
    eval_x = dataset.eval_x[np.concatenate([val, len(val) + test])]
    return replace(dataset, eval_x=eval_x, val_y=dataset.val_y[val], test_y=dataset.test_y[test])


def _checked_layers(names: list[str]) -> tuple[str, ...]:
    known = [field.name for field in fields(Layers)]
    for name in names:
        if name not in known:
            raise SettingsError(f"sandbox.without={name}: must be of {', '.join(known)}")
    return tuple(names)


def _gpus() -> Sequence[Gpu]:
    """Those of this machine that the environment leaves; none where its driver doesn't answer."""
    try:
        return nvml.find(os.environ.get("CUDA_VISIBLE_DEVICES"))
    except OSError as error:
        log.warning("%s: trials do without GPUs' places, one for each core", error)
        return ()


def _default_workers(gpus: int) -> int:
    """One per core that this process may use (a trial on a GPU keeps one busy too), and no more than the GPUs take."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST * gpus) if gpus else cores


def _hidden(settings: "DatasetSettings") -> tuple[str, ...]:
    """Where copies of the dataset lie, labels included."""
    root = [os.path.abspath(os.path.expanduser(settings.root))] if settings.root else []
    return (str(cache_home().absolute()), *root)
