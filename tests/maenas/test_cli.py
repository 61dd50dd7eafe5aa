"""The command line itself: quick to answer, and nothing loaded that a command does not need."""

import ast
import os
import subprocess
import sys

import pytest

from maenas import __version__
from maenas.cli.app import main
from tests.patience import PATIENCE_S

COMMANDS = ("search", "show", "score", "zoo", "checks")
HEAVY = {"torch", "torchvision", "numpy", "scipy", "matplotlib", "ray", "onnx", "openvino"}


def loaded_by(code, cwd):
    """Which heavy packages a piece of Python has loaded when it ends."""
    script = f"import sys\n{code}\nprint({HEAVY!r} & set(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    last = done.stderr.splitlines()[-1]
    return ast.literal_eval(last) if last != "set()" else set()


def run_main(*arguments):
    """Python that runs a command."""
    return (
        f"sys.argv = {['maenas', *arguments]!r}\n"
        "from maenas.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code"
    )


@pytest.mark.parametrize(
    "code",
    [
        "import maenas.cli.app",
        run_main("--help"),
        run_main("search", "--help"),
        run_main("--version"),
    ],
    ids=["import", "help", "help of a command", "version"],
)
def test_nothing_heavy_is_loaded_to_help(tmp_path, code):
    assert loaded_by(code, tmp_path) == set()


def test_a_search_without_finalists_loads_neither_torch_nor_ray(small_folder, tmp_path):
    asked = ("--budget", "100MMACs", "--template", "t", "--input-size", "64")
    options = ("--weights", "1,1,2,4", "--evaluations", "300", "--finalists", "0")
    space = str(small_folder / "small.yaml")
    run = run_main("search", "--space", space, *asked, *options)
    assert loaded_by(run, tmp_path) == {"numpy", "matplotlib"}


@pytest.mark.parametrize("command", [("show", "zoo:damo-yolo-s"), ("zoo",)], ids=" ".join)
def test_looking_at_specs_loads_numpy_at_most(tmp_path, command):
    assert loaded_by(run_main(*command), tmp_path) <= {"numpy"}


def test_help_names_the_commands(maenas, tmp_path):
    shown = maenas("--help", cwd=tmp_path).out
    assert [command for command in COMMANDS if command not in shown] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(typed, command):
    ran = typed(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert "--json" in ran.out


def test_help_lists_commands_and_options_in_groups(typed):
    groups = ("Search a backbone", "Build and run a detector", "Train and evaluate")
    for group in (*groups, "Latency of a device", "This machine"):
        assert group in typed("--help").out
    for group in ("Budget", "Network", "Method", "Where it runs", "Output"):
        assert f"─ {group} ─" in typed("search", "--help").out


def test_help_is_a_command_too(typed):
    assert typed("help", "zoo") == typed("zoo", "--help")
    assert typed("help") == typed("--help")


def test_the_shell_completes_commands(maenas, tmp_path):
    asked = {"_MAENAS_COMPLETE": "complete_bash", "COMP_WORDS": "maenas tra", "COMP_CWORD": "1"}
    ran = maenas(cwd=tmp_path, environ=asked)
    assert ran.out.split() == ["train", "train-family"]


def test_help_says_what_is_used_where_an_option_is_left_out(typed):
    shown = typed("search", "--help").words
    for word in ("by budget", "the template's", "runs/search/exp", "100000", "0,0,1,1,6"):
        assert word in shown


def test_version(typed):
    ran = typed("--version")
    assert (ran.code, ran.out) == (0, f"maenas {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [("serach",), ("search", "--bugdet", "3ms"), ("search", "--seed", "x"), ("show",)],
    ids=" ".join,
)
def test_what_is_no_command_ends_with_exit_code_2(typed, arguments):
    ran = typed(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Error" in ran.err
    assert "Traceback" not in ran.err


def test_ctrl_c_while_the_commands_are_listed_is_no_traceback(monkeypatch, capsys):
    def pressed(app):
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.main.get_command", pressed)
    monkeypatch.setattr(sys, "argv", ["maenas", "zoo"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [("zoo",), ("zoo", "--json")], ids=" ".join)
def test_a_reader_that_goes_away_is_no_error(tmp_path, arguments):
    """As in `maenas zoo | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "maenas", *arguments],
            cwd=tmp_path,
            stdout=pipe,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_S,
        )
    assert done.stderr == b""
