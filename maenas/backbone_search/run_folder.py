"""The folder of a search: claimed without losing a result, resumed after a kill."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from maenas.backbone_search.objects import SearchObjects
from maenas.backbone_search.plan import Subproblem, fingerprint, plan
from maenas.blocks import MaenasError
from maenas.blocks.files.plain_file import read_bytes
from maenas.blocks.files.yaml_file import LIMIT
from maenas.detector import template_names
from maenas.runs.config import SearchConfig, differences, load_config
from maenas.runs.run_lock import contents

RESULT_FILES = ("best.yaml", "result.json", "report.html", "curve.png", "scatter.png")


def claim_run(folder: Path, exist_ok: bool) -> None:
    """Claim the folder for a new run; an existing result is replaced only with `exist_ok`."""
    try:
        if folder.is_dir() and contents(folder):
            if not exist_ok:
                raise MaenasError(
                    f"{folder}: is not empty; --resume continues the run in it, --exist-ok "
                    "replaces it, --out names another folder."
                )
            if not is_run(folder):
                raise MaenasError(
                    f"{folder}: is not the folder of a search, so nothing in it is replaced; "
                    "--out names another folder."
                )
            clear(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaenasError(f"{folder}: cannot be created: {error.strerror or error}.") from None


def is_begun(folder: Path) -> bool:
    """Whether a folder holds any file, of a search or of another origin."""
    return folder.is_dir() and bool(contents(folder))


def is_run(folder: Path) -> bool:
    """Whether a folder is the run folder of a search."""
    config = folder / "config.yaml"
    return config.is_file() and b"maenas/search@" in read_bytes(config, limit=LIMIT)


def clear(folder: Path) -> None:
    """Remove the files of an old run, so that none is taken for a file of the new run."""
    subproblems = [folder / name for name in template_names()]
    names = (*RESULT_FILES, "state.json", "history.jsonl")
    old = [parent / name for parent in (folder, *subproblems) for name in names]
    for path in (*old, *(folder / "pareto").glob("*.yaml")):
        path.unlink(missing_ok=True)
    for emptied in (*subproblems, folder / "pareto"):
        if emptied.is_dir() and not any(emptied.iterdir()):
            emptied.rmdir()


def resumed(
    config: SearchConfig | None,
    asked: Collection[str] | None,
    folder: Path,
    objects: SearchObjects | None = None,
) -> tuple[SearchConfig, list[Subproblem]]:
    """The saved options and subproblems of a run; they must agree with any options given."""
    path = folder / "config.yaml"
    if not path.exists():
        raise MaenasError(
            f"{folder}: there is no run to resume, but other files; --out names another folder."
        )
    saved, stamp = load_config(path)
    different = [] if config is None else differences(config, saved, asked)
    if different:
        raise MaenasError(f"{path}: another search: {'; '.join(different)}.")
    subproblems = plan(saved, objects)
    if fingerprint(subproblems, objects) != stamp:
        raise MaenasError(
            f"{path}: the space, template, score, searcher or device model has changed since the "
            "run was started; start it anew with --exist-ok."
        )
    return saved, subproblems
