"""Running statistics of BatchNorm beside measured ones, with the same weights.

    python -m benchmarks.bench_statistics RUN [RUN ..]

RUN is the folder of a finished training. Its averaged weights, which `resume.pt` keeps with their
running statistics, are evaluated on the val split twice: as they are, and with statistics that are
measured on training images. The rows show up to which step measuring pays (`SETTLING_STEPS` in
`detector/train/statistics.py`). A row takes two evaluations and a pass over 128 images. The rows in
`results` are of trainings of `bench_inherit`, which have the same names in its folder of runs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.entry import Parser, existing_folder, run_main
from benchmarks.machine import write_csv
from benchmarks.partial.small_training import judged
from maenas.blocks.files.yaml_file import read_mapping
from maenas.detector.checkpoints.checkpoint import load_folder, save_folder
from maenas.detector.data import read_dataset
from maenas.detector.train import load_state
from maenas.detector.train.state import LAST, STATE_FILE
from maenas.detector.train.statistics import measure_statistics, trained_norms

COLUMNS = ("run", "data", "steps", "running_ap", "measured_ap")


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("runs", type=existing_folder, nargs="+", help="folders of trainings")
    rows = []
    for run in parser.parse_args().runs:
        row = compared(run)
        rows.append(row)
        print(
            f"{row['run']}, {row['steps']} steps: AP {row['running_ap']} with running statistics, "
            f"{row['measured_ap']} with measured ones",
            flush=True,
        )
    print(write_csv("statistics", rows, COLUMNS))


def compared(run: Path) -> dict[str, object]:
    """AP of the averaged weights of a training with both kinds of statistics, in percent."""
    saved, (spec, _) = load_state(run / STATE_FILE), load_folder(run / LAST)
    data = Path(read_mapping(run / "args.yaml")["data"])
    network = spec.build()
    network.load_state_dict(saved.ema)
    with tempfile.TemporaryDirectory() as made:
        running, measured = Path(made) / "running", Path(made) / "measured"
        save_folder(running, spec, saved.ema, trained=True)
        dataset = read_dataset(data, "train")
        measure_statistics(network, trained_norms(network), spec, dataset)
        save_folder(measured, spec, network.state_dict(), trained=True)
        found = [judged(folder, data, "val")["ap"] for folder in (running, measured)]
    name = run.parent.name if run.name == "run" else run.name
    values = (name, data.parent.name, saved.progress.step, *found)
    return dict(zip(COLUMNS, values, strict=True))


if __name__ == "__main__":
    run_main(main)
