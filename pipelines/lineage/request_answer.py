"""What a record of the request log says, as plain values: what was asked, and what was answered.

Values are those of JSON. What the record cannot tell is said in words, never raised: an incident's
record may be a broken one. Finding the record is left to `request_search`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from components.prediction_log_example_gen import inputs, outputs
from components.prediction_log_example_gen.inputs import Row, Served, UnreadableError

MAX_ROWS = 20
_OUTPUTS: Mapping[str, Callable[[Any, int], outputs.Outputs]] = {
    "predict_log": outputs.predict_outputs,
    "classify_log": lambda response, count: outputs.classify_outputs(response.result, count),
    "regress_log": lambda response, count: outputs.regress_outputs(response.result, count),
    "multi_inference_log": outputs.multi_outputs,
}


def rows_of(record: Any) -> tuple[Sequence[Row], str]:
    """Returns the rows that a PredictionLog asks about, or why they cannot be read."""
    kind = record.WhichOneof("log_type")
    if kind not in _OUTPUTS:
        return (), f"a record of {kind or 'nothing'} is not shown"
    request = getattr(record, kind).request
    try:
        if kind == "predict_log":
            return inputs.predict_rows(request, ()), ""
        return inputs.example_rows(request.input), ""
    except UnreadableError as error:
        return (), str(error)


def document(record: Any) -> dict[str, Any]:
    """Returns rows with what was asked and answered, the first `MAX_ROWS` of them.

    Keys are `method`, `rows` (how many), `shown` (a list of `asked` and `answered`), and `unread`:
    what could not be read, in words.
    """
    kind = record.WhichOneof("log_type") or ""
    rows, unread = rows_of(record)
    answers: outputs.Outputs = {}
    if not unread:
        try:
            answers = _OUTPUTS[kind](getattr(record, kind).response, len(rows))
        except UnreadableError as error:
            unread = str(error)
    shown = [
        {
            "asked": _plain(row.columns) if row.columns is not None else row.reason,
            "answered": _plain(outputs.of_row(answers, place)),
        }
        for place, row in enumerate(rows[:MAX_ROWS])
    ]
    return {
        "method": kind.removesuffix("_log"),
        "rows": len(rows),
        "shown": shown,
        "unread": unread or None,
    }


def _plain(columns: Mapping[str, Served]) -> dict[str, Any]:
    return {name: _values(served.values) for name, served in sorted(columns.items())}


def _values(values: Sequence[Any]) -> Any:
    plain = [plain_value(value) for value in values]
    if not plain:
        return None
    return plain[0] if len(plain) == 1 else plain


def plain_value(value: Any) -> Any:
    """Returns a value as JSON has it; NaN and what is infinite, which it has not, are null."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
