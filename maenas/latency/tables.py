"""The latency tables and estimates that `--device` can name: the result of `tables`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from maenas.budgets.latency import LatencyModel
    from maenas.budgets.pricing.disturbance import Disturbance
    from maenas.budgets.pricing.fit import Fit
    from maenas.budgets.pricing.table import LatencyTable

SCHEMA = "maenas/tables@1"


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A latency table, or an estimate that ships with the package.

    Attributes:
        device: name for `--device`.
        kind: "measured", "estimated", or "damaged" for a table that cannot be read.
        about: provenance and error in one line; the reason if it is damaged.
        networks: number of networks held out to compute the error; None unless it was measured.
        mean_error: mean relative error on these networks; None without any.
        within_10: share of these networks predicted within 10 %; None without any.
        disturbance: numbers of disturbed samples; None unless it was measured.
        warning: reason why the table is unreliable; None if it is not.
        protocol: runtime, precision, threads and batch size of the latencies; empty if damaged.
        created: date and time of the measurement, or of an estimate's calibration, UTC; None if
            unknown.
    """

    device: str
    kind: Literal["measured", "estimated", "damaged"]
    about: str
    networks: int | None = None
    mean_error: float | None = None
    within_10: float | None = None
    disturbance: Disturbance | None = None
    warning: str | None = None
    protocol: str = ""
    created: str | None = None

    @property
    def age_days(self) -> int | None:
        """Days since the measurement or the calibration; None if unknown."""
        if self.created is None:
            return None
        created = datetime.fromisoformat(self.created)
        if created.tzinfo is None:  # a date alone
            created = created.replace(tzinfo=UTC)
        return max(0, (datetime.now(UTC) - created).days)

    def to_json(self) -> dict[str, Any]:
        """The entry as plain data, with the keys of its kind."""
        data: dict[str, Any] = {"device": self.device, "kind": self.kind, "about": self.about}
        if self.disturbance is not None:
            data |= {
                "networks": self.networks,
                "disturbance": asdict(self.disturbance),
                "warning": self.warning,
            }
        if self.mean_error is not None:
            data |= {"mean_error": self.mean_error, "within_10": self.within_10}
        if self.protocol:
            data |= {"protocol": self.protocol, "created": self.created}
        return data


@dataclass(frozen=True, slots=True)
class TablesResult:
    """All latency tables and estimates.

    Attributes:
        folder: folder of the measured tables.
        tables: measured tables, then the bundled estimates.
    """

    folder: Path
    tables: tuple[TableEntry, ...]

    def to_json(self) -> dict[str, Any]:
        """The tables as plain data."""
        tables = [table.to_json() for table in self.tables]
        return {"schema": SCHEMA, "folder": str(self.folder), "tables": tables}


def known_tables() -> TablesResult:
    """The tables in the user's folder, and the estimates that ship."""
    from maenas.budgets.device import tables_folder

    return TablesResult(tables_folder(), tuple(_entries()))


def _entries() -> Iterator[TableEntry]:
    from maenas.blocks import MaenasError
    from maenas.budgets.device import bundled_names, load_bundled, user_estimates, user_tables

    for name, table in user_tables().items():
        if isinstance(table, MaenasError):
            yield TableEntry(name, "damaged", str(table))
        else:
            yield measured_entry(name, table)
    for name, estimate in user_estimates().items():
        if isinstance(estimate, MaenasError):
            yield TableEntry(name, "damaged", str(estimate))
        else:
            yield estimated_entry(name, estimate)
    for name in bundled_names():
        yield estimated_entry(name, load_bundled(name))


def estimated_entry(name: str, model: LatencyModel) -> TableEntry:
    """The entry of an estimate; its error is that of networks left out of the calibration."""
    protocol = getattr(model, "protocol", "") or model.brief.removeprefix("estimated: ")
    fit: Fit | None = getattr(model, "fit", None)
    if fit is None:
        return TableEntry(name, "estimated", model.about, protocol=protocol)
    return TableEntry(
        name,
        "estimated",
        model.about,
        networks=len(fit.leave_one_out) or fit.rows,
        mean_error=fit.held_out_mean / 100,
        protocol=protocol,
        created=fit.created or None,
    )


def measured_entry(name: str, table: LatencyTable) -> TableEntry:
    """The entry of a measured table; its error is that of the networks held out."""
    errors = table.errors
    return TableEntry(
        name,
        "measured",
        table.about,
        networks=len(errors.names),
        mean_error=errors.mean if errors.names else None,
        within_10=errors.within_10 if errors.names else None,
        disturbance=table.disturbance,
        warning=table.warning,
        protocol=protocol_of(table),
        created=table.created,
    )


def protocol_of(table: LatencyTable) -> str:
    """Runtime and version, precision, threads and batch size of a table."""
    runtime = table.provenance.get("runtime", table.backend)
    words = [str(runtime), table.precision, f"batch {table.batch}"]
    if table.threads is not None:
        words.insert(2, f"{table.threads} thread" + "s" * (table.threads != 1))
    return ", ".join(words)
