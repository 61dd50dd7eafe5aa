"""Several searches in one command: each space on each device, with one report on all of them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from itertools import product
from pathlib import Path

import yaml

from maenas.backbone_search.effort import Effort
from maenas.backbone_search.job import Job
from maenas.backbone_search.objects import SearchObjects
from maenas.backbone_search.plan import plan
from maenas.backbone_search.priced_devices import device_names_in
from maenas.backbone_search.results.searches import OWN_FILES, Entry, Searches, write_searches
from maenas.backbone_search.run import results, tell_losses
from maenas.backbone_search.run_folder import (
    LIST_FILE,
    check_folder_options,
    clear,
    is_begun,
    is_run,
    is_several,
    opened_run,
    remove_files,
    require_own,
    resumed,
)
from maenas.blocks import MaenasError, SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.inside import inside
from maenas.blocks.files.json_file import read_json
from maenas.blocks.files.temporary import sweep_temporaries
from maenas.blocks.files.words import shown
from maenas.blocks.files.yaml_file import read_yaml
from maenas.budgets import InfeasibleError
from maenas.runs.config import SearchConfig
from maenas.runs.folders import last_run
from maenas.runs.start import mark_begun
from maenas.terminal.device_warnings import warn_of

LOG = logging.getLogger(__name__)

FORMAT = "maenas/searches@1"
FINISHED = ("best.yaml", "result.json")  # the first is written last
APART = frozenset({"space", "device"})  # options that differ among the searches of a command


def last_is_several(out: Path | None) -> bool:
    """Whether the run that `--resume` continues consists of several searches."""
    return is_several(out or last_run("search"))


def every(
    config: SearchConfig, spaces: Sequence[str | None], devices: Sequence[str | None]
) -> dict[str, SearchConfig]:
    """The options for each space on each device, by the name of their folder.

    Raises:
        SpecError: if a space or a device is given twice.
    """
    several = {"space": len(spaces) > 1, "device": len(devices) > 1}
    configs: dict[str, SearchConfig] = {}
    for space, device in product(spaces, devices):
        words = [
            Path(word).stem if word.endswith((".yaml", ".json")) else word
            for word, shown in ((space, several["space"]), (device, several["device"]))
            if word is not None and shown
        ]
        name = "-".join(words)
        if name in configs:
            raise SpecError(f"search: {name} is given twice among spaces and devices.")
        configs[name] = replace(config, space=space, device=device)
    return configs


def run_searches(
    configs: dict[str, SearchConfig] | None,
    out: Path | None,
    resume: bool = False,
    exist_ok: bool = False,
    effort: Effort | None = None,
    asked: Collection[str] | None = None,
    objects: SearchObjects | None = None,
) -> Searches:
    """Run several searches, each in its own folder, and report on all of them.

    Args:
        configs: options by name of the search; None to read them from the folder to resume.
        out: folder of all searches; None as for one search.
        resume: whether to continue: finished searches are kept, the others run on.
        exist_ok: whether to replace the searches in the folder.
        effort: compute options of each search; None for the defaults.
        asked: fields of a config that a resumed search must agree with; None for all.
        objects: score and searcher that replace what the options name.
    Raises:
        InfeasibleError: if no search has a network within its budgets.
        MaenasError: for an error that the user can fix, in one line.
    """
    effort = effort or Effort()
    check_folder_options(resume, exist_ok)
    with opened_run(out, resume, exist_ok) as folder:
        return _run(configs, folder, resume, effort, asked, objects)


def _run(
    configs: dict[str, SearchConfig] | None,
    folder: Path,
    resume: bool,
    effort: Effort,
    asked: Collection[str] | None,
    objects: SearchObjects | None,
) -> Searches:
    goes_on = resume and is_begun(folder)
    jobs = (
        _resumed(configs, folder, asked, objects)
        if goes_on
        else _begun(configs or {}, folder, objects)
    )
    warn_of(part.problem.device for job in jobs.values() for part in job.subproblems)
    entries = {name: _finished(name, job) for name, job in jobs.items()}
    left = [] if all(entries.values()) else _prepared(jobs, entries, effort)
    if left:  # those that are infeasible need no workers
        with effort.opened() as executor:
            if not goes_on:
                _replace_runs(folder)
                _write_list(folder, list(jobs))  # from here on there is something to resume
                mark_begun(folder)
            for job in jobs.values():
                if not job.resume:
                    job.folder.mkdir(exist_ok=True)
                    job.save_config()
            found = results([jobs[name] for name in left], executor, effort)
            for number, (name, result) in enumerate(zip(left, found, strict=True), start=1):
                if isinstance(result, InfeasibleError):
                    entries[name] = Entry(name, None, str(result))
                else:
                    entries[name] = Entry(name, result.to_json())
                LOG.info(f"search {number} of {len(left)} is done: {name}")
            tell_losses(executor)
    searches = Searches(folder, tuple(entry for entry in entries.values() if entry))
    write_searches(searches)
    return searches


def _prepared(jobs: dict[str, Job], entries: dict[str, Entry | None], effort: Effort) -> list[str]:
    """Prepare the searches and name those to run; infeasible ones get an entry with the reason.

    Raises:
        InfeasibleError: if no search has a network within its budgets.
    """
    left = []
    devices = {name for job in jobs.values() for name in device_names_in(job.config)}
    for name, job in jobs.items():
        if entries[name] is not None:
            continue
        try:
            job.prepare(effort, devices)
        except InfeasibleError as error:
            entries[name] = Entry(name, None, str(error))
        else:
            left.append(name)
    if all(entry is not None and entry.result is None for entry in entries.values()):
        raise InfeasibleError("; ".join(f"{e.name}: {e.note}" for e in entries.values() if e))
    return left


def _begun(
    configs: dict[str, SearchConfig], folder: Path, objects: SearchObjects | None
) -> dict[str, Job]:
    return {name: _new(config, folder / name, objects) for name, config in configs.items()}


def _new(config: SearchConfig, folder: Path, objects: SearchObjects | None) -> Job:
    return Job(config, folder, False, plan(config, objects), objects=objects)


def _resumed(
    configs: dict[str, SearchConfig] | None,
    folder: Path,
    asked: Collection[str] | None,
    objects: SearchObjects | None,
) -> dict[str, Job]:
    """The searches saved in a folder; they must agree with the options given, if any."""
    path = folder / LIST_FILE
    if not path.is_file():
        raise MaenasError(f"{folder}: there are no searches to resume; leave --resume out.")
    names = listed_names(path)
    chosen = asked is not None and bool(APART & set(asked))
    if configs is not None and chosen and list(configs) != names:
        raise MaenasError(
            f"{path}: other searches: {', '.join(names)} in the folder, "
            f"{', '.join(configs)} in the command."
        )
    known = configs is not None and list(configs) == names
    every_field = {field.name for field in fields(SearchConfig)}
    rest = asked if known else (every_field if asked is None else set(asked)) - APART
    jobs = {}
    for name in names:
        wanted = None if configs is None else configs[name if known else next(iter(configs))]
        if is_run(folder / name):
            config, subproblems = resumed(wanted, rest, folder / name, objects)
            jobs[name] = Job(config, folder / name, True, subproblems, objects=objects)
        else:  # killed after the list was written, before this search began
            config = _config_of(name, configs, path)
            jobs[name] = _new(config, folder / name, objects)
    return jobs


def _config_of(name: str, configs: dict[str, SearchConfig] | None, path: Path) -> SearchConfig:
    """The options of a search that was listed but did not begin, from this command line."""
    config = (configs or {}).get(name)
    if config is None or not config.budgets:
        raise MaenasError(
            f"{path}: the search {name} was not started; repeat the whole command with --resume."
        )
    return config


def listed_names(path: Path) -> list[str]:
    """The folders of the searches in `searches.yaml`.

    Raises:
        SpecError: if the file is damaged or a name leads out of the folder.
    """
    names = read_yaml(path, FORMAT).get("searches")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SpecError(f"{path}: damaged: `searches` must be a list of names.")
    for name in names:
        if inside(path.parent, name, f"{path}: searches").parent != path.parent or "\\" in name:
            raise SpecError(f"{path}: searches: {shown(name)} is not the name of a folder.")
    return names


def _finished(name: str, job: Job) -> Entry | None:
    """The entry of a search that an earlier run finished; None if it is not finished."""
    if not job.resume or not all((job.folder / file).is_file() for file in FINISHED):
        return None
    path = job.folder / "result.json"
    try:
        return Entry(name, read_json(path))
    except SpecError:
        return None  # damaged: the search runs again and writes a new one


def _replace_runs(folder: Path) -> None:
    """Remove the searches in a folder, if there are any, to begin others."""
    require_own(folder, is_several, "several searches")
    remove_files(folder, _clear)


def _clear(folder: Path) -> None:
    for name in filter(lambda name: is_run(folder / name), listed_names(folder / LIST_FILE)):
        clear(folder / name)
        (folder / name / "config.yaml").unlink(missing_ok=True)
        sweep_temporaries(folder / name)
        if not any((folder / name).iterdir()):
            (folder / name).rmdir()
    # The list stays until it is replaced: it marks the folder as one of several searches.
    for name in OWN_FILES:
        (folder / name).unlink(missing_ok=True)


def _write_list(folder: Path, names: list[str]) -> None:
    text = yaml.safe_dump({"format": FORMAT, "searches": names}, sort_keys=False)
    write_text(folder / LIST_FILE, text)
