"""Options that every command has: before the command and after it, with the same effect."""

from __future__ import annotations

import inspect
import json
import logging
from typing import Annotated, Any

import pytest
import typer

from maenas.cli.commands import GROUPS
from maenas.cli.option_names import option_names
from maenas.terminal.log import Lines

COMMANDS = [command.__name__.replace("_", "-") for group in GROUPS.values() for command in group]


@pytest.mark.parametrize(
    "words", [("--verbose", "show", "zoo:damo-yolo-ns"), ("show", "zoo:damo-yolo-ns", "-v")]
)
def test_verbose_prints_what_is_read_with_its_logger(typed: Any, words: tuple[str, ...]) -> None:
    ran = typed(*words)
    assert "blocks.files.yaml_file: read" in ran.err
    assert "damo-yolo-ns.yaml" in ran.err
    assert "yaml_file" not in typed("show", "zoo:damo-yolo-ns").err


@pytest.mark.parametrize("before", [True, False])
def test_quiet_leaves_the_result_and_errors(typed: Any, before: bool) -> None:
    words = ("data", "make-shapes", "--images", "4", "--size", "64")
    loud = typed(*words, "--out", "a")
    quiet = ("--quiet", *words, "--out", "b") if before else (*words, "--out", "b", "--quiet")
    ran = typed(*quiet)
    assert "make-shapes: " in loud.err
    assert (ran.err, ran.code) == ("", 0)
    assert "b" in ran.out
    assert "error: " in typed("--quiet", "show", "nothing.yaml").err


def test_quiet_and_verbose_exclude_each_other(typed: Any) -> None:
    ran = typed("--quiet", "zoo", "--verbose")
    assert ran.code == 2
    assert "exclude each other" in " ".join(ran.err.replace("│", "").split())


def test_a_command_leaves_no_handler_behind(typed: Any) -> None:
    typed("--verbose", "zoo")
    root = logging.getLogger("maenas")
    assert [one for one in root.handlers if isinstance(one, Lines)] == []
    assert root.level == logging.NOTSET


@pytest.mark.parametrize("words", [("--no-color", "zoo"), ("zoo", "--no-color"), ("zoo",)])
def test_colour_is_printed_where_it_is_forced_and_not_refused(
    maenas: Any, tmp_path: Any, words: tuple[str, ...]
) -> None:
    shown = maenas(*words, "--help", cwd=tmp_path, environ={"FORCE_COLOR": "1"}).out
    assert ("\x1b[1;36m" in shown) == (words == ("zoo",))


def test_help_json_lists_every_command_with_its_options(typed: Any) -> None:
    tree = json.loads(typed("--help-json").out)
    assert [each["command"].removeprefix("maenas ") for each in tree["commands"]] == [
        *COMMANDS,
        "data",
    ]
    for command in tree["commands"]:
        flags = [flag for option in command["options"] for flag in option["flags"]]
        assert {"--quiet", "--verbose", "--no-color", "--plugin", "--help-json"} <= set(flags)
    inside = [each["command"] for each in tree["commands"][-1]["commands"]]
    names = ("check", "convert", "make-shapes", "show", "stats", "union")
    assert inside == [f"maenas data {name}" for name in names]


def test_help_json_of_a_command_says_type_default_and_help(typed: Any) -> None:
    search = json.loads(typed("search", "--help-json").out)
    options = {option["name"]: option for option in search["options"]}
    assert options["evaluations"]["default"] == 100_000
    assert options["evaluations"]["type"] == "integer"
    assert options["seed"]["help"]
    assert options["as_json"]["type"] == "boolean"
    assert options["budget"]["repeatable"]
    detect = json.loads(typed("detect", "--help-json").out)
    assert [each["name"] for each in detect["arguments"]] == ["model", "source"]
    assert detect["arguments"][0]["required"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_completion_script_is_printed(maenas: Any, tmp_path: Any, shell: str) -> None:
    assert "_MAENAS_COMPLETE" in maenas("--show-completion", shell, cwd=tmp_path).out


@pytest.mark.parametrize(
    ("typed_words", "expected"),
    [
        ("maenas predict zoo:mae", "zoo:mae-det-l"),
        ("maenas predict x --device t4-t", "t4-trt8"),
        ("maenas search --space mobv", "mobv3"),
        ("maenas schema search-r", "search-result"),
    ],
)
def test_the_shell_completes_names(
    maenas: Any, tmp_path: Any, typed_words: str, expected: str
) -> None:
    asked = {
        "_MAENAS_COMPLETE": "complete_bash",
        "COMP_WORDS": typed_words,
        "COMP_CWORD": str(len(typed_words.split()) - 1),
    }
    assert expected in maenas(cwd=tmp_path, environ=asked).out.replace("\\", "").split()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--max-detections", "5"), "error: --max-detections: must be at least 10, "),
        (("--data", "nowhere"), "error: nowhere: no such file or folder"),
    ],
)
def test_an_error_names_an_option_as_it_is_typed(
    typed: Any, words: tuple[str, ...], said: str
) -> None:
    ran = typed("val", "zoo:damo-yolo-ns", "--data", "shapes", *words)
    assert ran.code == 2
    assert said in ran.err


def test_an_option_of_another_name_is_named_as_it_is_typed() -> None:
    def command(
        as_json: Annotated[bool, typer.Option("--json")] = False,
        at_score: Annotated[float, typer.Option()] = 0.5,
        in_shape: Annotated[str, typer.Argument()] = "",
    ) -> None: ...

    names = option_names(inspect.signature(command, eval_str=True))
    assert names == {"as_json": "--json", "at_score": "--at-score"}
