"""Makes a tf.Example of a served row, in the types of the schema. Counts what that loses.

A value that stands for none, or cannot be cast, leaves a feature without a value, as stock
CsvExampleGen writes an empty cell. A column that was not sent is not in the example at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.prediction_log_example_gen import keys
from components.prediction_log_example_gen.casting import NAMES, CastError, cast
from components.prediction_log_example_gen.inputs import Row, Served
from components.prediction_log_example_gen.outputs import prediction_name
from components.prediction_log_example_gen.plan import BYTES, FLOAT, INT, Plan, stands_for_none
from components.prediction_log_example_gen.tally import Tally
from components.prediction_log_example_gen.untyped import OUTPUTS, UNKNOWN, UNTYPED
from serving.wire.messages import Example


def example_of(
    row: Row,
    outputs: Mapping[str, Served],
    extra: Mapping[str, Served],
    plan: Plan,
    tally: Tally,
) -> tuple[bytes, bytes]:
    """Returns a serialized tf.Example of a row, and of its inputs alone.

    The same row gives the same bytes.

    Args:
        row: One that could be read.
        outputs: What the model answered, by output; empty where that is not known.
        extra: Other columns of `keys`.
        plan: Types, absent values, and which output is the prediction.
        tally: Is added to.
    """
    example = Example()
    features = example.features.feature
    for name, served in (row.columns or {}).items():
        _add_input(features, name, served, row, plan, tally)
    inputs = example.SerializeToString(deterministic=True)
    for name, served in extra.items():
        _fill(features[name], served.kind, served.values)
    _add_outputs(features, outputs, plan, tally)
    return example.SerializeToString(deterministic=True), inputs


def _add_input(
    features: Any, name: str, served: Served, row: Row, plan: Plan, tally: Tally
) -> None:
    if keys.is_extra(name):
        tally.count("reserved_columns", name)
        return
    wanted = plan.kinds.get(name) or served.kind
    if name not in plan.kinds or plan.kinds[name] is None:
        group = UNTYPED if name in plan.kinds else UNKNOWN
        tally.count(group, name, NAMES[served.kind] if served.kind else "no value")
    feature = features[name]  # is there from now on, though without a value
    if served.kind is None or wanted is None or not len(served.values):
        return
    values = _cast(name, served, wanted, tally)
    if not values:
        return
    if row.from_tensors and name in plan.absent and stands_for_none(values, plan.absent[name]):
        tally.count("absent", name)
        return
    _fill(feature, wanted, values)


def _add_outputs(features: Any, outputs: Mapping[str, Served], plan: Plan, tally: Tally) -> None:
    prediction = prediction_name(outputs, plan.prediction_output)
    if prediction is not None:
        tally.count("predictions", "found")
    elif outputs:
        asked = repr(plan.prediction_output) if plan.prediction_output else "none was named"
        tally.count("predictions", "not_found", example=f"{asked}, outputs: {sorted(outputs)}")
    for name, served in outputs.items():
        column = keys.PREDICTION if name == prediction else keys.OUTPUT_PREFIX + name
        if served.kind:
            tally.count(OUTPUTS, column, NAMES[served.kind])
            _fill(features[column], served.kind, _cast(column, served, served.kind, tally))


def _cast(name: str, served: Served, wanted: str, tally: Tally) -> Any:
    """Returns values in a type, or none where they cannot be cast."""
    kind = served.kind or wanted
    try:
        values = cast(served.values, kind, wanted)
    except CastError as error:
        tally.count("values", "not_cast")
        text = f"{NAMES[kind]} to {NAMES[wanted]}: {error}"
        tally.count("not_cast", name, f"{NAMES[kind]} to {NAMES[wanted]}", example=text)
        return ()
    if kind != wanted:
        tally.count("cast", name, f"{NAMES[kind]} to {NAMES[wanted]}")
    return values


def _fill(feature: Any, kind: str | None, values: Any) -> None:
    if kind:
        getattr(feature, kind).value.extend(values)


def integer(value: int) -> Served:
    """Returns an integer as a column's value."""
    return Served(INT, (value,))


def number(value: float) -> Served:
    """Returns a float as a column's value."""
    return Served(FLOAT, (value,))


def text(value: str) -> Served:
    """Returns a text as a column's value; an empty one is no value."""
    return Served(BYTES, (value.encode(),) if value else ())
