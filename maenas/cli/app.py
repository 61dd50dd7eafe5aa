"""The command line."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.detection.build_detector import build_detector
from maenas.cli.detection.detect import detect
from maenas.cli.detection.export import export
from maenas.cli.detection.import_weights import import_weights
from maenas.cli.latency.measure import measure
from maenas.cli.latency.predict import predict
from maenas.cli.latency.profile import profile
from maenas.cli.latency.tables import tables
from maenas.cli.training.data import data
from maenas.cli.training.distill import distill
from maenas.cli.training.train import train
from maenas.cli.training.train_family import train_family
from maenas.cli.training.val import val

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Search object detector backbones without training, under the budget of a device.",
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Weights = Annotated[
    str, typer.Option(help="Weights of the score, one for each resolution level.", metavar="W,..")
]
RunWeights = Annotated[
    str | None,
    typer.Option(help="Weights of the score. (the run's, else 0,0,1,1,6)", metavar="W,.."),
]
Model = Annotated[
    str, typer.Argument(help="A spec file, a run folder or zoo:NAME.", metavar="SPEC")
]
Workers = Annotated[int, typer.Option(help="Processes to use.")]
Ray = Annotated[
    str | None,
    typer.Option(
        help="Use a Ray cluster: auto, local to start one here, or its address.",
        metavar="ADDRESS",
    ),
]
DEFAULT_WEIGHTS = "0,0,1,1,6"


def run() -> None:
    """The `maenas` command: `main`, and the end of the process.

    Threads of Ray's C++ outlive `ray.shutdown`: in 2 of 8 interrupted searches one crashed while
    the interpreter was taken down, and with the head of a cluster gone they wait for it. So whoever
    had to do with Ray ends at once.
    """
    try:
        main()
    except SystemExit as end:
        if "ray" not in sys.modules or isinstance(end.code, str):
            raise
        with suppress(OSError):  # nobody reads it any more
            sys.stdout.flush()
        os._exit(end.code or 0)


def main() -> None:
    """Run the command line; errors of the user's are one line and no traceback."""
    try:
        app()
    except Exception as error:
        from maenas.blocks.errors import (
            MaenasError,  # not at the top: help need not wait for `blocks`
        )

        if not isinstance(error, MaenasError):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        from maenas import __version__

        print(f"maenas {__version__}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command."""


@app.command()
def search(
    context: typer.Context,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            help="Such as 3.8ms, 9GMACs, 8Mparams, 25layers, 64MB; 2ms..8ms for a family."
        ),
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            help="Target that latency is priced for: t4, cpu, a table's name or file; several "
            "give a search each."
        ),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            help="res, csp, mob, resnet, mobv3 or a .yaml of your own; several give a search each."
        ),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(help="Scale of neck and head: ns nm nl t s m l. (by budget if left out)"),
    ] = None,
    scope: Annotated[
        str, typer.Option(help="What budgets limit: detector or backbone.")
    ] = "detector",
    algorithm: Annotated[str, typer.Option(help="evolution, random or exact.")] = "evolution",
    evaluations: Annotated[int, typer.Option(help="Candidates to propose.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Of all randomness.")] = 0,
    weights: Weights = DEFAULT_WEIGHTS,
    max_effectiveness: Annotated[
        float | None, typer.Option(help="DeepMAD's bound on depth against width, such as 0.3.")
    ] = None,
    points: Annotated[int, typer.Option(help="Networks of a family over a range.")] = 7,
    input_size: Annotated[
        int | None, typer.Option(help="Side of the image. (the template's if left out)")
    ] = None,
    islands: Annotated[
        int, typer.Option(help="Populations that evolve apart and exchange their best.")
    ] = 1,
    migrate_every: Annotated[
        int, typer.Option(help="Candidates of an island between two exchanges.")
    ] = 5_000,
    finalists: Annotated[
        int, typer.Option(help="Networks to score on random weights as well.")
    ] = 3,
    finalist_seeds: Annotated[int, typer.Option(help="Random networks for each finalist.")] = 4,
    verify: Annotated[
        int, typer.Option(help="Finalists to measure on the device; the best as measured wins.")
    ] = 0,
    workers: Workers = 1,
    ray: Ray = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run. (the next runs/search/exp if left out)")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in the folder.")
    ] = False,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Replace the run in the folder.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Search the backbone of highest score within every budget."""
    from maenas.backbone_search.result import print_card
    from maenas.backbone_search.run import Effort, run_search
    from maenas.backbone_search.sweep import every, last_is_several, print_searches, run_searches
    from maenas.runs.config import SearchConfig
    from maenas.terminal.console import ERR, print_json

    spaces: list[str | None] = [*space] if space else [None]
    devices: list[str | None] = [*device] if device else [None]
    config = SearchConfig(
        budgets=tuple(budget or ()),
        device=devices[0],
        space=spaces[0],
        template=template,
        scope=scope,  # type: ignore[arg-type]
        algorithm=algorithm,  # type: ignore[arg-type]
        evaluations=evaluations,
        seed=seed,
        weights=parse_weights(weights),
        max_effectiveness=max_effectiveness,
        points=points,
        input_size=input_size,
        islands=islands,
        migrate_every=migrate_every,
    )
    effort = Effort(
        workers=workers,
        ray=ray,
        finalists=finalists,
        finalist_seeds=finalist_seeds,
        verify=verify,
    )
    asked = typed(context)
    several = len(spaces) * len(devices) > 1
    try:
        if several or (resume and last_is_several(out)):
            configs = every(config, spaces, devices)
            found = run_searches(configs, out, resume, exist_ok, effort, asked)
        else:
            result = run_search(config, out, resume, exist_ok, effort, asked)
    except KeyboardInterrupt:
        ERR.print("interrupted; the same command with --resume continues from the last save")
        sys.exit(130)
    if several or (resume and last_is_several(out)):
        print_json(found.to_json()) if as_json else print_searches(found)
    elif as_json:
        print_json(result.to_json())
    else:
        print_card(result)


@app.command()
def show(
    spec: Model,
    device: Annotated[
        str | None, typer.Option(help="Price latency on this target. (the run's, else t4)")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="Neck and head to show with it: ns nm nl t s m l or none.")
    ] = None,
    weights: RunWeights = None,
    as_json: Json = False,
) -> None:
    """Show a backbone stage by stage: shape, params, MACs, share of latency and of score."""
    from maenas.backbone_search.stages import show_spec

    show_spec(spec, device, template, parse_weights(weights) if weights else None, as_json)


@app.command()
def score(
    spec: Model,
    weights: RunWeights = None,
    seeds: Annotated[
        int, typer.Option(help="Random networks to score it on as well; 0 for none.")
    ] = 0,
    workers: Workers = 1,
    ray: Ray = None,
    as_json: Json = False,
) -> None:
    """Score a backbone: closed form, with borders, on random networks."""
    from maenas.backbone_search.scoring import score_spec

    chosen = parse_weights(weights) if weights else None
    score_spec(spec, chosen, seeds, as_json, workers, ray)


@app.command()
def zoo(as_json: Json = False) -> None:
    """List the published models, usable as zoo:NAME wherever a spec is expected."""
    from maenas.detection.zoo import print_zoo

    print_zoo(as_json)


@app.command()
def checks(ray: Ray = None, as_json: Json = False) -> None:
    """Say what works on this machine and on a cluster, and what to install for the rest."""
    from maenas.terminal.checks import print_checks

    print_checks(as_json, ray)


app.command()(profile)
app.command()(tables)
app.command()(predict)
app.command()(measure)
app.command()(build_detector)
app.command()(import_weights)
app.command()(export)
app.command()(detect)
app.command()(train)
app.command()(distill)
app.command()(train_family)
app.command()(val)
app.add_typer(data, name="data")


def typed(context: typer.Context) -> frozenset[str]:
    """Fields of a config that were typed: a resumed run must agree with these alone."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    names = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    return frozenset({"budgets" if name == "budget" else name for name in names})


def parse_weights(text: str) -> tuple[float, ...]:
    """Numbers separated by commas.

    Raises:
        SpecError: for anything else.
    """
    from maenas.blocks.errors import SpecError

    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise SpecError(
            f"weights: must be numbers separated by commas, such as 0,0,1,1,6; got {text!r}."
        ) from None
