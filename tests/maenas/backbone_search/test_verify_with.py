"""`--verify-with`: a command of the user's measures the finalists, and what it says counts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import maenas
from maenas.backbone_search.verification.device_command import (
    DeviceCommand,
    VerifyError,
    check_unit,
    milliseconds_in,
)
from maenas.backbone_search.verify import commands_by_device
from maenas.blocks.backbone_file import load_spec
from maenas.budgets import load_device
from maenas.nas.problem import PricedDevice
from tests.maenas.conftest import SMALL_SPACE, Shell
from tests.patience import PATIENCE_S
from tests.small_pair import CPU, GPU, latency, pair

PAIR = pair(0.5)
ONE = (*PAIR[:2], *PAIR[4:])
LIMITS = latency(GPU, 0.5), latency(CPU, 0.5)
ECHO = "echo {onnx} 3 ms"

# What a command prints.


@pytest.mark.parametrize(
    ("output", "ms"),
    [
        ("3.21\n", 3.21),
        ("3.21 ms", 3.21),
        ("median: 3.21ms\n", 3.21),
        ("GPU Compute Time: min = 1.2 ms, max = 4 ms, median = 1.31 ms\n&&&& PASSED\n", 1.31),
        ("warm-up 9\n.5e1\n\n", 5.0),
        ("1 ms\n2 ms\nthroughput 300 FPS\n", 2.0),
        ("latency=7.5 ms", 7.5),
        ("3.2.1 ms\n4\n", 4.0),
    ],
)
def test_the_last_line_with_a_latency_counts(output: str, ms: float) -> None:
    assert milliseconds_in(output) == ms


@pytest.mark.parametrize(
    "output", ["", "done\n", "3.2 seconds", "v1.2ms is old", "3 FPS", "nan", "median 2,31 ms"]
)
def test_output_without_a_latency_has_none(output: str) -> None:
    assert milliseconds_in(output) is None


# What a command may be.


@pytest.mark.parametrize("ms", [0.0038, 3800.0])
def test_an_answer_in_another_unit_is_refused(ms: float) -> None:
    check_unit(38.0, 3.8, "measure.sh", "t4")
    with pytest.raises(VerifyError, match=rf"gave {ms:g} ms .* 3.8 ms on t4; it must print milli"):
        check_unit(ms, 3.8, "measure.sh", "t4")


def test_placeholders_stay_single_words_and_no_shell_runs() -> None:
    command = DeviceCommand("tool '{onnx}' --as={name} $HOME | cat {{x}}", 1.0)
    filled = command.filled({"onnx": "/a folder/x;rm y.onnx", "spec": "", "name": "finalist-1"})
    assert filled == [
        *("tool", "/a folder/x;rm y.onnx", "--as=finalist-1", "$HOME", "|", "cat", "{x}"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "verify_with: a command is expected, got an empty one"),
        ("./measure.sh", r"names no network; \{onnx\} stands for its ONNX file"),
        ("./measure.sh {name}", "names no network"),
        ("./measure.sh {onxx}", r"no such placeholder \{onxx\}; did you mean onnx"),
        ("./measure.sh '{onnx}", "No closing quotation"),
    ],
)
def test_a_command_that_cannot_work_is_refused_before_the_search(text: str, message: str) -> None:
    with pytest.raises(VerifyError, match=message) as error:
        DeviceCommand(text, 10.0)
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_timeout_is_a_positive_number_of_seconds(seconds: float) -> None:
    with pytest.raises(VerifyError, match="verify_timeout: must be a positive number of seconds"):
        DeviceCommand(ECHO, seconds)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("false {onnx}", "`false /n.onnx` failed with exit code 1"),
        ("sh -c 'echo no such engine >&2; exit 3' {onnx}", "exit code 3: no such engine"),
        ("sh -c 'kill -9 $$' {onnx}", "failed with signal 9"),
        ("echo {onnx}", "printed no latency: .*: /n.onnx"),
        ("echo -4 ms {onnx} -4", "printed no latency"),
        ("sh -c 'echo -4' {onnx}", "must print a positive latency, got -4.0 ms"),
        ("no-such-tool {onnx}", "`no-such-tool /n.onnx` cannot be started: No such file"),
    ],
)
def test_a_command_that_fails_is_one_line_with_the_command(text: str, message: str) -> None:
    with pytest.raises(VerifyError, match=message) as error:
        DeviceCommand(text, 10.0).measure({"onnx": "/n.onnx", "spec": "", "name": ""})
    assert "\n" not in str(error.value)


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    script = f"sleep 1000 & echo $! > {tmp_path}/child; wait"
    command = DeviceCommand(f"sh -c '{script}' {{onnx}}", 0.5)
    with pytest.raises(
        VerifyError, match=r"gave no answer within 0.5 s; --verify-timeout gives more"
    ):
        command.measure({"onnx": "n", "spec": "", "name": ""})
    child = int((tmp_path / "child").read_text())
    assert ended(child)


def ended(pid: int) -> bool:
    """Whether a process ends soon."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        status = Path(f"/proc/{pid}/status")
        if not status.exists() or "State:\tZ" in status.read_text():
            return True
        time.sleep(0.02)
    return False


# Which device a command measures.


def devices(*names: str) -> dict[str, PricedDevice]:
    model = load_device("t4")
    return {name: PricedDevice(f"latency_ms@{name}", name, model) for name in names}


def test_a_command_may_name_its_device() -> None:
    one, two = devices("t4"), devices("t4", "cpu-1t")
    assert commands_by_device(["run {onnx}"], one) == {"t4": "run {onnx}"}
    assert commands_by_device(["t4=run a=b {onnx}"], one) == {"t4": "run a=b {onnx}"}
    assert commands_by_device(["X=1 run {onnx}"], one) == {"t4": "X=1 run {onnx}"}
    both = ["cpu-1t=here {onnx}", "t4=ssh there {onnx}"]
    assert commands_by_device(both, two) == {"cpu-1t": "here {onnx}", "t4": "ssh there {onnx}"}
    assert commands_by_device(both, one, elsewhere=["cpu-1t"]) == {"t4": "ssh there {onnx}"}


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        (["run {onnx}"], "names no device of this search.*; write DEVICE=COMMAND"),
        (["t5=run {onnx}"], "'t5=run .onnx.': names no device of this search; known: t4, cpu-1t"),
        (["t4=a {onnx}", "t4=b {onnx}"], "t4 has two commands; give one"),
    ],
)
def test_among_several_devices_a_command_must_name_one(commands: list[str], message: str) -> None:
    with pytest.raises(VerifyError, match=message):
        commands_by_device(commands, devices("t4", "cpu-1t"))


# Whole searches.

METER = """\
import json, sys
from maenas.blocks import load_backbone
from maenas.budgets import load_device
device, factor, spec, log = sys.argv[1:]
with open(log, "a") as file:
    file.write(json.dumps([device, spec]) + "\\n")
print("measuring")
print(load_device(device).latency_ms(load_backbone(spec).ops()) * float(factor), "ms")
"""


@pytest.fixture
def meter(tmp_path: Path) -> Callable[[str, float], str]:
    """A command that "measures" what a device's prices say, times a factor."""
    (tmp_path / "meter.py").write_text(METER)

    def command(device: str, factor: float) -> str:
        return f"{sys.executable} {tmp_path}/meter.py {device} {factor} {{spec}} {tmp_path}/log"

    return command


def measured(folder: Path) -> list[list[str]]:
    log = folder / "log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.mark.slow
def test_the_measured_bias_tightens_the_limit_until_a_network_fits(
    typed: Shell, unlimited: tuple[str, ...], meter: Callable[[str, float], str], tmp_path: Path
) -> None:
    command = meter("t4", 1.25)
    asked = (*unlimited, *ONE, "--verify", "2", "--verify-with", command, "--out", "run")
    ran = typed(*asked, "--json")
    assert ran.code == 0, ran.err
    result = ran.json
    first, *others = result["verified"]
    assert first["within"]
    assert first["measured_ms"] <= LIMITS[0]
    assert len(others) >= 2
    assert not any(one["within"] for one in others)
    for one in result["verified"]:
        assert one["measured_ms"] == pytest.approx(1.25 * one["predicted_ms"])
    backbone = load_spec("run/best.yaml").backbone
    ms = load_device("t4").latency_ms(backbone.ops())
    assert first["predicted_ms"] == pytest.approx(ms)
    assert result["measured_on"]["command"] == command
    assert "--verify 2 --verify-with" in result["command"]
    assert "finalist 1: 0." in ran.err
    records = [json.loads(line) for line in Path("run/verify.jsonl").read_text().splitlines()]
    assert len(records) == len(result["verified"]) == len(measured(tmp_path))
    assert {record["command"] for record in records} == {command}
    assert not list(Path("run/verify").glob("*.onnx"))
    again = typed(*asked, "--resume", "--json")
    assert again.json == result
    assert len(measured(tmp_path)) == len(records)


@pytest.mark.slow
def test_each_device_is_measured_by_its_command(
    typed: Shell, unlimited: tuple[str, ...], meter: Callable[[str, float], str], tmp_path: Path
) -> None:
    commands = (
        *("--verify-with", f"t4={meter('t4', 1.0)}"),
        *("--verify-with", f"intel-8163={meter('intel-8163', 1.2)}"),
    )
    ran = typed(*unlimited, *PAIR, "--verify", "1", *commands, "--out", "run", "--json")
    assert ran.code == 0, ran.err
    chosen, *others = ran.json["verified"]
    assert [one["device"] for one in chosen["latencies"]] == ["t4", "intel-8163"]
    assert chosen["latencies"][1]["measured_ms"] <= LIMITS[1]
    assert [one["latencies"][0]["within"] for one in others] == [True] * len(others)
    assert [one["latencies"][1]["within"] for one in others] == [False] * len(others)
    assert {device for device, _ in measured(tmp_path)} == {"t4", "intel-8163"}
    assert "intel-8163 command" in ran.json["measured_on"]
    text = " ".join(typed("search", "--out", "run", "--resume").out.replace("│", " ").split())
    assert "ms on intel-8163, predicted" in text


def test_a_device_without_a_command_keeps_its_prediction(
    typed: Shell, unlimited: tuple[str, ...], meter: Callable[[str, float], str]
) -> None:
    command = ("--verify", "1", "--verify-with", f"t4={meter('t4', 1.0)}")
    ran = typed(*unlimited, *PAIR, *command, "--out", "run", "--json")
    assert ran.code == 0, ran.err
    assert "not measured on intel-8163: the prediction holds there" in ran.json["notes"]


@pytest.mark.slow
def test_a_failure_keeps_the_search_and_resume_measures_only_what_is_left(
    typed: Shell, unlimited: tuple[str, ...], meter: Callable[[str, float], str], tmp_path: Path
) -> None:
    unless = f"case $1 in *finalist-2*) test -e {tmp_path}/repaired || exit 7;; esac"
    measure = meter("t4", 1.0).replace("{spec}", "$1")
    (tmp_path / "once.sh").write_text(f"{unless}\n{measure}\n")
    asked = (*unlimited, *ONE, "--verify", "3", "--out", "run", "--verify-with")
    refused = typed(*asked, f"sh {tmp_path}/once.sh {{spec}}")
    assert refused.code == 2
    (line,) = [line for line in refused.err.splitlines() if line.startswith("error")]
    assert "once.sh" in line
    assert "failed with exit code 7" in line
    assert "with --resume repeats only the measurements" in line
    assert not Path("run/best.yaml").exists()
    assert Path("run/verify/finalist-2.onnx").exists()
    history = Path("run/history.jsonl").read_bytes()
    assert [Path(spec).stem for _, spec in measured(tmp_path)] == ["finalist-1"]
    (tmp_path / "repaired").touch()
    ran = typed(*asked, f"sh {tmp_path}/once.sh {{spec}}", "--resume")
    assert ran.code == 0, ran.err
    assert Path("run/history.jsonl").read_bytes() == history
    names = [Path(spec).stem for _, spec in measured(tmp_path)]
    assert names == ["finalist-1", "finalist-2", "finalist-3"]


def test_nothing_that_fits_ends_with_3_and_writes_no_network(
    typed: Shell, unlimited: tuple[str, ...], meter: Callable[[str, float], str]
) -> None:
    ran = typed(
        *unlimited, *ONE, "--verify", "1", "--verify-with", meter("t4", 9.0), "--out", "run"
    )
    assert ran.code == 3
    assert f"networks measured is within {LIMITS[0]:.3f} ms: the fastest took" in ran.err
    assert not Path("run/best.yaml").exists()


@pytest.mark.slow
def test_ctrl_c_ends_the_command_too(
    start: Callable[..., subprocess.Popen[str]], unlimited: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "small.yaml").write_text(SMALL_SPACE)
    (tmp_path / "hang.sh").write_text(f"echo $$ > {tmp_path}/pid; sleep 1000")
    command = f"sh {tmp_path}/hang.sh {{spec}}"
    process = start(
        *(*unlimited, *ONE, "--verify", "1", "--verify-with", command, "--out", "run"), cwd=tmp_path
    )
    until = time.monotonic() + PATIENCE_S
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert f"stopped `{command}`, which was measuring finalist-1" in err
    assert "--resume continues" in err
    assert "Traceback" not in err
    assert ended(int((tmp_path / "pid").read_text()))


def test_python_takes_one_command_or_several(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL_SPACE)
    asked: dict[str, Any] = {
        "space": str(tmp_path / "small.yaml"),
        "weights": (1, 1, 2, 4),
        "template": "t",
        "out": tmp_path / "run",
    }
    with pytest.raises(VerifyError, match=r"'nothing': names no network"):
        maenas.search("0.1ms@t4", verify=1, verify_with="nothing", **asked)
    commands = [f"t4={ECHO}", "jetson=run {onnx}"]
    with pytest.raises(VerifyError, match=r"'jetson=run .onnx.': names no device of this search"):
        maenas.search(
            ["3ms@t4", "20ms@intel-8163"], verify=1, verify_with=commands, verify_timeout=5, **asked
        )
    assert not (tmp_path / "run").exists()


def test_a_device_that_is_not_here_points_to_the_command(
    typed: Shell, unlimited: tuple[str, ...]
) -> None:
    refused = typed(*unlimited, *PAIR, "--verify", "1", "--out", "run")
    assert refused.code == 2
    assert "verify: device t4: is not in this machine" in refused.err
    assert "--verify-with measures by a command of yours" in refused.err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--verify-with", ECHO), "--verify-with measures finalists; --verify N says how many"),
        (("--verify", "1", "--verify-with", "x"), "names no network"),
        (("--verify", "1", "--verify-with", ECHO, "--verify-timeout", "0"), "--verify-timeout:"),
    ],
)
def test_options_that_cannot_work_are_refused_before_anything_is_written(
    typed: Shell, unlimited: tuple[str, ...], options: tuple[str, ...], message: str
) -> None:
    refused = typed(*unlimited, *ONE, *options, "--out", "run")
    assert refused.code == 2
    assert message in refused.err
    assert not Path("run").exists()
