"""The folder of a search: claimed without losing a result, resumed after a kill."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from maenas.backbone_search.objects import SearchObjects
from maenas.backbone_search.plan import Subproblem, fingerprint, plan
from maenas.backbone_search.verification.meters import FOLDER as FINALISTS_FOLDER
from maenas.backbone_search.verification.records import FILE as RECORDS_FILE
from maenas.blocks import MaenasError, SpecError
from maenas.blocks.files.plain_file import read_bytes
from maenas.blocks.files.yaml_file import LIMIT
from maenas.detector import bundled_templates
from maenas.runs.config import SearchConfig, differences, load_config
from maenas.runs.named_files import named_as_in
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


def opened_run(
    out: Path | None,
    resume: bool,
    exist_ok: bool,
    command: str = "search",
    has_begun: Callable[[Path], bool] | None = None,
) -> AbstractContextManager[Path]:
    """Open the folder of a run, to resume it or to begin a new one.

    Args:
        out: folder named by the user; None for the next free one, or for the last one to resume.
        resume: whether the run in the folder is continued, if it holds one.
        exist_ok: whether the run in the folder is replaced.
        command: name of the folders' parent in `runs`.
        has_begun: function that returns whether a folder holds a run to resume; None for one or
            several searches.
    Raises:
        MaenasError: if the folder holds other files, or another process writes into it.
    """
    if resume:
        return resumed_run(out, command, has_begun or has_run)
    return new_run(out, command, exist_ok, can_resume=True)


def check_folder_options(resume: bool, exist_ok: bool) -> None:
    """Refuse two options that contradict each other."""
    if resume and exist_ok:
        raise SpecError("search: --resume continues the run, --exist-ok replaces it; give one.")


def startable(config: SearchConfig | None, folder: Path, resume: bool) -> SearchConfig:
    """The options of a run that begins.

    Raises:
        SpecError: if they have no budget.
    """
    if config is not None and config.budgets:
        return config
    if resume:
        raise SpecError(f"{folder}: there is no run to resume; --budget starts one.")
    raise SpecError("budget: at least one is needed, such as --budget 3.8ms --device t4.")


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
    require_own(folder, is_run, "a search")
    remove_files(folder, clear)


def require_own(folder: Path, is_own: Callable[[Path], bool], kind: str) -> None:
    """Raise `MaenasError` if a folder holds files, but no run of the kind that replaces them."""
    if is_begun(folder) and not is_own(folder):
        raise MaenasError(
            f"{folder}: is not the folder of {kind}, so nothing in it is replaced; --out names "
            "another folder."
        )


def remove_files(folder: Path, remove: Callable[[Path], None]) -> None:
    """Remove the files of a run by a function of its folder, if it holds one.

    Raises:
        MaenasError: if the folder cannot be written.
    """
    if not is_begun(folder):
        return
    try:
        remove(folder)
    except OSError as error:
        raise MaenasError(f"{folder}: cannot be written: {error.strerror or error}.") from None


def clear(folder: Path) -> None:
    """Remove the files of an old run, so that none is taken for a file of the new run."""
    subproblems = [folder / name for name in bundled_templates()]
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
    if config is not None:
        require_same(path, differences(named_as_in(saved, config), saved, asked))
    subproblems = plan(saved, objects)
    require_stamp(path, fingerprint(subproblems, objects), stamp)
    return saved, subproblems


def require_same(path: Path, different: Sequence[str]) -> None:
    """Raise `MaenasError` if options differ from those of the run in the file."""
    if different:
        raise MaenasError(f"{path}: another search: {'; '.join(different)}.")


def require_stamp(path: Path, now: str, saved: str) -> None:
    """Raise `MaenasError` if what the options name has changed since the run in the file began."""
    if now != saved:
        raise MaenasError(
            f"{path}: the space, template, score, searcher or device model has changed since the "
            "run was started; start it again with --exist-ok."
        )
