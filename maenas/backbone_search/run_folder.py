"""The folder of a search: claimed without losing a result, resumed after a kill."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path

from maenas.backbone_search.objects import SearchObjects
from maenas.backbone_search.plan import Subproblem, fingerprint, plan
from maenas.backbone_search.verification.meters import FOLDER as FINALISTS_FOLDER
from maenas.backbone_search.verification.records import FILE as RECORDS_FILE
from maenas.blocks import MaenasError
from maenas.blocks.files.plain_file import read_bytes
from maenas.blocks.files.yaml_file import LIMIT
from maenas.detector import template_names
from maenas.runs.config import SearchConfig, differences, load_config
from maenas.runs.start import is_unstarted, new_run, resumed_run

CONFIG_FILE, LIST_FILE = "config.yaml", "searches.yaml"
RESULT_FILES = (
    "best.yaml",
    "result.json",
    "report.html",
    "curve.png",
    "scatter.png",
    "devices.png",
)


def opened_run(out: Path | None, resume: bool, exist_ok: bool) -> AbstractContextManager[Path]:
    """Open the folder of one or several searches, to resume them or to begin new ones.

    Args:
        out: folder named by the user; None for the next free one, or for the last one to resume.
        resume: whether the run in the folder is continued, if it holds one.
        exist_ok: whether the run in the folder is replaced.
    Raises:
        MaenasError: if the folder holds other files, or another process writes into it.
    """
    if resume:
        return resumed_run(out, "search", has_run)
    return new_run(out, "search", exist_ok, can_resume=True)


def has_run(folder: Path) -> bool:
    """Whether a folder holds a search or several to resume, damaged or not."""
    return (folder / CONFIG_FILE).exists() or is_several(folder)


def is_begun(folder: Path) -> bool:
    """Whether a folder holds any file, of a search or of another origin, and no killed start."""
    return not is_unstarted(folder)


def is_several(folder: Path) -> bool:
    """Whether a folder holds several searches."""
    return (folder / LIST_FILE).is_file()


def is_run(folder: Path) -> bool:
    """Whether a folder is the run folder of a search."""
    config = folder / CONFIG_FILE
    return config.is_file() and b"maenas/search@" in read_bytes(config, limit=LIMIT)


def replace_run(folder: Path) -> None:
    """Remove the run in a folder, if there is one, to begin another.

    Raises:
        MaenasError: if the folder holds files of another origin, or cannot be written.
    """
    if not is_begun(folder):
        return
    if not is_run(folder):
        raise MaenasError(
            f"{folder}: is not the folder of a search, so nothing in it is replaced; --out names "
            "another folder."
        )
    try:
        clear(folder)
    except OSError as error:
        raise MaenasError(f"{folder}: cannot be written: {error.strerror or error}.") from None


def clear(folder: Path) -> None:
    """Remove the files of an old run, so that none is taken for a file of the new run."""
    subproblems = [folder / name for name in template_names()]
    names = (*RESULT_FILES, "state.json", "history.jsonl", RECORDS_FILE)
    old = [parent / name for parent in (folder, *subproblems) for name in names]
    old += [*(folder / "pareto").glob("*.yaml"), *(folder / FINALISTS_FOLDER).glob("finalist-*")]
    for path in old:
        path.unlink(missing_ok=True)
    for emptied in (*subproblems, folder / "pareto", folder / FINALISTS_FOLDER):
        if emptied.is_dir() and not any(emptied.iterdir()):
            emptied.rmdir()


def resumed(
    config: SearchConfig | None,
    asked: Collection[str] | None,
    folder: Path,
    objects: SearchObjects | None = None,
) -> tuple[SearchConfig, list[Subproblem]]:
    """The saved options and subproblems of a run; they must agree with any options given."""
    path = folder / CONFIG_FILE
    if not path.exists():
        raise MaenasError(
            f"{folder}: holds several searches, not one; resume them by the command line."
        )
    saved, stamp = load_config(path)
    different = [] if config is None else differences(config, saved, asked)
    if different:
        raise MaenasError(f"{path}: another search: {'; '.join(different)}.")
    subproblems = plan(saved, objects)
    if fingerprint(subproblems, objects) != stamp:
        raise MaenasError(
            f"{path}: the space, template, score, searcher or device model has changed since the "
            "run was started; start it again with --exist-ok."
        )
    return saved, subproblems
