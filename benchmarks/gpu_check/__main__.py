"""Check everything of maenas that runs on an NVIDIA GPU, in at most 8 minutes, into one JSON file.

    make gpu-check                          # or: python -m benchmarks.gpu_check
    python -m benchmarks.gpu_check --fake   # try the script without a GPU; its times mean nothing

It needs a clone and torch 2.11 or newer with CUDA. Each section runs in a process of its own with a
time limit: one that fails or hangs is recorded with its message, and the rest goes on. A section
that needs a missing package is skipped with a line that names it, and one that misses a criterion
has failed: exit code 1. If nothing failed, but predictions or training were skipped, or everything
was, too little was checked: exit code 3. The file is written in any case, except without a GPU:
exit code 2. Nothing is sent anywhere.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from benchmarks.entry import Parser, output_file, run_main
from benchmarks.gpu_check.report import Part, read_json, write_json
from benchmarks.gpu_check.sections import SECTIONS, run_section
from benchmarks.machine import RESULTS, commit

ROOT = Path(__file__).parents[2]
FORMAT = "maenas/gpu-check@1"
MINUTES = 8.0
SLOWER = 10  # factor of all time limits on the fake GPU, which is a CPU
LEAST_S = 5.0  # seconds below which a section is not begun
NO_GPU, TOO_LITTLE = 2, 3  # exit codes
NEEDED = ("predictions", "training")  # without these, a GPU is not checked


def main(words: Sequence[str] | None = None) -> int:
    """Run the sections; returns the exit status that `status_of` gives, or 2 without a GPU."""
    options = parsed(words)
    if options.section:
        return run_section(options.section, options.part, options.fake, options.until)
    until = time.monotonic() + 60 * options.minutes * (SLOWER if options.fake else 1)
    found: dict[str, Any] = {
        "format": FORMAT,
        "commit": commit(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "fake": options.fake,
        "sections": {},
    }
    chosen = ["machine", *(name for name in options.only or SECTIONS if name != "machine")]
    path = options.out
    for place, name in enumerate(chosen, 1):
        left = until - time.monotonic()
        print(f"gpu-check: {name} ({place} of {len(chosen)}), {left:.0f} s left", flush=True)
        limit_s = SECTIONS[name].limit_s * (SLOWER if options.fake else 1)
        if SECTIONS[name].takes_rest:
            limit_s = left
        section = run_apart(name, min(limit_s, left), options.fake)
        found["sections"][name] = section
        print(f"gpu-check: {name}: {told(section)}", flush=True)
        if section["result"].get("available") is False:
            print("gpu-check: --fake tries this script on a machine without a GPU.", flush=True)
            return NO_GPU
        path = path or default_path(section, options.fake)
        write_json(path, found)  # after each section, so that a check that is stopped leaves it
    states = {name: section["state"] for name, section in found["sections"].items()}
    checked = sum(state == "ok" for state in states.values())
    print(f"gpu-check: {checked} of {len(states)} sections checked and sound")
    print(f"gpu-check: {path}; benchmarks/results/README.md says how to add it")
    return status_of(states)


def status_of(states: Mapping[str, str]) -> int:
    """Exit status of a check by the states of its sections."""
    if any(state in ("failed", "timeout") for state in states.values()):
        return 1
    asked = [state for name, state in states.items() if name != "machine"]
    lacks = any(states.get(name) == "skipped" for name in NEEDED)
    return TOO_LITTLE if lacks or (asked and "ok" not in asked) else 0


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = Parser(__doc__)
    parser.prog = "python -m benchmarks.gpu_check"
    parser.add_argument(
        "--out", type=output_file, help="JSON file to write; named after the GPU if none"
    )
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="section to run")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="time limit")
    parser.add_argument("--fake", action="store_true", help="a GPU and TensorRT that are pretended")
    parser.add_argument("--section", choices=list(SECTIONS), help=argparse.SUPPRESS)
    parser.add_argument("--part", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, default=inf, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def run_apart(name: str, limit_s: float, fake: bool) -> dict[str, Any]:
    """Run a section in a process of its own; returns its state, duration and results."""
    if limit_s < LEAST_S:
        return {"state": "skipped", "message": "no time was left", "seconds": 0.0, "result": {}}
    with tempfile.TemporaryDirectory(prefix="maenas-gpu-check-") as folder:
        path = Path(folder) / "part.json"
        command = [sys.executable, "-m", "benchmarks.gpu_check", "--section", name]
        started = time.monotonic()  # the same clock in all processes of a machine
        command += ["--part", str(path), "--until", str(started + limit_s)]
        command += ["--fake"] if fake else []
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        try:
            status: int | None = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # its own group alone
                process.wait()
        part = read_json(path) or Part().to_json()
    seconds = round(time.monotonic() - started, 1)
    if status is None:
        part |= out_of_time(part, limit_s)
    elif part["state"] == "running":
        part |= {"state": "failed", "message": f"the process ended with status {status}"}
    return {**part, "seconds": seconds}


def out_of_time(part: Mapping[str, Any], limit_s: float) -> dict[str, str]:
    """State of a section that was killed; a build of TensorRT that is slow is no fault."""
    building = part["result"].get("building")
    if not building or part["missed"]:
        return {"state": "timeout", "message": f"not done after {limit_s:.0f} s"}
    return {
        "state": "skipped",
        "message": f"TensorRT was still building {building} after {limit_s:.0f} s; --minutes "
        "gives it more time",
    }


def told(section: Mapping[str, Any]) -> str:
    """State of a section as one line."""
    message = f": {section['message']}" if section["message"] else ""
    return f"{section['state']} in {section['seconds']:.0f} s{message}"


def default_path(machine: Mapping[str, Any], fake: bool) -> Path:
    """File of the results, named after the GPU; a fake one stays out of the repository."""
    if fake:
        return Path(tempfile.gettempdir()) / "gpu-check-fake.json"
    gpus = machine["result"].get("gpus")  # none if the section was killed before it found them
    first = gpus[0]["name"] if gpus else "unknown"
    name = "".join(c if c.isalnum() else "-" for c in first.lower())
    return RESULTS / f"gpu-check-{name}.json"


if __name__ == "__main__":
    run_main(main)
