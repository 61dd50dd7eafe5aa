"""Play a page: do in a folder what its blocks say, in their order.

python -m tests.pages.play FOLDER PAGE...     as a process of its own, for pages with plugins
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from functools import cache
from io import StringIO
from pathlib import Path

from tests.cuda_on_cpu import fake_gpu
from tests.fake_tensorrt import fake_tensorrt
from tests.pages.page import ROOT, Block, blocks_of, files_of, name_of
from tests.pages.small import smaller
from tests.patience import PATIENCE_S

NUMBER = re.compile(r"\d+\.\d+")
LONG = ("run", "profile")  # commands that a second page need not run again with the same words
DONE: set[tuple[str, ...]] = set()  # those that ended well in this process


class Player:
    """Plays the blocks of one page.

    Args:
        folder: folder in which a reader would work.
        slow: whether blocks marked as slow are run too.

    Attributes:
        outputs: output of each block that was run, by its first command, and of the last one by "".
    """

    def __init__(self, folder: Path, slow: bool = False) -> None:
        self.folder, self.slow = folder, slow
        self.outputs: dict[str, str] = {}
        self.names: dict[str, object] = {"__name__": "page"}
        self.started: list[subprocess.Popen[bytes]] = []

    def play(self, blocks: Sequence[Block]) -> None:
        """Run the blocks, write the files, compare what is said to be printed."""
        for block in blocks:
            if block.directive == "file":
                target = self.folder / block.detail
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.text, encoding="utf-8")
                target.chmod(0o755)
            elif block.directive.startswith("output"):
                printed = self.outputs[block.directive.removeprefix("output").removeprefix(" of ")]
                missing = [word for word in NUMBER.findall(block.text) if word not in printed]
                assert missing == [], f"line {block.line}: {missing} not in\n{printed}"
            elif block.runs and (self.slow or block.directive != "slow"):
                printed = self.run(block)
                self.outputs |= {"": printed, block.text.splitlines()[0]: printed}

    def run(self, block: Block) -> str:
        """Output of a block, on a fake GPU with a fake TensorRT where the page says so."""
        if block.directive == "fake gpu":
            with fake_gpu() as gpu, fake_tensorrt(gpu):
                return self.run(replace(block, directive=""))
        if block.language == "python":
            code = compile(block.text, f"line {block.line}", "exec")
            return captured(lambda: exec(code, self.names))
        return "".join(self.shell(command) for command in block.commands)

    def shell(self, command: str) -> str:
        """Output of one command; `maenas` runs in this process, which has loaded its libraries."""
        words = shlex.split(command, comments=True)
        match words:
            case ["maenas", *arguments]:
                return once(smaller(arguments, predicted_ms))
            case ["make", target]:
                return "".join(once(smaller(each, predicted_ms)) for each in recipe(target))
            case ["export", *settings]:
                for setting in settings:
                    name, _, value = setting.partition("=")
                    os.environ[name] = value
                return ""
            case ["python", "-m", "pytest", *arguments]:
                import pytest

                code = pytest.main(["-p", "no:cacheprovider", "-q", *arguments])
                assert code == 0, command
                return ""
            case [*_, "&"]:
                self.started.append(started(words[:-1]))
                return ""
        return done(command)

    def close(self) -> None:
        """End the processes that the page has started."""
        for process in self.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE_S)


def captured(work: Callable[[], object]) -> str:
    """What some work prints on stdout, with numbers and words on one line."""
    out = StringIO()
    with redirect_stdout(out):
        work()
    return " ".join(out.getvalue().split()) + "\n"


def maenas(arguments: Sequence[str]) -> str:
    """Output of a `maenas` command that must end well."""
    from maenas.cli.app import main

    errors, codes, before = StringIO(), [], sys.argv
    sys.argv = ["maenas", *arguments]

    def work() -> None:
        try:
            main()
        except SystemExit as ended:
            codes.append(ended.code)

    try:
        with redirect_stderr(errors):
            printed = captured(work)
    finally:
        sys.argv = before
    assert codes in ([0], [None]), f"maenas {shlex.join(arguments)}: {errors.getvalue()}"
    return printed


def once(arguments: Sequence[str]) -> str:
    """Output of a command; "" for a long one that another page has run with the same words."""
    words = tuple(arguments)
    if words[0] in LONG and words in DONE:
        return ""
    printed = maenas(words)
    DONE.add(words)
    return printed


@cache
def predicted_ms(network: str, input_size: str) -> float:
    """Predicted latency of a network on this CPU, by the table of the tutorial."""
    asked = ["predict", network, "--device", "cpu", "--input-size", input_size, "--json"]
    return float(json.loads(maenas(asked))["latency_ms"]["p50"])


def recipe(target: str) -> Iterator[list[str]]:
    """The `maenas` commands of a target of the Makefile, as lists of arguments."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    lines = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert lines is not None, f"make {target}: no such target"
    for line in lines[1].splitlines():
        if line.startswith("\t$(BIN)/maenas "):
            yield [word for word in shlex.split(line)[1:] if word != "$(ARGS)"]  # none by default


def environment() -> dict[str, str]:
    """Environment in which `python` and `maenas` are ours."""
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    modules = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PATH": os.pathsep.join(paths), "PYTHONPATH": os.pathsep.join(modules)}


def started(words: Sequence[str]) -> subprocess.Popen[bytes]:
    """A process of the page that goes on in the background."""
    return subprocess.Popen(words, env=environment(), start_new_session=True)


def done(command: str) -> str:
    """Output of a command of a shell that must end well."""
    ran = subprocess.run(
        ["bash", "-c", command],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
    return ran.stdout


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Work in a folder with its modules and tables; leave directory and environment as before."""
    directory, variables, path = Path.cwd(), dict(os.environ), list(sys.path)
    os.chdir(folder)
    os.environ["MAENAS_TABLES"] = str(folder / "tables")
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(variables)
        sys.path[:] = path


def play(page: Path, folder: Path, slow: bool = False) -> None:
    """Do in a folder what a page says."""
    player = Player(folder, slow)
    with working_in(folder):
        try:
            player.play([*files_of(page), *blocks_of(page)])
        finally:
            player.close()


def main() -> None:
    """Play pages in this process, one after the other, and print the names of those that ended."""
    folder = Path(sys.argv[1])
    for name in sys.argv[2:]:
        page = ROOT / name
        play(page, folder)
        print(json.dumps({"played": name_of(page)}), flush=True)


if __name__ == "__main__":
    main()
