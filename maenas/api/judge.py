"""Python API: judge what scores are worth among trained networks, and calibrate one of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.budgets.image_size import InputSize
    from maenas.evidence.calibrate_score import CalibratedScore
    from maenas.evidence.verdict import Verdict


def calibrate_score(
    table: str | Path,
    score: str = "log-macs",
    *,
    accuracy: str = "acc",
    cost: str | None = None,
    prior_sd: float = 1.0,
    out: str | Path = "fitted.yaml",
    choose: Sequence[str | Path] = (),
) -> CalibratedScore:
    """Fit the tilt of a score towards coarse levels to trained networks, and write a score file.

    One number is fitted, with a normal prior at 0, so that 8 to 16 networks of equal cost are
    enough; the posterior says whether they are. `maenas.search(score="fitted.yaml")` certifies its
    optimum.

    Args:
        table: CSV file of trained networks, such as `networks.csv` of `maenas.judge`.
        score: score to tilt: "log-macs" or "log-entropy".
        accuracy: column with the accuracy.
        cost: column with the cost; `latency_ms` where the table has it, otherwise `macs`, if None.
        prior_sd: standard deviation of the prior of the tilt.
        out: score file to write.
        choose: specs, or the folder of a portfolio, whose networks are ordered by the posterior
            mean of their score; networks of the space and input size of the trained ones.
    Raises:
        MaenasError: if the table or an option is wrong, or the file cannot be written.

    Example:
        >>> fitted = maenas.calibrate_score("runs/judge/exp/networks.csv")
        >>> fitted.posterior.mean, fitted.covers_zero
    """
    from maenas.evidence.calibrate_score import calibrate_table

    sources = [str(each) for each in choose]
    return calibrate_table(Path(table), score, accuracy, cost, prior_sd, Path(out), sources)


def judge(
    table: str | Path | None = None,
    *,
    at: str = "",
    data: str | Path | None = None,
    space: str | None = None,
    template: str | None = None,
    device: str | None = None,
    scope: str = "detector",
    input_size: InputSize = None,
    networks: int = 48,
    band: float = 0.05,
    equal_depth: bool = False,
    seed: int = 0,
    epochs: int = 24,
    short_epochs: int | None = None,
    repeats: int = 0,
    recipe: str | Path | None = None,
    changes: Sequence[str] = (),
    proxies: Sequence[str] = (),
    accuracy: str = "acc",
    cost: str | None = None,
    draws: int = 400,
    out: str | Path | None = None,
    resume: bool = False,
    workers: int = 1,
    ray: str | None = None,
    compute: str = "auto",
    minutes: float | None = None,
    given: Collection[str] | None = None,
) -> Verdict:
    """Compare scores with the accuracy of trained networks of equal cost.

    Without a table, networks of equal cost are drawn from a space, each is trained briefly with the
    same recipe, and the table is written into the folder of the run.

    Args:
        table: CSV file of trained networks to judge instead of training some.
        at: cost of all networks, such as "1.0GMACs" or "20ms".
        data: data set to train on, with a val split.
        space: search space; that of the template if None.
        template: scale of neck and head; chosen by the cost if None.
        device: device or table that prices a latency.
        scope: part whose cost is equal: "detector" or "backbone".
        input_size: side of the input image in pixels, or (height, width); if None that of a space
            of your own, else that of the template.
        networks: number of networks.
        band: relative width of the band of cost below `at`.
        equal_depth: draw networks with the same number of layers.
        seed: random seed of the draw and of the first training of each network.
        epochs: number of epochs of each training.
        short_epochs: number of epochs of a further, shorter training of each network.
        repeats: number of networks that are trained with a second seed as well.
        recipe: recipe file or scale; that of the template if None.
        changes: values of the recipe to change, such as "optimizer.lr=0.01".
        proxies: scores that need forward passes and are compared too: "naswot", "synflow", "zen",
            "zico", "expressivity", "progressivity", "trainability", "max-entropy-forward", or
            "module:object" of a plugin.
        accuracy: column of the table with the accuracy.
        cost: column of the table with the cost; `latency_ms` where there is one, otherwise `macs`,
            if None.
        draws: number of bootstrap draws of each interval.
        out: folder of the run; the next `runs/judge/exp` if None. For a table, folder of its result
            and plot; none if None.
        resume: continue the run in the folder.
        workers: number of trainings at the same time.
        ray: address of a Ray cluster to train on; its nodes need the data at the same path.
        compute: device that torch computes on: "cpu", "cuda:0" or "auto".
        minutes: minutes after which no further training begins; resume the run to go on.
        given: names of the options that must agree with those of a resumed run; those that differ
            from their defaults if None.
    Raises:
        MaenasError: if the table or the options are wrong, or too few networks are trained.

    Example:
        >>> verdict = maenas.judge(at="1GMACs", space="res", data="shapes", networks=24)
        >>> [(a.feature, a.spearman.value) for a in verdict.agreements]
    """
    from dataclasses import fields

    from maenas.blocks import SpecError
    from maenas.blocks.errors import positive
    from maenas.evidence.options import JudgeOptions
    from maenas.evidence.run import run_judge, run_table
    from maenas.evidence.trainings import TrainingEffort

    positive("judge", draws=draws)
    options = JudgeOptions(
        at=at,
        data="" if data is None else str(data),
        space=space,
        template=template,
        device=device,
        scope=scope,  # type: ignore[arg-type]
        input_size=input_size,
        networks=networks,
        band=band,
        equal_depth=equal_depth,
        seed=seed,
        epochs=epochs,
        short_epochs=short_epochs,
        repeats=repeats,
        recipe=None if recipe is None else str(recipe),
        changes=tuple(changes),
        proxies=tuple(proxies),
    )
    changed = {f.name for f in fields(options) if getattr(options, f.name) != f.default}
    effort = TrainingEffort(workers=workers, ray=ray, compute=compute, minutes=minutes)
    folder = None if out is None else Path(out)
    if table is not None:
        elsewhere = {"resume": resume}
        elsewhere |= {f.name: getattr(effort, f.name) != f.default for f in fields(effort)}
        beside = sorted(changed) + [name for name, value in elsewhere.items() if value]
        if beside:
            option = {"changes": "set", "proxies": "proxy"}.get(beside[0], beside[0])
            raise SpecError(
                f"judge: {table} is judged as it is, without trainings; leave "
                f"--{option.replace('_', '-')} out."
            )
        return run_table(Path(table), accuracy, cost, draws, folder)
    return run_judge(options, folder, resume, effort, changed if given is None else given, draws)
