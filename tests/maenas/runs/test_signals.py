"""Signals as exceptions, as a flag, and never lost."""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from maenas.runs.signals import (
    AGAIN_AFTER_S,
    ENDING,
    Interrupted,
    caught_signals,
    exit_code,
)

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
    pytest.mark.usefixtures("usual_signals"),
]


def send(number: int) -> None:
    """Send a signal to this process, and let it arrive."""
    os.kill(os.getpid(), number)
    time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_is_an_exception_with_the_exit_code_of_a_shell(number: int, code: int) -> None:
    with pytest.raises(Interrupted) as error, caught_signals():
        send(number)
    assert exit_code(error.value) == code


def test_ctrl_c_without_our_handler_has_the_same_exit_code() -> None:
    assert exit_code(KeyboardInterrupt()) == 130


@pytest.mark.parametrize("number", ENDING)
def test_an_interrupt_that_lost_its_number_gets_it_back(number: int) -> None:
    """Ray answers a signal in C++ by a `KeyboardInterrupt` of its own: SIGTERM ended with 130."""

    def waits_in_ray() -> None:
        with suppress(Interrupted):
            os.kill(os.getpid(), number)
            time.sleep(1)
        raise KeyboardInterrupt

    with pytest.raises(Interrupted) as raised, caught_signals():
        waits_in_ray()
    assert raised.value.number == number


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("nested", [False, True])
def test_an_interrupt_that_compiled_code_made_another_error_of_is_one_again(
    number: int, nested: bool
) -> None:
    """pydantic, interrupted while it builds a schema, raises a `SchemaError`."""

    def builds_a_schema() -> None:
        try:
            send(number)
        except KeyboardInterrupt as error:
            raise ValueError("building a serializer failed") from error

    inner = caught_signals if nested else nullcontext
    with pytest.raises(Interrupted) as raised, caught_signals(), inner():
        builds_a_schema()
    assert raised.value.number == number


def test_the_answer_to_an_interrupt_is_not_an_interrupt_again() -> None:
    """A command's inner block prints one line and ends it with an exit code of its own."""

    def answers() -> None:
        try:
            with caught_signals():
                send(signal.SIGTERM)
        except Interrupted:
            raise RuntimeError("exit code 143") from None

    with pytest.raises(RuntimeError, match="exit code 143"), caught_signals():
        answers()


def test_an_error_without_a_signal_or_beside_a_held_one_stays_itself() -> None:
    def fails() -> None:
        raise ValueError("a fault")

    def fails_after_a_signal() -> None:
        send(signal.SIGTERM)
        fails()

    with pytest.raises(ValueError, match="a fault"), caught_signals():
        fails()
    with pytest.raises(ValueError, match="a fault"), caught_signals() as signals, signals.held():
        fails_after_a_signal()


def test_held_it_is_a_flag_and_the_block_goes_on() -> None:
    with caught_signals() as signals, signals.held():
        send(signal.SIGTERM)
        assert signals.requested()
        assert signals.number == signal.SIGTERM


def test_a_second_ctrl_c_ends_a_block_that_holds_signals_but_a_repeated_one_does_not() -> None:
    with caught_signals() as signals, signals.held():
        send(signal.SIGTERM)
        send(signal.SIGINT)  # from a launcher that had it as well
        time.sleep(AGAIN_AFTER_S)
        send(signal.SIGTERM)  # from a scheduler, which is not impatient
        with pytest.raises(Interrupted) as error:
            send(signal.SIGINT)
    assert error.value.number == signal.SIGTERM


def test_a_prompt_block_is_not_even_begun_after_a_signal() -> None:
    with caught_signals() as signals, signals.held():
        send(signal.SIGINT)
        with pytest.raises(Interrupted):
            signals.prompt().__enter__()
        send(signal.SIGINT)  # held once more


def test_one_that_was_swallowed_is_raised_where_the_next_block_begins() -> None:
    with caught_signals() as signals:
        with suppress(KeyboardInterrupt):  # as a destructor does
            send(signal.SIGINT)
        with pytest.raises(Interrupted):
            signals.held().__enter__()


def test_an_import_is_finished_before_a_signal_ends_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_module.py").write_text(
        "import os, signal, time\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(0.2)\n"
        "is_whole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    imported = []

    def work() -> None:
        imported.append(importlib.import_module("slow_module"))
        while True:
            time.sleep(0.01)

    with pytest.raises(Interrupted) as error, caught_signals():
        work()
    assert imported[0].is_whole
    assert error.value.number == signal.SIGTERM


@pytest.mark.parametrize("seconds", [0.0, 0.1])
def test_ctrl_c_while_the_command_line_is_imported_is_no_traceback(seconds: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "maenas", "--version"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stderr is not None
        started = any("typer" in line for line in process.stderr)
        assert started
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        assert "Traceback" not in process.stderr.read()


def test_inner_blocks_share_the_signals_and_handlers_come_back_at_the_end() -> None:
    before = [signal.getsignal(number) for number in ENDING]
    with caught_signals() as outer, caught_signals() as inner:
        assert inner is outer
    assert [signal.getsignal(number) for number in ENDING] == before


def test_what_nohup_ignores_stays_ignored() -> None:
    code = (
        "import os, signal\n"
        "from maenas.runs.signals import caught_signals\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with caught_signals():\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_another_thread_changes_no_handler() -> None:
    def work() -> None:
        with caught_signals() as signals, signals.held():
            found.append(signals.requested())

    found: list[bool] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


def test_it_travels_between_processes() -> None:
    again = pickle.loads(pickle.dumps(Interrupted(signal.SIGTERM)))
    assert exit_code(again) == 143


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_after_the_work_changes_neither_exit_code_nor_output(number: int) -> None:
    command = (
        "import atexit, os, sys\n"
        f"atexit.register(lambda: os.kill(os.getpid(), {int(number)}))\n"
        "from maenas.cli.app import main_and_exit\n"
        "sys.argv = ['maenas', '--version']\n"
        "main_and_exit()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
