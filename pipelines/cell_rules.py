"""What a schema asks of the single cells of a CSV column: pure functions of text.

A rule takes the text of a non-empty cell and returns what is wrong with it, or "". Rules about a
whole column (presence, distribution, comparators) are left to `pipelines.diagnosis` and TFDV.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence

from tensorflow_metadata.proto.v0 import schema_pb2

Rule = Callable[[str], str]

_INT64 = range(-(2**63), 2**63)


class Kind(enum.IntEnum):
    """What CsvExampleGen takes a cell for; a column gets the highest of its cells.

    Source: `_InferValueType` in tfx_bsl/coders/csv_decoder.py.
    """

    INT = 0
    FLOAT = 1
    TEXT = 2


KINDS = {schema_pb2.INT: Kind.INT, schema_pb2.FLOAT: Kind.FLOAT, schema_pb2.BYTES: Kind.TEXT}


def kind(cell: str) -> Kind:
    """Returns what CsvExampleGen takes a non-empty cell for."""
    try:
        # A whole number that is too long for an int64 becomes text, not a float.
        return Kind.INT if int(cell) in _INT64 else Kind.TEXT
    except ValueError:
        pass
    try:
        float(cell)
    except ValueError:
        return Kind.TEXT
    return Kind.FLOAT


def rules(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> list[Rule]:
    """Returns what the schema asks of each non-empty cell of a feature.

    Args:
        feature: One of the schema's features.
        schema: Holds the domains that features share.
    """
    if feature.type == schema_pb2.INT:
        return [_whole_number, *_bounds(*_int_bounds(feature, schema))]
    if feature.type == schema_pb2.FLOAT:
        domain = _float_domain(feature, schema)
        low = domain.min if domain.HasField("min") else None
        high = domain.max if domain.HasField("max") else None
        finite = _finite(no_nan=domain.disallow_nan, no_inf=domain.disallow_inf)
        return [_number, finite, *_bounds(low, high)]
    values = _text_values(feature, schema)
    return [_one_of(values)] if values else []


def _whole_number(cell: str) -> str:
    if _is_too_long(cell):
        return "does not fit into 64 bits"
    return "" if kind(cell) is Kind.INT else "is no whole number"


def _number(cell: str) -> str:
    if _is_too_long(cell):
        return "is a whole number that does not fit into 64 bits, so it is read as text"
    return "" if kind(cell) < Kind.TEXT else "is no number"


def _is_too_long(cell: str) -> bool:
    try:
        return int(cell) not in _INT64
    except ValueError:
        return False


def _finite(*, no_nan: bool, no_inf: bool) -> Rule:
    def rule(cell: str) -> str:
        value = float(cell)
        if (no_nan and math.isnan(value)) or (no_inf and math.isinf(value)):
            return "is not finite"
        return ""

    return rule


def _bounds(low: float | None, high: float | None) -> list[Rule]:
    # Integers are compared as such: above 2**53 not each of them is a float.
    def number(cell: str) -> float:
        try:
            return int(cell)
        except ValueError:
            return float(cell)

    checks: list[Rule] = []
    if low is not None:
        checks.append(lambda cell: f"is below {low}" if number(cell) < low else "")
    if high is not None:
        checks.append(lambda cell: f"is above {high}" if number(cell) > high else "")
    return checks


def _one_of(values: Sequence[str]) -> Rule:
    allowed = frozenset(values)
    shown = ", ".join(map(repr, values[:5]))
    more = f" and {len(values) - 5} more" if len(values) > 5 else ""
    return lambda cell: "" if cell in allowed else f"is not in the domain ({shown}{more})"


def _text_values(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> list[str]:
    if feature.HasField("bool_domain"):
        values = [feature.bool_domain.true_value, feature.bool_domain.false_value]
        return [value for value in values if value]
    if feature.HasField("string_domain"):
        return list(feature.string_domain.value)
    if feature.HasField("domain"):
        for domain in schema.string_domain:
            if domain.name == feature.domain:
                return list(domain.value)
    return []


def _int_bounds(
    feature: schema_pb2.Feature, schema: schema_pb2.Schema
) -> tuple[int | None, int | None]:
    if feature.HasField("bool_domain"):
        return 0, 1
    domain = feature.int_domain
    if feature.HasField("domain"):
        domain = next((d for d in schema.int_domain if d.name == feature.domain), domain)
    return (
        domain.min if domain.HasField("min") else None,
        domain.max if domain.HasField("max") else None,
    )


def _float_domain(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> schema_pb2.FloatDomain:
    if feature.HasField("domain"):
        for domain in schema.float_domain:
            if domain.name == feature.domain:
                return domain
    return feature.float_domain
