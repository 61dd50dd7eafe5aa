"""The training loop of a detector."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from math import isfinite

import torch
from torch import nn
from torch.nn.utils import clip_grads_with_norm_

from maenas.detector.data import Batch
from maenas.detector.data.loader_workers import LoaderError
from maenas.detector.distill import Teaching
from maenas.detector.errors import TrainError
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train.cpu_memory import keep_freed_memory
from maenas.detector.train.ema import Ema
from maenas.detector.train.learner import Learner
from maenas.detector.train.optimizer import set_lr
from maenas.detector.train.precision import precision_of
from maenas.detector.train.state import (
    BEST,
    LAST,
    Row,
    Saved,
    TrainingProgress,
    TrainingState,
)
from maenas.detector.train.statistics import (
    Statistics,
    is_settling,
    measure_statistics,
    trained_norms,
)
from maenas.detector.train.step import add_gradients, gradient_norms, in_groups
from maenas.detector.train.training import EpochResult, Jump, Pause, StepResult, Training

SIGNAL_S = 1.0  # seconds until a signal to all processes of a job has reached each of them
MOST_IN_A_ROW = 10  # consecutive steps without a finite loss after which the training fails


def train(
    training: Training, saved: Saved | None = None
) -> Iterator[StepResult | EpochResult | Jump | Pause]:
    """Train, and report every step and every epoch.

    An epoch is reported before its state is saved, so that the files a caller writes for a report
    exist for every saved epoch. If the process is killed in between, the epoch is reported again.

    Args:
        training: inputs of the training.
        saved: state to resume from; on a CPU the resulting weights are bit-identical to those of
            an uninterrupted training.
    Raises:
        TrainError: if the loss is not finite in ten consecutive steps.
        LoaderError: if a worker that loads images dies; the state is saved.
        SpecError: if a checkpoint cannot be written; the previous one is unchanged.
    """
    recipe, ranks = training.recipe, training.ranks
    if ranks.device.type == "cpu":
        keep_freed_memory()
    else:  # with inputs of several sizes, cuDNN would search again for each
        torch.backends.cudnn.benchmark = not recipe.sides
    layout = torch.channels_last if recipe.compute.channels_last else torch.contiguous_format
    average = training.folder.spec.build().to(ranks.device, memory_format=layout)  # type: ignore[call-overload]
    state = first_state(training, layout)
    if saved is not None:
        state.restore(saved)
    elif ranks.leads:  # so that a run can be resumed from the start
        average.load_state_dict(state.ema.weights)
        save_checkpoint(training, state, average)
    teaching = training.teaching
    learner: nn.Module | None = None
    statistics, progress = Statistics(state.network), state.progress

    try:
        while progress.epoch < recipe.epochs:
            if teaching is not None and progress.epoch >= recipe.taught_epochs:
                teaching = learner = None  # second stage: train the student without a teacher
            if learner is None:
                learner = ranks.spread(Learner(training.network, teaching))
            try:
                row = yield from one_epoch(training, state, learner, statistics, teaching)
            except LoaderError as error:
                save_unfinished(training, state)
                if not asked_to_stop(training):
                    raise LoaderError(
                        f"{error} --resume continues from step {progress.step}."
                    ) from None
                row = None
            if row is None:
                yield Pause(progress.epoch, progress.step)
                return
            is_kept = not progress.is_doubtful
            is_best = False
            if is_kept:
                place_average(training, state, average)
                is_best = evaluate(training, state, average, row)
            yield EpochResult(progress.epoch + 1, row, is_best)
            progress.finish_epoch(row)
            yield from leave_out_epochs(training, progress)
            if is_kept and ranks.leads:
                save_checkpoint(training, state, average)
            ranks.wait()
            if ranks.any(training.stopping()) and progress.epoch < recipe.epochs:
                yield Pause(progress.epoch, progress.step)
                return
        if progress.is_doubtful:
            raise given_up(training, progress, [])
    finally:
        training.loader.close()


def first_state(training: Training, layout: torch.memory_format) -> TrainingState:
    """The state of a training before its first step."""
    ranks, teaching = training.ranks, training.teaching
    network = training.network.to(ranks.device, memory_format=layout)  # type: ignore[call-overload]
    if ranks.count > 1 and ranks.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    if teaching is not None:
        teaching.loss.to(ranks.device)
        teaching.teacher.to(ranks.device, layout)
    fine_tune = training.recipe.fine_tune
    fine_tune.freeze_stages(network)
    is_fp16 = precision_of(training.recipe.compute.amp, ranks.device) is torch.float16
    return TrainingState(
        network=network,
        feature_loss=None if teaching is None else teaching.loss,
        ema=Ema(network, training.recipe.ema),
        optimizer=training.recipe.optimizer.build(
            Learner(network, teaching), fine_tune.lr_factors(network)
        ),
        scaler=torch.amp.GradScaler(ranks.device.type, enabled=is_fp16),
        progress=TrainingProgress(),
    )


def is_evaluated(training: Training, state: TrainingState) -> bool:
    """Whether the detector of the epoch that ends is evaluated."""
    return training.evaluate is not None and training.recipe.evaluates(state.progress.epoch + 1)


def place_average(training: Training, state: TrainingState, average: DetectorNetwork) -> None:
    """Give a network the averaged weights; while they are young, with measured statistics.

    The state to resume from keeps the running ones.
    """
    if is_evaluated(training, state):  # on CPUs each process has its running statistics
        training.ranks.share(state.ema.weights.values())
    average.load_state_dict(state.ema.weights)
    average.eval()
    if is_settling(state.progress.step):
        norms = trained_norms(training.network)
        measure_statistics(average, norms, training.folder.spec, training.loader.dataset)


def evaluate(training: Training, state: TrainingState, average: DetectorNetwork, row: Row) -> bool:
    """Evaluate an epoch if it is due and add the AP to its row; return whether it is the best.

    Every process evaluates its share of the images, and all get the same AP.
    """
    epoch, progress = state.progress.epoch + 1, state.progress
    if training.evaluate is None or not is_evaluated(training, state):
        return False
    save_unfinished(training, state)  # a run that is killed now repeats only the evaluation
    scores = training.evaluate(average)
    row |= {"ap": scores.ap, "ap50": scores.ap50}
    # while nothing is found yet, later weights are the better ones
    is_best = not progress.best or scores.ap > progress.best
    if is_best:
        progress.best = scores.ap
    if is_best and training.ranks.leads:
        note = f"epoch {epoch}, AP {scores.ap:.4f}"
        training.folder.save(BEST, average.state_dict(), progress, note)
    return is_best


def one_epoch(
    training: Training,
    state: TrainingState,
    learner: nn.Module,
    statistics: Statistics,
    teaching: Teaching | None,
) -> Generator[StepResult, None, Row | None]:
    """Train the remaining steps of an epoch, with or without a teacher.

    Returns:
        Row of the epoch; None if it was stopped, after its state was saved.
    """
    recipe, ranks, progress = training.recipe, training.ranks, state.progress
    schedule = recipe.schedule.over(
        recipe.epochs, training.steps_per_epoch, recipe.optimizer.lr_of(training.batch)
    )
    clip_norm = recipe.optimizer.clip_norm if teaching is None else recipe.taught_clip_norm
    sums = torch.tensor(progress.epoch_losses or [0.0] * len(training.parts))
    lr = schedule.at(max(0, progress.step - 1))
    started = time.perf_counter()
    begun = started - progress.epoch_seconds
    recipe.fine_tune.set_training(training.network)
    for batches in in_groups(
        training.loader.epoch(progress.epoch, progress.epoch_batches), training.accumulation_steps
    ):
        fetched = time.perf_counter()
        lr = schedule.at(progress.step)
        set_lr(state.optimizer, lr)
        ranks.seed_step(recipe.seed, progress.step)
        parts = add_gradients(training, state, learner, statistics, teaching, batches)
        state.scaler.unscale_(state.optimizer)
        norm, beside = gradient_norms(state)
        # Waits for the GPU. All processes decide by the same numbers whether the step is taken.
        numbers = torch.cat((parts, torch.stack((norm, beside))))
        *losses, length, length_beside = ranks.mean(numbers).tolist()
        if isfinite(sum(losses)) and isfinite(length + length_beside):
            if clip_norm is not None:
                clip_grads_with_norm_(state.network.parameters(), clip_norm, norm)
            state.scaler.step(state.optimizer)
            state.ema.update(state.network, progress.step)
            progress.take()
        else:
            # Not left to the scaler: a fused SGD that skips its first step keeps uninitialised
            # momentum, up to 1e17.
            state.ema.mend(state.network)
            progress.skip(state.scaler.is_enabled() and isfinite(sum(losses)))
        state.scaler.update()
        state.optimizer.zero_grad(set_to_none=True)
        progress.step += 1
        progress.epoch_batches += len(batches)
        images = sum(map(len, batches))
        if progress.in_a_row == 0:
            sums = sums + images * torch.tensor(losses)
            progress.epoch_losses = sums.tolist()
            progress.epoch_images += images
        elif progress.in_a_row >= MOST_IN_A_ROW:
            raise given_up(training, progress, batches)
        yield StepResult(
            epoch=progress.epoch,
            number=progress.step - 1,
            lr=lr,
            parts=dict(zip(training.parts, losses, strict=True)),
            norm=length,
            images=images * ranks.count,
            taken=progress.in_a_row == 0,
            seconds=time.perf_counter() - started,
            waited=fetched - started,
        )
        started = time.perf_counter()
        progress.epoch_seconds = started - begun
        if ranks.any(training.stopping()):
            save_unfinished(training, state)
            return None
    means = (sums / max(1, progress.epoch_images)).tolist()
    return {
        "step": float(progress.step),
        "lr": lr,
        **dict(zip(training.parts, means, strict=True)),
        "loss": sum(means),
        "skipped": float(progress.skipped),
        "train_s": time.perf_counter() - begun,
        "epoch": float(progress.epoch + 1),
    }


def leave_out_epochs(training: Training, progress: TrainingProgress) -> Iterator[Jump]:
    """Go on with the last epochs, or end, if the AP has not risen for too long."""
    recipe = training.recipe
    if recipe.patience is None:
        return
    to = recipe.schedule.finished_epochs(recipe.epochs, recipe.patience, progress.rows)
    if to > progress.epoch:
        steps = (to - progress.epoch) * training.steps_per_epoch
        yield Jump(progress.epoch, to, steps)
        progress.jump(to, steps)


def save_checkpoint(training: Training, state: TrainingState, average: DetectorNetwork) -> None:
    """Save the last detector, and then the state to resume from."""
    state.progress.kept = state.progress.epoch
    note = f"epoch {state.progress.epoch}"
    training.folder.save(LAST, average.state_dict(), state.progress, note)
    training.folder.save_state(state.saved(training.identity))


def save_unfinished(training: Training, state: TrainingState) -> None:
    """Save the state to resume from in the middle of an epoch; `last` is unchanged.

    Weights that may be damaged are not saved; the training then resumes from its last epoch.
    """
    if training.ranks.leads and not state.progress.is_doubtful:
        training.folder.save_state(state.saved(training.identity))


def asked_to_stop(training: Training) -> bool:
    """Whether this process receives the signal that ended a worker of the loader."""
    until = time.monotonic() + SIGNAL_S
    while not training.stopping() and time.monotonic() < until:
        time.sleep(0.05)
    return training.stopping()


def given_up(training: Training, progress: TrainingProgress, batches: list[Batch]) -> TrainError:
    """The error for a loss that stays not finite; `batches` are those of the last step."""
    ids = [str(name) for batch in batches for name in batch.image_ids]
    more = f" and {len(ids) - 16} more" if len(ids) > 16 else ""
    where = f", the last on the images {', '.join(ids[:16])}{more}" if ids else ""
    remedy = "a lower optimizer.lr or optimizer.clip_norm=10 may help"
    if progress.overflows:
        remedy = "compute.amp=bf16 or off has the range that fp16 lacks"
    return TrainError(
        f"step {progress.step}: the loss or its gradient was not finite in {progress.in_a_row} "
        f"steps in a row{where}; the detector of epoch {progress.kept} is in "
        f"{training.folder.path / LAST}; {remedy}."
    )
