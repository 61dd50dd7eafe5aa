"""Schemas of files that hold the latency of devices."""

from __future__ import annotations

from typing import get_args

from maenas.blocks.files.schema import Schema, schema_of, with_keys
from maenas.blocks.op import Act, OpKind
from maenas.budgets.kit.manifest import FORMAT as KIT
from maenas.budgets.kit.manifest import KitGraph, KitLayer, Manifest
from maenas.budgets.pricing.fit import Fit
from maenas.budgets.pricing.kernels import TEXT
from maenas.budgets.pricing.operator_file import FORMATS as OPERATORS
from maenas.budgets.pricing.operator_file import OperatorFile
from maenas.budgets.pricing.operator_model import Kernel
from maenas.budgets.pricing.origin import Origin
from maenas.budgets.pricing.roofline import Roofline
from maenas.budgets.pricing.roofline_file import FORMATS as ROOFLINES
from maenas.budgets.pricing.table import FORMAT as TABLE
from maenas.budgets.pricing.table import LatencyTable
from maenas.budgets.pricing.table_sample import LayerSample, TableSample
from maenas.file_formats.networks import formatted, nullable
from maenas.latency.calibration_rows import ALSO, COLUMNS, LATENCY, NETWORK

POSITIVE = {"type": "integer", "exclusiveMinimum": 0}


def roofline_schema() -> Schema:
    """Schema of an estimate of a GPU."""
    return formatted(schema_of(Roofline, {"fit": schema_of(Fit)}), *ROOFLINES)


def operators_schema() -> Schema:
    """Schema of estimated operator prices, as `maenas calibrate` writes them for a CPU."""
    parts = {"kernels": kernels_schema(), "fit": nullable(schema_of(Fit))}
    return formatted(schema_of(OperatorFile, parts), *OPERATORS)


def kernels_schema() -> Schema:
    """Schema of prices by kernel."""
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^(?:{TEXT.pattern})$"},
        "additionalProperties": schema_of(Kernel),
    }


def table_schema() -> Schema:
    """Schema of a latency table; `digest` is a hash of all other keys."""
    layers = {"type": "array", "items": schema_of(LayerSample)}
    sample = schema_of(TableSample, {"layers": layers})
    sample["required"] = [*sample["required"], "layers"]
    parts: dict[str, Schema] = {
        "ops": {"type": "array", "items": row_schema()},
        "samples": {"type": "array", "items": sample},
        "transfer": schema_of(Origin, {"kernels": kernels_schema()}),
    }
    made = with_keys(schema_of(LatencyTable, parts), {"digest": {"type": "string"}}, ["digest"])
    return formatted(made, TABLE)


def kit_schema() -> Schema:
    """Schema of the manifest of a kit, `kit.json`."""
    layers = {"type": "array", "items": schema_of(KitLayer)}
    parts: dict[str, Schema] = {
        "ops": {"type": "array", "items": row_schema()},
        "graphs": {"type": "array", "items": schema_of(KitGraph, {"layers": layers})},
    }
    return formatted(schema_of(Manifest, parts), KIT)


def row_schema() -> Schema:
    """Schema of an operator as a row: kind, shapes, kernel size, stride, groups, act, adds."""
    shape = {"type": "array", "items": POSITIVE, "minItems": 3, "maxItems": 3}
    window = {
        "anyOf": [POSITIVE, {"type": "array", "items": POSITIVE, "minItems": 2, "maxItems": 2}]
    }
    row = [
        {"enum": list(get_args(OpKind))},
        shape,
        shape,
        window,
        window,
        POSITIVE,
        {"enum": list(get_args(Act))},
        {"description": "whether a second input is added"},
    ]
    return {"type": "array", "prefixItems": row, "minItems": len(row), "maxItems": len(row)}


def rows_schema() -> Schema:
    """Schema of a row of the CSV file that `maenas calibrate` reads, by column."""
    text = {"type": "string"}
    known: dict[str, Schema] = {
        NETWORK: {
            **text,
            "description": "spec, zoo:NAME or .onnx file of the network.",
            "minLength": 1,
        },
        LATENCY: {**text, "description": "latency in milliseconds, a positive number."},
        "input_size": {**text, "description": "side of the image in pixels, or 64x320."},
        "family": {**text, "description": "family of the network; errors are listed for each."},
        "template": {**text, "description": "scale of neck and head around a backbone."},
    }
    others = {
        name: {**text, "description": f"another name of {known_as}."}
        for name, known_as in ALSO.items()
    }
    return {
        "type": "object",
        "description": "A row of a CSV file, its values as text by the name of their column.",
        "additionalProperties": False,
        "properties": {**{name: known[name] for name in COLUMNS}, **others},
        "required": [NETWORK],
        "oneOf": [{"required": [name]} for name in (LATENCY, *ALSO)],
    }
