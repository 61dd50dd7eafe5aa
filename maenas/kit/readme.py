"""The page in a kit for the person at the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.budgets.kit.manifest import Manifest
    from maenas.budgets.kit.runtime import KitRuntime

README = "README.md"
PAGE = """\
# Time {count} small networks with {tool}

This folder measures how fast a device runs neural networks. It needs a shell and {tool}
({install}).
It does not need maenas there, and nothing is sent anywhere.

1. Copy this folder to the device.
2. Run `sh measure.sh` there, while nothing else uses the device. It prints the number of networks
   that are done. You can stop it with Ctrl-C at any time; the same command continues.
3. Copy the folder back. `kit.json` and the folder `logs` are enough.

The person who gave you this folder then runs

    maenas profile --from FOLDER

which reads the logs into the latency table `{name}`.

## Settings

They go before the command, as in `{example} sh measure.sh`.

| setting | meaning |
|---|---|
{settings}

Keep the settings the same for the whole folder: logs of other settings are not mixed. For steady
figures set the fixed clock or power mode that you will use later, and let the device cool first.

## If something fails

- A network that this version of {tool} cannot run is reported and left out; the others go on. Its
  log, in `logs`, ends with the tool's own words.
- To measure a network again, delete its log and run `sh measure.sh` once more.
"""


def readme(manifest: Manifest, runtime: KitRuntime) -> str:
    """The page as Markdown."""
    from maenas.budgets.kit.script import ROUNDS, SECONDS_EACH

    settings = {
        "TOOL": f"path of {runtime.tool}, if it is not found",
        **runtime.settings,
        "ROUNDS": f"runs of each network; {ROUNDS} if left out",
        "SECONDS_EACH": f"seconds of each run; {SECONDS_EACH} if left out",
    }
    return PAGE.format(
        count=len(manifest.graphs) + 1,
        tool=runtime.tool,
        install=runtime.install,
        name=manifest.name,
        example="THREADS=4" if "THREADS" in runtime.settings else "ROUNDS=5",
        settings="\n".join(f"| `{name}` | {meaning} |" for name, meaning in settings.items()),
    )
