"""The Lightning module: one network under the one-cycle recipe."""

from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

from nnloop.records import Status
from nnloop.training.recipe import Recipe, one_cycle
from nnloop.training.unfit import UnfitError

CHECK_EVERY = 25  # steps between looks at the loss on an accelerator, where a look waits for the device


class Classifier(LightningModule):
    """Trains `net`; ends the trial as diverged when the loss is no longer finite."""

    def __init__(self, net: nn.Module, recipe: Recipe, total_steps: int) -> None:
        super().__init__()
        self.net = net
        self.recipe = recipe
        self.total_steps = total_steps
        self.loss_sum = torch.zeros(())

    def on_train_start(self) -> None:
        self.loss_sum = torch.zeros((), device=self.device)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        loss = nn.functional.cross_entropy(self.net(x).float(), y, label_smoothing=self.recipe.label_smoothing)
        self.loss_sum += loss.detach()
        if self.device.type == "cpu" or batch_idx % CHECK_EVERY == 0:
            self._check(batch_idx)
        return loss

    def on_train_epoch_end(self) -> None:
        self._check(self.total_steps - 1)

    def _check(self, step: int) -> None:
        if not torch.isfinite(self.loss_sum):
            raise UnfitError(Status.DIVERGED, f"the loss is not finite at step {step + 1} of {self.total_steps}")

    def configure_optimizers(self) -> Any:
        recipe = self.recipe
        optimizer = SGD(
            [parameter for parameter in self.net.parameters() if parameter.requires_grad],
            lr=recipe.lr,
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
            weight_decay=recipe.weight_decay,
        )
        schedule = LambdaLR(optimizer, lambda step: one_cycle(step, self.total_steps, recipe.warmup_share))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
