"""`maenas calibrate-score`: fit the tilt of a score to trained networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import Json

if TYPE_CHECKING:
    from maenas.evidence.calibrate_score import CalibratedScore


FAR = 3  # standard deviations from the trained networks beyond which a score is extrapolated


def calibrate_score(
    table: Annotated[
        Path,
        typer.Argument(help="CSV file of trained networks, such as networks.csv of judge."),
    ],
    score: Annotated[
        str, typer.Option(help="Score to tilt: log-macs or log-entropy.")
    ] = "log-macs",
    accuracy: Annotated[str, typer.Option(help="Column with the accuracy.")] = "acc",
    cost: Annotated[
        str | None,
        typer.Option(help="Column with the cost. (latency_ms where there is one, or macs)"),
    ] = None,
    prior_sd: Annotated[
        float, typer.Option(help="Standard deviation of the prior of the tilt, whose mean is 0.")
    ] = 1.0,
    out: Annotated[Path, typer.Option(help="Score file to write.")] = Path("fitted.yaml"),
    choose: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RUN",
            help="Order the networks of a portfolio, or a spec among others, by the posterior mean "
            "of their score; may be repeated.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fit the tilt of a score towards coarse levels to trained networks of equal cost."""
    import maenas
    from maenas.terminal.console import print_json

    found = maenas.calibrate_score(
        *(table, score),
        accuracy=accuracy,
        cost=cost,
        prior_sd=prior_sd,
        out=out,
        choose=choose or (),
    )
    print_json(found.to_json()) if as_json else print_calibrated(found)


def print_calibrated(found: CalibratedScore) -> None:
    """Print the posterior of the tilt, what it changes, and the next command."""
    from maenas.evidence.calibrate_score import tilt_line
    from maenas.terminal.console import OUT, count_of

    posterior = found.posterior
    OUT.print(
        f"{found.score}: {tilt_line(posterior.interval)} (posterior mean and 95 % interval, sd "
        f"{posterior.sd:.2f}) from {posterior.networks} networks in "
        f"{count_of(posterior.groups, 'group')} of equal cost"
    )
    OUT.print(
        f"rank correlation with accuracy: {found.spearman_at_0:+.2f} without a tilt, "
        f"{found.spearman_at_t:+.2f} with it, on these same networks"
    )
    if found.covers_zero:
        OUT.print("the interval covers 0: these networks do not say which way to tilt the score")
    for each in found.choices:
        OUT.print(
            f"{each.network}: {each.score:+.2f} (sd {each.sd:.2f}) standard deviations from the "
            "mean of these networks"
        )
    if any(abs(each.score) > FAR for each in found.choices):
        OUT.print(
            f"beyond {FAR} standard deviations these networks tell little: race what is to be "
            "chosen (maenas race)"
        )
    OUT.print(f"score file: {found.file}; next: maenas search --score {found.file} --budget ...")
