"""What a model predicts on the eval split, to hold served predictions against. Loads the model.

Only a signature `serving_default` that takes serialized examples can be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.prediction_log_example_gen.outputs import prediction_name
from components.serving_validator.feeds import Feed
from components.serving_validator.offline import LoadedByTF2, read_signatures
from components.serving_validator.verdict import NotServableError
from components.skew_validator.rows import Column, CorruptExamplesError, one_of_each
from components.skew_validator.verdict import NotCompared, Reason
from serving.wire.tensors import DT_STRING

SIGNATURE = "serving_default"
MAX_ROWS = 50_000
_ROWS_AT_ONCE = 1024


def predicted(
    model: Path, paths: Sequence[str], *, output: str, rng: np.random.Generator
) -> Column | NotCompared:
    """Returns the predictions of a model, one for each example.

    Args:
        model: Folder of a SavedModel.
        paths: TFRecord files of tf.Examples. Of more than `MAX_ROWS` a random choice is taken.
        output: The output that is the prediction; "" for the only one, or `scores`.
        rng: Chooses.

    Returns:
        The predictions; or why there are none.

    Raises:
        CorruptExamplesError: A file cannot be read.
    """
    examples = _choose(paths, rng)
    if not examples:
        return NotCompared(Reason.NO_BASELINE, "expected examples in the eval split, received none")
    try:
        signatures, _ = read_signatures(model)
        signature = signatures.get(SIGNATURE)
        inputs = dict(signature.inputs) if signature else {}
        if [spec.dtype for spec in inputs.values()] != [DT_STRING]:
            return NotCompared(
                Reason.NO_BASELINE,
                f"expected a signature {SIGNATURE!r} that takes serialized examples, received one "
                f"that takes {sorted(inputs) or 'nothing'}",
            )
        return _predict(LoadedByTF2(model), next(iter(inputs)), examples, output)
    except NotServableError as error:
        return NotCompared(Reason.NO_BASELINE, str(error))


def _predict(
    model: LoadedByTF2, name: str, examples: list[bytes], output: str
) -> Column | NotCompared:
    values: list[np.ndarray] = []
    widths: list[np.ndarray] = []
    for start in range(0, len(examples), _ROWS_AT_ONCE):
        part = np.array(examples[start : start + _ROWS_AT_ONCE], object)
        outputs = model.run(Feed(SIGNATURE, {name: part}))
        chosen = prediction_name(outputs, output)
        if chosen is None:
            return NotCompared(
                Reason.NO_BASELINE,
                f"cannot tell which output is the prediction: expected {output or 'only one'!r}, "
                f"received {sorted(outputs)}",
            )
        array = outputs[chosen]
        if not array.size or not array.ndim or array.shape[0] != len(part):
            return NotCompared(
                Reason.NO_BASELINE,
                f"output {chosen!r}: expected {len(part)} rows, received shape {array.shape}",
            )
        values.append(array.ravel())
        widths.append(np.full(len(part), array.size // len(part)))
    return _column(np.concatenate(values), np.cumsum(np.concatenate(widths)))


def _column(values: np.ndarray, ends: np.ndarray) -> Column:
    present = np.ones(ends.size, bool)
    if values.dtype.kind != "O":
        return Column(values=one_of_each(values, ends), present=present)
    firsts = values[np.concatenate([[0], ends[:-1]])]
    names, places = np.unique(firsts, return_inverse=True)
    return Column(values=places, present=present, names=tuple(map(_bytes, names)))


def _bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()


def _choose(paths: Sequence[str], rng: np.random.Generator) -> list[bytes]:
    chosen: list[tuple[float, bytes]] = []
    for path in paths:
        records = tf.data.TFRecordDataset([path], "GZIP" if path.endswith(".gz") else "")
        try:
            for batch in records.batch(_ROWS_AT_ONCE).as_numpy_iterator():
                chosen += zip(rng.random(len(batch)).tolist(), batch.tolist(), strict=True)
                if len(chosen) >= 2 * MAX_ROWS:
                    chosen = sorted(chosen)[:MAX_ROWS]
        except tf.errors.OpError as error:
            raise CorruptExamplesError(f"{path}: expected TFRecords: {error}") from error
    return [example for _, example in sorted(chosen)[:MAX_ROWS]]
