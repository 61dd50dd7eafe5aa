"""The shell script of a kit: it times every graph beside the reference graph."""

from __future__ import annotations

from collections.abc import Sequence

from maenas.budgets.kit.runtime import KitRuntime
from maenas.budgets.latency import Precision

REFERENCE = "reference"  # name of the reference graph in a kit
MARK = "maenas-kit"  # first word of the lines that the script writes into logs
SCRIPT = "measure.sh"
ROUNDS = 3  # runs of each graph, with a run of the reference before each and after the last
SECONDS_EACH = 1  # seconds of a run
BODY = """\
fact() { [ -n "$2" ] && echo "maenas-kit fact $1 $2"; }

smi() { nvidia-smi --query-gpu="$1" --format=csv,noheader,nounits 2>/dev/null | sed -n 1p; }

facts() {
  fact date "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  fact system "$(uname -sr)"
  fact tensorrt "$(dpkg-query -W -f='${Version}' libnvinfer-bin 2>/dev/null)"
  fact machine "$(uname -m)"
  fact cpu "$(sed -n 's/^model name[^:]*: *//p; s/^Model[^:]*: *//p' /proc/cpuinfo | sed -n 1p)"
  fact board "$(tr -d '\\0' 2>/dev/null </proc/device-tree/model)"
  fact cores "$(getconf _NPROCESSORS_ONLN 2>/dev/null)"
  fact fp16 "$(grep -m1 -o -w asimdhp /proc/cpuinfo 2>/dev/null)"
  fact governor "$(cat /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor 2>/dev/null)"
  fact power_mode "$(nvpmodel -q 2>/dev/null | sed -n 's/^NV Power Mode: *//p')"
  fact driver "$(smi driver_version)"
  fact gpu "$(smi name)"
}

clocks() {
  khz=$(sort -n /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq 2>/dev/null | tail -1)
  fact cpu_mhz "${khz:+$((khz / 1000))}"
  fact gpu_mhz "$(smi clocks.sm)"
}

section() { # KIND COMMAND...
  echo "maenas-kit begin $1"
  shift
  "$@" </dev/null 2>&1
  status=$?
  echo
  echo "maenas-kit end $status"
  return "$status"
}

log_of() { # NAME WITH-LAYERS
  echo "maenas-kit log $KIT $1"
  facts
  section prepare prepare "$1" || return 1
  round=0
  while [ "$round" -lt "$ROUNDS" ]; do
    round=$((round + 1))
    section reference time_graph reference || return 1
    clocks
    section graph time_graph "$1" || return 1
  done
  section reference time_graph reference || return 1
  [ "$2" = layers ] && section layers time_layers "$1"
  echo "maenas-kit done"
}

find_tool || exit 2
mkdir -p logs || exit 2
trap 'echo; echo "measure.sh: stopped; the same command continues"; exit 130' INT TERM
trap 'rm -f logs/*.part' EXIT
section prepare prepare reference >logs/prepare.txt || {
  cat logs/prepare.txt
  echo "measure.sh: $TOOL cannot run graphs/reference; its output is above" >&2
  exit 1
}
rm -f logs/prepare.txt
count=0
failed=0
while read -r name layers; do
  count=$((count + 1))
  log=logs/$name.log
  grep -q '^maenas-kit done' "$log" 2>/dev/null && continue
  printf '%s/%s %s' "$count" "$TOTAL" "$name"
  if log_of "$name" "$layers" >"$log.part"; then
    echo
  else
    echo ": failed, $log says why"
    failed=$((failed + 1))
  fi
  mv "$log.part" "$log"
done <<'LIST'
@LIST@
LIST
if [ "$failed" -gt 0 ]; then
  echo "$failed of $TOTAL graphs failed; run this script again to try them once more,"
  echo "or go on without them: copy the folder back"
  exit 1
fi
echo "all $TOTAL graphs are measured; copy the folder back (kit.json and logs/ are enough)"
"""


def script(
    runtime: KitRuntime,
    kit: str,
    graphs: Sequence[tuple[str, bool]],
    precision: Precision | None,
    threads: int | None,
) -> str:
    """Return the text of the script.

    Args:
        runtime: runtime of the kit.
        kit: identifier of the kit, which its logs repeat.
        graphs: name of each graph, and whether the times of its layers are wanted.
        precision: number format to request; None for the tool's own.
        threads: number of CPU threads; None for all.
    """
    settings = {
        "TOOL": f"path of {runtime.tool}",
        **runtime.settings,
        "ROUNDS": f"runs of each graph ({ROUNDS})",
        "SECONDS_EACH": f"seconds of each run ({SECONDS_EACH})",
    }
    lines = [
        "#!/bin/sh",
        f"# Times the graphs of this folder with {runtime.tool}; started again, it continues.",
        "# Variables that change it, as in: THREADS=4 sh measure.sh",
        *(f"#   {name}: {meaning}" for name, meaning in settings.items()),
        "set -u",
        'cd "$(dirname "$0")" || exit 2',
        f"KIT={kit}",
        f"TOTAL={len(graphs)}",
        f"ROUNDS=${{ROUNDS:-{ROUNDS}}}",
        f"SECONDS_EACH=${{SECONDS_EACH:-{SECONDS_EACH}}}",
    ]
    listed = "\n".join(
        f"{name} {'layers' if has_layers and runtime.has_layers else 'whole'}"
        for name, has_layers in graphs
    )
    shell = runtime.shell(precision, threads)
    return "\n".join(lines) + "\n" + shell + "\n" + BODY.replace("@LIST@", listed)
