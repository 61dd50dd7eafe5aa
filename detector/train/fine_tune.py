"""Fine-tuning: parts of a trained detector that learn slowly, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from torch import Tensor, nn

from maenas.blocks import Backbone, SpecError
from maenas.detector.model.layers.network import DetectorNetwork

# Factor of the learning rate of a classifier whose classes are all new to a trained detector. Its
# weights must grow to several times their initial size before it tells objects from background,
# and AdamW moves a weight by about the learning rate in a step. `bench_inherit` shows the effect.
NEW_CLASSES = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuneOptions:
    """How much a training changes the detector that it starts from.

    Attributes:
        freeze: number of first stages of the backbone that are not trained; their BatchNorm keeps
            its running statistics, too.
        lr_decay: ratio of the learning rates of two parts in sequence. The head has the learning
            rate of the schedule, the neck `lr_decay` times as much, the last stage of the backbone
            the square of it, and so on.
        classifier_lr: factor of the learning rate of the classifier's last layer. None means 1, but
            `NEW_CLASSES` at the start of a training by AdamW where the other layers are trained and
            none of the classes is known.

    Source: discriminative fine-tuning of ULMFiT (https://arxiv.org/abs/1801.06146), section 3.2.
    """

    freeze: int = 0
    lr_decay: float = 1.0
    classifier_lr: float | None = None

    def __post_init__(self) -> None:
        if self.freeze < 0:
            raise SpecError(f"fine_tune: freeze must be 0 or more stages, got {self.freeze}.")
        if not 0 < self.lr_decay <= 1:
            raise SpecError(f"fine_tune: lr_decay must be above 0, at most 1, got {self.lr_decay}.")
        if self.classifier_lr is not None and not 0 < self.classifier_lr < inf:
            raise SpecError(
                f"fine_tune: classifier_lr must be above 0, or null, got {self.classifier_lr}."
            )

    def require_stages(self, backbone: Backbone) -> None:
        """Raise `SpecError` unless the backbone has the stages to freeze."""
        count = len(backbone.stages)
        if self.freeze > count:
            raise SpecError(
                f"fine_tune: freeze must be at most {count}, the number of stages of the backbone, "
                f"got {self.freeze}."
            )

    def frozen(self, network: DetectorNetwork) -> list[nn.Module]:
        """The stages of a detector that are not trained."""
        return stages_of(network)[: self.freeze]

    def freeze_stages(self, network: DetectorNetwork) -> None:
        """Take the frozen stages out of the training."""
        for stage in self.frozen(network):
            stage.requires_grad_(False)

    def set_training(self, network: DetectorNetwork) -> None:
        """Set the modules of a detector to training mode, and frozen stages to evaluation mode."""
        network.train()
        for stage in self.frozen(network):
            stage.eval()

    def lr_factors(self, network: DetectorNetwork) -> dict[Tensor, float]:
        """The factor of the learning rate of each parameter."""
        parts = [*stages_of(network), network.neck, network.head]
        factors: dict[Tensor, float] = {
            parameter: self.lr_decay ** (len(parts) - 1 - index)
            for index, part in enumerate(parts)
            for parameter in part.parameters()
        }
        if self.classifier_lr is not None:
            last = (parameter for pair in network.head.classifier() for parameter in pair)
            factors |= dict.fromkeys(last, self.classifier_lr)
        return factors


def stages_of(network: DetectorNetwork) -> list[nn.Module]:
    """The stages of the backbone, in order of execution."""
    stages = network.backbone.stages
    assert isinstance(stages, nn.ModuleList)
    return list(stages)
