"""Two models to compare the loop with: January's, never trained again, and one trained every week.

They are trained by the model code directly, without the pipeline around it: the pipeline's network,
hyperparameters, epochs, seed and range of spans, on the rows that ArrowExampleGen's split would
train on. Numbers become places among quantiles as in Transform; the quantiles are exact ones of the
training rows by NumPy, where Transform's are approximate.

The weekly model is put into service on the day after the last labels of its last week have come,
for everything at once. It makes its runs in a process of its own:

    python -m pipelines.replay.comparison request.json
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.flights.features import COLUMNS
from pipelines.replay.days import DAYS_PER_SPAN
from pipelines.replay.departures import Departures

# Of a week that ended, the last labels come a day later.
_DAYS_UNTIL_SERVED = 1
_LOW_PRIORITY = 19  # the loop, beside which it computes, goes first
_TRAIN = 0  # place of the split among the hash buckets


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be computed.

    Attributes:
        folder: Of the weeks.
        known_spans: Those that January's model is trained on.
        last_day: The last day that is asked about, from 0.
        range: How many of the last spans the weekly model is trained on.
        buckets: Hash buckets that train, and that evaluate.
        epochs: Passes over the training rows.
        batch_size: Rows per step.
        seed: Of the network.
        hyperparameters: Values by name.
    """

    folder: str
    known_spans: tuple[int, ...]
    last_day: int
    range: int
    buckets: tuple[int, int]
    epochs: int
    batch_size: int
    seed: int
    hyperparameters: Mapping[str, float]

    def to_json(self) -> str:
        """Returns it as JSON."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Request:
        """Reads what `to_json` wrote."""
        found = json.loads(text)
        for name in ("known_spans", "buckets"):
            found[name] = tuple(found[name])
        return cls(**found)


@dataclasses.dataclass(frozen=True)
class Compared:
    """Predictions of both, in the order of the departures; NaN on days that are not asked about.

    Attributes:
        never: Of January's model, float64.
        weekly: Of the one that is trained every week.
    """

    never: np.ndarray
    weekly: np.ndarray


@dataclasses.dataclass(frozen=True)
class Raw:
    """Columns before quantiles.

    Attributes:
        numeric: Float32, shape `(rows, numeric columns)`.
        ids: Int32, shape `(rows, categorical columns)`.
        label: Float32, shape `(rows,)`.
    """

    numeric: np.ndarray
    ids: np.ndarray
    label: np.ndarray


def raw(departures: Departures) -> Raw:
    """Returns what the network reads of departures, as `pipelines.tabular.preprocessing` has it."""
    table = departures.table
    numeric = [_numbers(table[name], missing) for name, missing in COLUMNS.numeric.items()]
    terms = [_terms(table[name], terms) for name, terms in COLUMNS.vocabulary.items()]
    known = [_known(table[name], size) for name, size in COLUMNS.identity.items()]
    return Raw(
        np.stack(numeric, axis=1).astype(np.float32),
        np.stack([*terms, *known], axis=1).astype(np.int32),
        departures.late,
    )


def edges(numeric: np.ndarray, buckets: int) -> np.ndarray:
    """Returns inner quantiles of each column, shape `(columns, buckets + 1)`."""
    shares = np.arange(1, buckets + 2) / (buckets + 2)
    found: np.ndarray = np.quantile(numeric, shares, axis=0, method="inverted_cdf").T
    return found


def places(numeric: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Returns where values lie among quantiles, as `preprocessing.quantile_places` does."""
    found = np.zeros(numeric.shape, dtype=np.float32)
    buckets = quantiles.shape[1] - 1
    for column, limits in enumerate(quantiles):
        value = numeric[:, column]
        for low, high in itertools.pairwise(limits):
            inside = (value - low) / (high - low) if high > low else np.zeros_like(value)
            found[:, column] += np.where(value >= high, 1.0, np.clip(inside, 0.0, 1.0))
    return found / np.float32(buckets)


def serving_span(day: np.ndarray) -> np.ndarray:
    """Returns the last week that the model was trained on that serves on each day."""
    found: np.ndarray = (day - _DAYS_UNTIL_SERVED) // DAYS_PER_SPAN
    return found


def compute(request: Request, said: Callable[[str], None]) -> Compared:
    """Trains all models and returns what they predict."""
    last_span = request.last_day // DAYS_PER_SPAN + 1
    departures = Departures.read(Path(request.folder), range(1, last_span + 1))
    rows, trains = raw(departures), _trains(departures, request.buckets)
    never = np.full(len(departures), np.nan)
    weekly = np.full(len(departures), np.nan)
    begins = request.known_spans[-1]
    asked = (departures.day >= begins * DAYS_PER_SPAN) & (departures.day <= request.last_day)
    serving = np.maximum(serving_span(departures.day), begins)
    for span in range(begins, int(serving[asked].max(initial=begins)) + 1):
        first = min(request.known_spans) if span == begins else max(1, span - request.range + 1)
        within = (departures.span >= first) & (departures.span <= span)
        predict = _trained(rows, within & trains, request)
        due = asked & (serving == span)
        if span == begins:
            # Predicted once: in other batches the same rows may differ in the last bit.
            never[asked] = predict(asked)
            weekly[due] = never[due]
        else:
            weekly[due] = predict(due)
        said(f"week {span}")
    return Compared(never, weekly)


def _trains(departures: Departures, buckets: Sequence[int]) -> np.ndarray:
    from components.arrow_example_gen import partition

    found: np.ndarray = partition.by_example(departures.trained, buckets) == _TRAIN
    return found


def _trained(rows: Raw, which: np.ndarray, request: Request) -> Callable[[np.ndarray], np.ndarray]:
    """Trains on some rows, and returns a function that predicts others."""
    import keras

    from pipelines.flights.task import TASK
    from pipelines.tabular import network
    from pipelines.tabular.dataset import Rows

    keras.utils.clear_session()  # of the model before, which Keras would keep
    quantiles = edges(rows.numeric[which], COLUMNS.quantile_buckets)

    def inputs(some: np.ndarray) -> Rows:
        return Rows(places(rows.numeric[some], quantiles), rows.ids[some], rows.label[some])

    model = network.train(
        TASK,
        inputs(which),
        schedule=network.Schedule(
            epochs=request.epochs, batch_size=request.batch_size, seed=request.seed
        ),
        hyperparameters=request.hyperparameters,
    )

    def predict(some: np.ndarray) -> np.ndarray:
        found: np.ndarray = model.predict(
            inputs(some).inputs(), batch_size=network.EVALUATION_BATCH_SIZE, verbose=0
        )
        return found.reshape(-1)

    return predict


def _numbers(column: pa.ChunkedArray, missing: float) -> np.ndarray:
    values = column.cast(pa.float64()).fill_null(missing).to_numpy()
    found: np.ndarray = np.where(np.isnan(values), missing, values)
    return found


def _terms(column: pa.ChunkedArray, terms: Sequence[str]) -> np.ndarray:
    places_of = {term.encode(): place for place, term in enumerate(terms, start=1)}
    return np.array([places_of.get(text, 0) for text in column.to_pylist()])


def _known(column: pa.ChunkedArray, size: int) -> np.ndarray:
    values = column.fill_null(0).to_numpy()
    found: np.ndarray = np.where((values >= 0) & (values < size), values, 0)
    return found


def cache_file(folder: Path, request: Request) -> Path:
    """Returns where a result is kept: under a name made of the request and of the code."""
    from pipelines.runners.local.code_version import CodeVersions
    from pipelines.workspace import REPOSITORY

    code = CodeVersions([REPOSITORY]).of_import_path("pipelines.replay.comparison.compute")
    asked = json.loads(request.to_json()) | {"folder": _fingerprint(Path(request.folder))}
    text = json.dumps([asked, code], sort_keys=True)
    return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"


def _fingerprint(folder: Path) -> str:
    files = sorted(folder.glob("span-*/*"))
    return "".join(f"{path.parent.name}:{path.stat().st_size};" for path in files)


def load(path: Path) -> Compared | None:
    """Returns a result that was kept; None where there is none."""
    if not path.is_file():
        return None
    with np.load(path) as found:
        return Compared(found["never"], found["weekly"])


def main(arguments: Sequence[str]) -> None:
    """Computes what the file of a request asks for, and keeps it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    request_file, target = map(Path, arguments)
    os.nice(_LOW_PRIORITY)
    _use_one_core()
    found = compute(
        Request.from_json(request_file.read_text(encoding="utf-8")),
        lambda text: print(text, flush=True),
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as file:
        np.savez_compressed(file, never=found.never, weekly=found.weekly)
    Path(file.name).replace(target)


def _use_one_core() -> None:
    """The other is the loop's."""
    import tensorflow as tf

    threads: Any = tf.config.threading
    threads.set_intra_op_parallelism_threads(1)
    threads.set_inter_op_parallelism_threads(1)


if __name__ == "__main__":
    main(sys.argv[1:])
