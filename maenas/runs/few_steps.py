"""A warning about trainings that are too short to teach much."""

from __future__ import annotations

# Below it, detectors from random weights find little: Ns at 160 pixels reaches AP 0.25 on drawn
# shapes after 200 steps and 0.91 after 1,000 (`make demo`).
FEW_STEPS = 500


def few_steps_warning(steps: int, epochs: int) -> str | None:
    """The warning about a training from random weights, with the remedy; None for enough steps.

    Args:
        steps: steps of the whole training.
        epochs: epochs of the whole training.
    """
    if steps >= FEW_STEPS:
        return None
    few = f"{steps:,} steps" if steps != 1 else "1 step"
    teach = "teach" if steps != 1 else "teaches"
    enough = -(-FEW_STEPS * epochs // max(steps, 1))
    return (
        f"{few} from random weights {teach} little, so detections will be poor: "
        f"--epochs {enough:,} makes {FEW_STEPS} steps, --init RUN begins with trained weights"
    )
