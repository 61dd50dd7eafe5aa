"""A search that is killed, or runs out of disk, and goes on as if nothing had happened."""

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from maenas.nas.search import SAVE_EVERY_S
from tests.patience import PATIENCE_S

EVALUATIONS = 40_000
ASKED = ("search", "--budget", "3.8ms", "--device", "t4", "--evaluations", EVALUATIONS)
PART = 400_000  # bytes of some 1,600 networks of the history
DEADLINE_S = PATIENCE_S


@dataclass
class Story:
    """What happened to a run before it was finished."""

    folder: Path
    codes: list[int] = field(default_factory=list)
    evaluations: list[int] = field(default_factory=list)
    finished_early: list[bool] = field(default_factory=list)
    error: str = ""
    state_survived: bool = False

    @property
    def history(self) -> Path:
        return self.folder / "history.jsonl"

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    def note(self, code: int) -> None:
        """Remember how a process ended and what it left."""
        state = json.loads(self.state.read_text("utf-8")) if self.state.exists() else {}
        self.codes.append(code)
        self.evaluations.append(state.get("evaluations", 0))
        self.finished_early.append((self.folder / "best.yaml").exists())


def wait(process: subprocess.Popen[str], happened) -> None:
    """Until something has happened."""
    started = time.monotonic()
    while not happened():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() - started < DEADLINE_S
        time.sleep(0.002)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.fixture(scope="module")
def story(start, tmp_path_factory):
    """A run killed at three random moments, out of disk once, and resumed each time."""
    parent = tmp_path_factory.mktemp("killed")
    story, rng = Story(parent / "run"), Random(os.urandom(8))

    # Before it has saved anything.
    process = start(*ASKED, "--finalists", 0, "--out", "run", cwd=parent)
    least = rng.uniform(0.05, 0.8) * PART
    wait(process, lambda: size(story.history) > least)
    process.kill()
    story.note(process.wait())

    # After it has saved: it does so every so many seconds, and here it sleeps through them.
    for _ in range(2):
        before = story.history.stat().st_mtime_ns
        saved = story.state.read_bytes() if story.state.exists() else b""
        process = start(*ASKED, "--resume", "--finalists", 0, "--out", "run", cwd=parent)
        wait(process, lambda before=before: story.history.stat().st_mtime_ns > before)
        kept = size(story.history)
        wait(process, lambda kept=kept: size(story.history) > kept + PART)
        process.send_signal(signal.SIGSTOP)
        time.sleep(SAVE_EVERY_S + 0.1)
        process.send_signal(signal.SIGCONT)
        wait(
            process, lambda saved=saved: story.state.exists() and story.state.read_bytes() != saved
        )
        least = size(story.history) + rng.uniform(0, 3) * PART
        wait(process, lambda least=least: size(story.history) > least)
        process.kill()
        story.note(process.wait())

    saved = story.state.read_bytes()
    most = json.loads(saved)["history_bytes"] + PART
    process = start(
        *("search", "--resume", "--finalists", 0, "--out", "run"),
        cwd=parent,
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )
    story.error = process.communicate(timeout=DEADLINE_S)[1]
    story.note(process.wait())
    story.state_survived = story.state.read_bytes() == saved

    options = ("--finalists", 0, "--workers", 2, "--out", "run")
    process = start("search", "--resume", *options, cwd=parent)
    assert process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    return story


@pytest.fixture(scope="module")
def undisturbed(start, tmp_path_factory):
    """The same search in one go, while the other is being killed."""
    parent = tmp_path_factory.mktemp("undisturbed")
    return parent / "run", start(*ASKED, "--finalists", 0, "--out", "run", cwd=parent)


@pytest.mark.slow
def test_killed_and_resumed_it_ends_the_same_to_the_byte(undisturbed, story):
    run, process = undisturbed
    assert process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    for name in ("best.yaml", "history.jsonl", "curve.png", "scatter.png"):
        assert (story.folder / name).read_bytes() == (run / name).read_bytes(), name


@pytest.mark.slow
def test_it_was_killed_in_the_middle(story):
    assert story.codes[:3] == [-signal.SIGKILL] * 3
    unsaved, first, second = story.evaluations[:3]
    assert unsaved == 0 < first < second < EVALUATIONS
    assert not any(story.finished_early)


@pytest.mark.slow
def test_a_full_disk_is_told_in_one_line_and_loses_nothing_saved(story):
    assert story.codes[3] == 2
    assert story.error.splitlines()[-1] == (
        "error: run/history.jsonl: cannot be written: File too large."
    )
    assert "Traceback" not in story.error
    assert "Exception" not in story.error
    assert story.state_survived


# The same on a small scale, where what is on the disk is easier to say.


@pytest.fixture
def finished(small_folder, tmp_path):
    """A copy of a finished run where `typed` runs."""
    shutil.copytree(small_folder, tmp_path, dirs_exist_ok=True)
    return tmp_path / "run"


@pytest.mark.slow
def test_a_finished_run_is_resumed_to_itself(typed, finished, files_below):
    before = files_below(finished)
    assert typed("search", "--resume", "--finalists", "0", "--out", "run").code == 0
    after = files_below(finished)
    for name in ("best.yaml", "history.jsonl", "state.json", "config.yaml"):
        assert after[name] == before[name], name


def test_the_last_numbered_run_is_the_one_resumed(typed, small):
    for _ in range(2):
        typed(*small)
    told = typed("search", "--resume", "--finalists", "0", "--json").json
    assert told["spec"] == "runs/search/exp2/best.yaml"


def test_only_the_options_typed_must_be_those_of_the_run(typed, small, finished):
    repeated = ("--out", "run", "--resume", "--finalists", "0")
    assert typed(*small, *repeated).code == 0
    assert typed("search", "--evaluations", "600", "--seed", "0", *repeated).code == 0
    refused = typed("search", "--seed", "1", *repeated)
    assert refused.code == 2
    assert (
        refused.err
        == "error: run/config.yaml: another search: seed is 0 in the run, 1 in the command.\n"
    )


def test_what_is_written_after_the_last_save_is_cut_off(typed, finished):
    history, best = finished / "history.jsonl", (finished / "best.yaml").read_bytes()
    whole = history.read_bytes()
    history.write_bytes(whole + b'{"i": 521, "genes": [16, 4')
    (finished / "best.yaml").unlink()  # killed before its end
    assert typed("search", "--resume", "--finalists", "0", "--out", "run").code == 0
    assert history.read_bytes() == whole
    assert (finished / "best.yaml").read_bytes() == best


@pytest.mark.slow
def test_a_family_goes_on_with_the_scale_it_was_at(typed, unlimited, tmp_path, files_below):
    """Killed after the first scale, before the second has saved anything."""
    asked = [word for word in unlimited if word not in ("--template", "t")]
    range_of = ("--budget", "300MMACs..40GMACs", "--points", "2", "--scope", "backbone")
    typed(*asked, *range_of, "--out", "run")
    run = tmp_path / "run"
    whole = files_below(run)
    assert {"ns/state.json", "l/state.json"} <= set(whole)
    shutil.rmtree(run / "l")
    shutil.rmtree(run / "pareto")
    for name in ("best.yaml", "result.json", "report.html"):
        (run / name).unlink()
    assert typed("search", "--resume", "--finalists", "0", "--out", "run").code == 0
    resumed = files_below(run)
    assert set(resumed) == set(whole)
    for name in whole:
        if name not in ("result.json", "report.html"):  # these say how long it took
            assert resumed[name] == whole[name], name


@pytest.mark.slow
def test_a_disk_full_at_the_report_leaves_no_half_result(maenas, small, small_folder, tmp_path):
    whole = small_folder / "run"
    most = (whole / "history.jsonl").stat().st_size
    assert most < (whole / "report.html").stat().st_size

    def little_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    stopped = maenas(*small, "--out", "run", cwd=tmp_path, code=2, before=little_disk)
    error = "error: run/report.html: cannot be written: File too large."
    assert stopped.out == ""
    assert stopped.err.splitlines()[-1] == error
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert left & {"best.yaml", "report.html"} == set()
    assert not any(name.startswith(".") for name in left)
    maenas("search", "--resume", "--finalists", "0", "--out", "run", cwd=tmp_path)
    assert (tmp_path / "run" / "best.yaml").read_bytes() == (whole / "best.yaml").read_bytes()


def test_a_disk_full_from_the_start_leaves_no_file(maenas, small, tmp_path):
    def no_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    stopped = maenas(*small, "--out", "run", cwd=tmp_path, code=2, before=no_disk)
    assert stopped.out == ""
    assert stopped.err == "error: run/config.yaml: cannot be written: File too large.\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(start, tmp_path):
    process = start(*ASKED, "--out", "run", cwd=tmp_path)
    wait(process, lambda: size(tmp_path / "run" / "history.jsonl") > PART)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, out) == (130, "")
    told = "interrupted; the same command with --resume continues from the last save"
    assert err.splitlines()[-1] == told
