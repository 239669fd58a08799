"""Detectors of skew, asked about the same pairs: Ringway's check, its join, TFDV, Evidently.

Each is made for one pair and then asked about serving halves in which some columns are replaced. It
answers with the columns that alarm. What needs no second look (statistics of the training half, of
columns that no fault has touched) is kept from one question to the next.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from components.skew_validator import CategoricalSample, NumericSample, Sample, Status, Terms, check

# What TFDV's tutorial sets, for want of a default: `skew_comparator.infinity_norm.threshold = 0.01`
# (tensorflow.org/tfx/tutorials/data_validation/tfdv_basic). It sets none for numbers; the same
# number is taken for the divergence that it offers for them.
TFDV_THRESHOLD: Final = 0.01


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What a detector says of a pair.

    Attributes:
        alarms: Columns that alarm.
        whole: Whether the data as a whole is said to have changed.
        blessed: Whether the detector says that all is well; else it alarms or cannot tell.
    """

    alarms: frozenset[str]
    whole: bool
    blessed: bool


class Ringway:
    """`skew.check`.

    Args:
        training: The training half.
        serving: The serving half, unchanged.
        terms: What it is held to.
        seed: Of its random splits.
    """

    def __init__(
        self, training: pd.DataFrame, serving: pd.DataFrame, *, terms: Terms, seed: int
    ) -> None:
        self._training = _samples(training)
        self._serving = _samples(serving)
        self._terms = terms
        self._seed = seed

    def ask(self, changed: pd.DataFrame, rescaled: pd.DataFrame) -> Answer:
        """Asks about the pair with columns replaced.

        Args:
            changed: Columns of the serving half.
            rescaled: Columns of the training half.
        """
        verdict = check(
            {**self._training, **_samples(rescaled)},
            {**self._serving, **_samples(changed)},
            terms=self._terms,
            rng=np.random.default_rng(self._seed),
            # The verdict is the same without, and comes sooner.
            thresholds=False,
        )
        alarms = [one.feature for one in verdict.features if one.status is Status.ALARM]
        return Answer(alarms=frozenset(alarms), whole=bool(alarms), blessed=verdict.blessed)


def _samples(table: pd.DataFrame) -> dict[str, Sample]:
    return {str(name): _sample(table[name]) for name in table}


def _sample(column: pd.Series) -> Sample:
    missing = int(column.isna().sum())
    if column.dtype == object:
        counts = {str(name): int(count) for name, count in column.value_counts().items()}
        return CategoricalSample(counts=counts, missing=missing)
    return NumericSample.of(column.dropna().to_numpy(np.float64), missing=missing)


class Tfdv:
    """`tfdv.validate_statistics` with a `skew_comparator` of a fixed threshold on every column.

    Infinity norm for strings, Jensen-Shannon divergence for numbers.
    """

    def __init__(self, training: pd.DataFrame, serving: pd.DataFrame) -> None:
        self._training = _statistics(training)
        self._serving = _statistics(serving)

    def ask(self, changed: pd.DataFrame, rescaled: pd.DataFrame) -> Answer:
        """Asks about the pair with columns replaced, as `Ringway.ask` does."""
        import tensorflow_data_validation as tfdv

        training = _replaced(self._training, rescaled)
        anomalies = tfdv.validate_statistics(
            training,
            self._schema(training),
            serving_statistics=_replaced(self._serving, changed),
        )
        alarms = {
            info.path.step[0]
            for info in anomalies.drift_skew_info
            for measured in info.skew_measurements
            if measured.value > measured.threshold
        }
        return Answer(alarms=frozenset(alarms), whole=bool(alarms), blessed=not alarms)

    def _schema(self, statistics: Any) -> Any:
        import tensorflow_data_validation as tfdv
        from tensorflow_metadata.proto.v0 import schema_pb2

        schema = tfdv.infer_schema(statistics)
        for feature in schema.feature:
            comparator = feature.skew_comparator
            if feature.type == schema_pb2.BYTES:
                comparator.infinity_norm.threshold = TFDV_THRESHOLD
            else:
                comparator.jensen_shannon_divergence.threshold = TFDV_THRESHOLD
        return schema


def _statistics(table: pd.DataFrame) -> Any:
    import tensorflow_data_validation as tfdv

    return tfdv.generate_statistics_from_dataframe(table, n_jobs=1)


def _replaced(statistics: Any, changed: pd.DataFrame) -> Any:
    if changed.empty:
        return statistics
    copied = type(statistics)()
    copied.CopyFrom(statistics)
    of_changed = {one.path.step[0]: one for one in _statistics(changed).datasets[0].features}
    for feature in copied.datasets[0].features:
        if feature.path.step[0] in of_changed:
            feature.CopyFrom(of_changed[feature.path.step[0]])
    return copied


class Evidently:
    """`DataDriftPreset` as it comes: a test or distance for each column, chosen by itself.

    A column drifts by its own threshold; the data as a whole where half of the columns do.
    """

    def __init__(self, training: pd.DataFrame, serving: pd.DataFrame) -> None:
        self._training = training
        self._columns = [str(name) for name in training]
        self._drifted = self._drift(training, serving)

    def ask(self, changed: pd.DataFrame, rescaled: pd.DataFrame) -> Answer:
        """Asks about the pair with columns replaced, as `Ringway.ask` does."""
        # Each column is judged alone.
        names = [str(name) for name in changed]
        training = self._training[names].assign(**{str(name): rescaled[name] for name in rescaled})
        found = self._drift(training, changed) if names else {}
        alarms = {name for name, drifts in {**self._drifted, **found}.items() if drifts}
        whole = len(alarms) >= _DRIFT_SHARE * len(self._columns)
        return Answer(alarms=frozenset(alarms), whole=whole, blessed=not alarms)

    def _drift(self, training: pd.DataFrame, serving: pd.DataFrame) -> dict[str, bool]:
        from evidently import Report
        from evidently.presets import DataDriftPreset

        report = Report([DataDriftPreset()]).run(serving, training)
        metrics = json.loads(report.json())["metrics"]
        return dict(_drifts(one) for one in metrics if one["config"]["type"] == _VALUE_DRIFT)


_VALUE_DRIFT: Final = "evidently:metric_v2:ValueDrift"
_DRIFT_SHARE: Final = 0.5


def _drifts(metric: Mapping[str, Any]) -> tuple[str, bool]:
    settings, value = metric["config"], float(metric["value"])
    if settings["method"].endswith("p_value"):
        return settings["column"], value < settings["threshold"]
    return settings["column"], value >= settings["threshold"]


class Join:
    """Row by row: what was served against what training computed for the same flights.

    The feature skew join without Beam, which only brings the rows together; here both sides are in
    the same order.

    Args:
        computed: Rows that training computed of the flights that were served.
        entities: Names of the flights.
    """

    def __init__(self, computed: pd.DataFrame, entities: Sequence[str]) -> None:
        self._computed = computed
        self._entities = entities

    def ask(self, changed: pd.DataFrame, rescaled: pd.DataFrame) -> Answer:
        """Asks about the pair with columns replaced, as `Ringway.ask` does."""
        from components.skew_validator import feature_findings
        from components.skew_validator.feature_mismatches import Tally

        names = [str(name) for name in changed] or list(self._computed)
        computed = self._computed[names].assign(**{str(name): rescaled[name] for name in rescaled})
        served = self._computed.assign(**{str(name): changed[name] for name in changed})[names]
        tally = Tally(identifiers=(_ENTITY,), tolerance=_TOLERANCE, max_examples=0)
        for training, serving in zip(self._rows(computed), self._rows(served), strict=True):
            tally.add_entity("training", rows=1, named=True)
            tally.add_entity("serving", rows=1, named=True)
            tally.add_pair(training, serving)
        findings = feature_findings.findings_of(tally.result(), max_mismatch_rate=0.0)
        alarms = [one.feature for one in findings if one.status == "ALARM"]
        return Answer(alarms=frozenset(alarms), whole=bool(alarms), blessed=not alarms)

    def _rows(self, table: pd.DataFrame) -> list[Any]:
        from components.skew_validator.entity_rows import NEVER, EntityRows

        return [
            EntityRows(limit=1).add(row, NEVER)
            for row in _serialized(table.assign(**{_ENTITY: self._entities}))
        ]


_ENTITY: Final = "flight_id"
_TOLERANCE: Final = 1e-6


def _serialized(table: pd.DataFrame) -> list[bytes]:
    """Returns a tf.Example for each row; what is missing stays out."""
    from tensorflow.core.example import example_pb2

    examples = [example_pb2.Example() for _ in range(len(table))]
    for name in table:
        for example, value in zip(examples, table[name].tolist(), strict=True):
            _fill(example.features.feature[str(name)], value)
    return [example.SerializeToString(deterministic=True) for example in examples]


def _fill(feature: Any, value: object) -> None:
    if isinstance(value, str):
        feature.bytes_list.value.append(value.encode())
    elif isinstance(value, int):
        feature.int64_list.value.append(value)
    elif isinstance(value, float) and not np.isnan(value):
        feature.float_list.value.append(value)
