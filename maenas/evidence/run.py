"""`maenas judge`: draw networks of equal cost, train each, compare every score with the result."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from maenas.blocks import Backbone, SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.data.readers.read import names_of, splits_of
from maenas.detector.model.spec import DetectorSpec, assemble, load_detector
from maenas.evidence.agreement import DRAWS
from maenas.evidence.draw import drawn_networks
from maenas.evidence.options import OPTIONS_FILE, JudgeOptions, agreed, load_options, save_options
from maenas.evidence.picture import draw_verdict
from maenas.evidence.rows import Row, network_rows, proxy_columns
from maenas.evidence.table import LATENCY, TABLE_FILE, TRAININGS_FILE, write_table
from maenas.evidence.training import Trained, TrainingTask, require_recipe
from maenas.evidence.trainings import TrainingEffort, all_trained, train_all, write_trainings
from maenas.evidence.verdict import Verdict, judged, judged_table
from maenas.runs.signals import caught_signals
from maenas.runs.start import mark_begun, mark_start, new_run, resumed_run
from maenas.training.datasets import images_digest, require_same_images, require_trainable

LOG = logging.getLogger(__name__)

COMMAND = "judge"
NETWORKS = "networks"
RESULT_FILE, PICTURE_FILE = "result.json", "judge.png"


def run_judge(
    options: JudgeOptions,
    out: Path | None,
    resume: bool,
    effort: TrainingEffort,
    given: Collection[str],
    draws: int = DRAWS,
) -> Verdict:
    """Draw and train the networks of a run, and write what their features are worth.

    Args:
        options: options of the run; those of the folder hold for a run that is resumed.
        out: folder of the run; None for the next `runs/judge/exp`, or the last one to resume.
        resume: whether to continue the run in the folder.
        effort: where and how long networks are trained.
        given: names of the options that the user gave.
        draws: number of bootstrap draws of each interval.
    Raises:
        MaenasError: if something about the options or data is wrong, or too few are trained.
    """
    with ExitStack() as opened:
        opened.enter_context(caught_signals())
        folder, saved = None, options
        if resume:
            folder = opened.enter_context(resumed_run(out, COMMAND, has_begun))
        goes_on = folder is not None and has_begun(folder)
        if goes_on and folder is not None:
            saved = load_options(folder / OPTIONS_FILE)
            options = agreed(options, saved, given)
        require_data(options, folder)
        if goes_on and folder is not None:
            require_same_images(options.images, Path(options.data), folder / OPTIONS_FILE)
            options.subproblem()  # what is wrong with space or table ends it before a training
            specs = saved_networks(folder, options)
        else:
            specs = drawn(options)
        if folder is None:
            folder = opened.enter_context(new_run(out, COMMAND, exist_ok=None, can_resume=True))
        if not goes_on:
            begin(replace(options, images=images_digest(Path(options.data))), specs, folder)
        elif options != saved:
            save_options(options, folder)  # repeats or proxies that were added stay
        try:
            trained = train_all(tasks_of(options, specs), folder, effort, COMMAND)
        except KeyboardInterrupt:
            write_tables(options, specs, all_trained(folder), folder)
            raise
        return written(options, specs, trained, folder, draws)


def run_table(
    table: Path, accuracy: str, cost: str | None, draws: int, out: Path | None
) -> Verdict:
    """The verdict on a table of trained networks, and its result and picture in a folder.

    Args:
        table: CSV file.
        accuracy: column with the accuracy.
        cost: column with the cost; None for that of `cost_of`.
        draws: number of bootstrap draws of each interval.
        out: folder to write into; None to write nothing.
    Raises:
        MaenasError: if the table cannot be read, a column is missing, or the folder is not empty.
    """
    if out is None:
        return judged_table(table, accuracy, cost, draws)
    with new_run(out, COMMAND, exist_ok=None) as folder:
        verdict = replace(judged_table(table, accuracy, cost, draws), folder=folder)
        write_verdict(verdict, folder)
    return verdict


def has_begun(folder: Path) -> bool:
    """Whether a folder holds drawn networks to continue with."""
    return (folder / OPTIONS_FILE).exists()


def require_data(options: JudgeOptions, resumed: Path | None = None) -> None:
    """Raise `MaenasError` unless cost and data are given and the data can be evaluated.

    Args:
        options: options of the run.
        resumed: folder that was named to be resumed.
    """
    if not options.at or not options.data:
        instead = "or --resume" if resumed is None else f"{resumed} holds no run to continue"
        raise SpecError(
            "judge: needs --at and --data, such as `maenas judge --at 1.0GMACs --data data.yaml`; "
            f"or the path of a table; {instead}."
        )
    if "val" not in splits_of(Path(options.data)):
        raise SpecError(f"judge: {options.data} has no val split, on which networks are compared.")
    require_trainable(Path(options.data))


def drawn(options: JudgeOptions) -> list[DetectorSpec]:
    """The detectors of a new run, with random backbones."""
    subproblem = options.subproblem()
    backbones = drawn_networks(
        *(subproblem, options.networks, options.band, options.equal_depth, options.seed)
    )
    names = names_of(Path(options.data))
    specs = [assemble(each, subproblem.template, len(names), names) for each in backbones]
    require_recipe(specs[:1], options.recipe, options.changes)  # all have one template
    return specs


def begin(options: JudgeOptions, specs: Sequence[DetectorSpec], folder: Path) -> None:
    """Write the networks and the options; after this the run can be resumed."""
    mark_start(folder)
    for index, spec in enumerate(specs):
        save_folder(folder / NETWORKS / network_name(index), spec, None, ("maenas judge",))
    save_options(options, folder)
    mark_begun(folder)


def saved_networks(folder: Path, options: JudgeOptions) -> list[DetectorSpec]:
    """The networks of a run that is resumed."""
    paths = [folder / NETWORKS / network_name(index) for index in range(options.networks)]
    return [load_detector(path / "detector.yaml") for path in paths]


def tasks_of(options: JudgeOptions, specs: Sequence[DetectorSpec]) -> list[TrainingTask]:
    """All trainings of a run: of each network the short and the long one, then the second seeds."""
    first, second = options.seed, options.seed + 1
    lengths = [each for each in (options.short_epochs, options.epochs) if each is not None]
    pairs = [(index, epochs, first) for index in range(len(specs)) for epochs in lengths]
    pairs += [(index, epochs, second) for index in range(options.repeats) for epochs in lengths]
    return [
        TrainingTask(
            network=network_name(index),
            spec=specs[index],
            data=Path(options.data),
            epochs=epochs,
            seed=seed,
            recipe=options.recipe,
            changes=options.changes,
            folder=None,
        )
        for index, epochs, seed in pairs
    ]


def written(
    options: JudgeOptions,
    specs: Sequence[DetectorSpec],
    trained: Sequence[Trained],
    folder: Path,
    draws: int,
) -> Verdict:
    """Write tables, result and picture of the trainings so far, and return the verdict."""
    rows = write_tables(options, specs, trained, folder)
    if options.proxies:
        backbones = {network_name(index): spec.backbone for index, spec in enumerate(specs)}
        for row in rows:
            name = str(row["network"])
            row |= proxy_columns(name, backbones[name], options)
        write_table(folder / TABLE_FILE, rows)
    verdict = judged(rows, trained, options, folder / TABLE_FILE, draws)
    write_verdict(verdict, folder, [each for each in trained if each.epochs == options.epochs])
    return verdict


def write_verdict(verdict: Verdict, folder: Path, trained: Sequence[Trained] = ()) -> None:
    """Write the result and the picture of a verdict, with the curves of trainings."""
    write_text(folder / RESULT_FILE, json.dumps(verdict.to_json(), indent=2) + "\n")
    draw_verdict(verdict, trained, folder / PICTURE_FILE)


def write_tables(
    options: JudgeOptions, specs: Sequence[DetectorSpec], trained: Sequence[Trained], folder: Path
) -> list[Row]:
    """Write all trainings, and the networks with their AP, cost and quick features.

    Returns:
        The rows of the networks.
    """
    named = {network_name(index): spec.backbone for index, spec in enumerate(specs)}
    costs = costs_of(options, specs)
    rows = network_rows(named, costs, trained, options.epochs, options.short_epochs)
    write_table(folder / TABLE_FILE, rows)
    write_trainings(folder / TRAININGS_FILE, trained)
    return rows


def costs_of(
    options: JudgeOptions, specs: Sequence[DetectorSpec]
) -> Mapping[str, Mapping[str, float]]:
    """Cost of each network by name: MACs and parameters of the part that is priced, latency."""
    problem = options.subproblem().problem
    found = {}
    for index, spec in enumerate(specs):
        backbone: Backbone = spec.backbone
        price = problem.cost(backbone)
        cost: dict[str, float] = {"macs": price.macs, "detector_params": price.params}
        if problem.device is not None:
            cost[LATENCY] = price.latency_ms
        found[network_name(index)] = cost
    return found


def network_name(index: int) -> str:
    """Name of a network in files and folders."""
    return f"n{index:03d}"
