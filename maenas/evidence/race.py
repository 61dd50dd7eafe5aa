"""`maenas race`: successive halving over a few networks with real trainings."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from maenas import __version__
from maenas.blocks import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.data import read_dataset
from maenas.detector.data.readers.read import names_of, splits_of
from maenas.detector.model.spec import DetectorSpec, load_detector
from maenas.detector.train.ranks import Ranks, find_device
from maenas.evidence.race_options import (
    OPTIONS_FILE,
    RaceOptions,
    continued,
    epochs_within,
    load_options,
    members_of,
    rounds_of,
    save_options,
)
from maenas.evidence.race_result import RaceResult, Round
from maenas.evidence.rows import network_rows
from maenas.evidence.table import TABLE_FILE, TRAININGS_FILE, write_table
from maenas.evidence.training import (
    RECORDS,
    RUNNING,
    TRAINING,
    Trained,
    TrainingTask,
    require_recipe,
)
from maenas.evidence.trainings import TrainingEffort, all_trained, train_all, write_trainings
from maenas.runs.models import find_model
from maenas.runs.signals import caught_signals
from maenas.runs.start import mark_begun, mark_start, new_run, resumed_run
from maenas.runs.templates import nearest_template
from maenas.terminal.console import count_of
from maenas.training.datasets import images_digest, require_same_images, require_trainable
from maenas.training.evaluator import has_evaluation, write_final_evaluation
from maenas.training.model_card import CARD_FILE, card_text, read_trained
from maenas.training.result import TrainResult
from maenas.training.run import run_training
from maenas.training.setup import ARGS_FILE, TrainOptions, kept_recipe, prepare_move

LOG = logging.getLogger(__name__)

COMMAND = "race"
DETECTORS, WINNER, RESULT_FILE = "detectors", "winner", "result.json"
SAME_DEPTH = 1.1  # ratio of layers up to which depths count as equal
WITHOUT_STEPS = 1.25  # factor from the minutes of steps to those of a training with evaluations


def run_race(
    options: RaceOptions, out: Path | None, resume: bool, effort: TrainingEffort
) -> RaceResult:
    """Train all networks briefly, keep the better half, train longer; the winner to the end.

    Args:
        options: options of the race; those of the folder hold for one that is resumed.
        out: folder of the race; None for the next `runs/race/exp`, or the last one to resume.
        resume: whether to continue the race in the folder.
        effort: where networks are trained.
    Raises:
        MaenasError: if something about the networks or data is wrong.
    """
    with ExitStack() as opened:
        opened.enter_context(caught_signals())
        folder = None
        if resume:
            folder = opened.enter_context(resumed_run(out, COMMAND, has_begun))
        if folder is not None and has_begun(folder):
            options = continued(options, load_options(folder / OPTIONS_FILE))
            specs = saved_networks(folder)
            if not (folder / RESULT_FILE).exists():
                require_same_images(options.images, Path(options.data), folder / OPTIONS_FILE)
        else:
            options.require_start(folder)
            specs = networks_of(options)
            if folder is None:
                folder = opened.enter_context(new_run(out, COMMAND, None, can_resume=True))
            options = replace(options, images=images_digest(Path(options.data)))
            begin(options, specs, folder)
        epochs = options.epochs or planned_epochs(options, specs, folder, effort)
        try:
            rounds = halved(options, specs, epochs, folder, effort)
            name = rounds[-1].best
            last = task_of(options, name, specs[name], epochs, epochs)
            result = trained_winner(last, folder, folder / DETECTORS / name, effort)
        finally:  # an interrupted race leaves its tables too
            write_tables(specs, epochs, folder)
        found = RaceResult(folder, Path(options.data), epochs, tuple(rounds), name, result)
        write_text(folder / RESULT_FILE, json.dumps(found.to_json(), indent=2) + "\n")
    return found


def has_begun(folder: Path) -> bool:
    """Whether a folder holds a race to continue."""
    return (folder / OPTIONS_FILE).exists()


def networks_of(options: RaceOptions) -> dict[str, DetectorSpec]:
    """The detectors of a race by name, with the classes of the data.

    Raises:
        MaenasError: if one cannot be read, or fewer than two differ.
    """
    data = Path(options.data)
    if "val" not in splits_of(data):
        raise SpecError(f"race: {data} has no val split, on which networks are compared.")
    require_trainable(data)
    specs: dict[str, DetectorSpec] = {}
    for source in members_of(options.sources):
        model = find_model(source)
        template = model.template or nearest_template(model.backbone)
        spec = model.around(template, names_of(data))
        if spec not in specs.values():
            specs[unused(name_of(source), specs)] = spec
    if len(specs) < 2:
        raise SpecError(f"race: needs at least two different networks, got {len(specs)}.")
    require_recipe(specs.values(), options.recipe, options.changes)
    return specs


def name_of(source: str) -> str:
    """Name of a network: that of its file, or of the folder that holds `best.yaml`."""
    path = Path(source.removeprefix("zoo:"))
    return path.resolve().parent.name if path.name == "best.yaml" else path.stem


def unused(name: str, used: Mapping[str, DetectorSpec]) -> str:
    """The name, with a number appended if another network has it."""
    number, free = 2, name
    while free in used:
        free, number = f"{name}-{number}", number + 1
    return free


def begin(options: RaceOptions, specs: Mapping[str, DetectorSpec], folder: Path) -> None:
    """Write the networks and the options; after this the race can be resumed."""
    mark_start(folder)
    for name, spec in specs.items():
        save_folder(folder / DETECTORS / name, spec, None, (f"maenas race, maenas {__version__}",))
    save_options(options, folder)
    mark_begun(folder)


def saved_networks(folder: Path) -> dict[str, DetectorSpec]:
    """The networks of a race that is resumed."""
    paths = sorted((folder / DETECTORS).iterdir())
    return {path.name: load_detector(path / "detector.yaml") for path in paths}


def depths_differ(specs: Sequence[DetectorSpec]) -> bool:
    """Whether the depths of backbones differ by more than a tenth."""
    depths = [spec.backbone.layers for spec in specs]
    return max(depths) > SAME_DEPTH * min(depths)


def planned_epochs(
    options: RaceOptions, specs: Mapping[str, DetectorSpec], folder: Path, effort: TrainingEffort
) -> int:
    """The epochs of the last round that fit the minutes, from one epoch of each network."""
    assert options.minutes is not None
    tasks = [task_of(options, name, spec, 1) for name, spec in specs.items()]
    timed = train_all(tasks, folder, effort, COMMAND)
    each = [WITHOUT_STEPS * trained.minutes for trained in timed]
    differ = depths_differ([*specs.values()])
    epochs = epochs_within(options.minutes, each, differ, effort.workers)
    LOG.info(f"race: {options.minutes:g} minutes allow {epochs} epochs in the last round")
    save_options(replace(options, epochs=epochs), folder)
    return epochs


def halved(
    options: RaceOptions,
    specs: Mapping[str, DetectorSpec],
    epochs: int,
    folder: Path,
    effort: TrainingEffort,
) -> list[Round]:
    """The rounds before the last one: each keeps the better half of its networks."""
    left, rounds = list(specs), []
    plan = rounds_of(len(specs), epochs, depths_differ([*specs.values()]))
    for (size, length), (kept, _) in pairwise(plan):
        assert size == len(left)
        tasks = [task_of(options, name, specs[name], length, epochs) for name in left]
        ranked = sorted(train_all(tasks, folder, effort, COMMAND), key=rank_of)
        rounds.append(Round(length, tuple((each.network, each.ap, each.ap50) for each in ranked)))
        left = [each.network for each in ranked[:kept]]
        if rank_of(ranked[kept - 1])[:2] == rank_of(ranked[kept])[:2]:
            LOG.warning(
                f"race: after {count_of(length, 'epoch')}, AP and AP50 of "
                f"{ranked[kept - 1].network} and {ranked[kept].network} are equal, so their names "
                "decide; longer trainings tell them apart"
            )
        stay = "stays" if len(left) == 1 else "stay"
        LOG.info(f"race: after {count_of(length, 'epoch')}, {', '.join(left)} {stay}")
    return rounds


def write_tables(specs: Mapping[str, DetectorSpec], epochs: int, folder: Path) -> None:
    """Write all trainings, and the networks with their AP after the first round.

    That is the only round that all of them have run, so that `maenas judge` and
    `maenas calibrate-score` can compare them.

    Args:
        specs: detectors by name.
        epochs: number of epochs of the last round.
        folder: folder of the race.
    """
    _, first = rounds_of(len(specs), epochs, depths_differ([*specs.values()]))[0]
    trained = all_trained(folder)
    backbones = {name: spec.backbone for name, spec in specs.items()}
    costs = {name: {"macs": sum(op.macs for op in spec.ops())} for name, spec in specs.items()}
    write_table(folder / TABLE_FILE, network_rows(backbones, costs, trained, first))
    write_trainings(folder / TRAININGS_FILE, trained)


def rank_of(trained: Trained) -> tuple[float, float, str]:
    """Sorting key of a result: highest AP first, then AP50, then the name."""
    return -trained.ap, -trained.ap50, trained.network


def task_of(
    options: RaceOptions, name: str, spec: DetectorSpec, epochs: int, last: int | None = None
) -> TrainingTask:
    """A training of a round; it stays where it is as long as the `last` one."""
    return TrainingTask(
        network=name,
        spec=spec,
        data=Path(options.data),
        epochs=epochs,
        seed=options.seed,
        recipe=options.recipe,
        changes=options.changes,
        folder=None,
        keeps=epochs == last,
    )


def trained_winner(
    task: TrainingTask, folder: Path, source: Path, effort: TrainingEffort
) -> TrainResult:
    """Train the winner to its end, or continue its training, and evaluate it once for its page.

    Where depths differ, the last round that compares networks has the length of the last one; the
    training of the winner is then that of this round.

    Args:
        task: the last training of the winner, which stays.
        folder: folder of the race.
        source: folder of the untrained winner.
        effort: where networks are trained.
    Raises:
        MaenasError: if the training cannot run.
    """
    out, kept = folder / WINNER, folder / RUNNING / task.name / TRAINING
    if not out.exists():
        if not kept.exists():  # a record alone is that of a training that did not stay
            (folder / RECORDS / f"{task.name}.json").unlink(missing_ok=True)
        # On this machine it has all cores, since no other training runs beside it.
        alone = effort if effort.ray is not None else replace(effort, workers=1)
        train_all([task], folder, alone, COMMAND)
        files = {"data": str(task.data), "detector": str(source)}
        prepare_move(kept, out, files)
        trained = read_trained(kept)
        trained = replace(trained, run=out, args={**trained.args, **files})  # as after the move
        write_text(kept / CARD_FILE, card_text(trained, read_dataset(task.data, "train"), ()))
        kept.rename(out)
    result = run_training(TrainOptions(), out, True, False, effort.compute, None, ())
    assert result is not None  # None only in processes of rank > 0
    if not has_evaluation(out):  # the page names its folder, so it is written only here
        val, recipe = read_dataset(task.data, "val"), kept_recipe(out / ARGS_FILE)
        write_final_evaluation(out, val, Ranks(find_device(effort.compute)), recipe.compute)
    shutil.rmtree(folder / RUNNING, ignore_errors=True)  # may hold the second of the last round
    return result
