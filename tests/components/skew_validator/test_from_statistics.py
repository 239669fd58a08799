import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.skew_validator import distances
from components.skew_validator.alignment import Aligned
from components.skew_validator.from_statistics import align_statistics
from components.skew_validator.verdict import NotCompared, Reason

COMPARATORS = {
    "infinity_norm": anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY,
    "jensen_shannon": anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE,
    "normalized_abs_difference": (
        anomalies_pb2.DriftSkewInfo.Measurement.NORMALIZED_ABSOLUTE_DIFFERENCE
    ),
}


def statistics_of(values: object) -> statistics_pb2.DatasetFeatureStatisticsList:
    return tfdv.generate_statistics_from_dataframe(pd.DataFrame({"x": values}))


def by_tfdv(training: object, serving: object, measurement: int) -> float:
    kind = schema_pb2.BYTES if isinstance(np.asarray(serving)[0], str) else schema_pb2.FLOAT
    feature = schema_pb2.Feature(name="x", type=kind)
    comparator = feature.skew_comparator
    # Below every distance, so that it reports the number.
    comparator.jensen_shannon_divergence.threshold = 1e-12
    if kind == schema_pb2.BYTES:
        comparator.infinity_norm.threshold = 1e-12
        comparator.normalized_abs_difference.threshold = 1e-12
    found = tfdv.validate_statistics(
        statistics_of(training),
        schema_pb2.Schema(feature=[feature]),
        serving_statistics=statistics_of(serving),
    )
    [info] = found.drift_skew_info
    [value] = [one.value for one in info.skew_measurements if one.type == measurement]
    return value


def aligned(training: object, serving: object) -> Aligned:
    left, right = (statistics_of(one).datasets[0].features[0] for one in (training, serving))
    found = align_statistics(left, right)
    assert isinstance(found, Aligned)
    return found


NORMAL = np.random.default_rng(3).normal(size=1000)


@pytest.mark.parametrize(
    "serving",
    [
        np.random.default_rng(4).normal(1, 2, size=700),
        np.random.default_rng(5).normal(size=10),
        np.random.default_rng(6).normal(50, size=200),
        np.full(30, 0.25),
    ],
    ids=["wider", "few", "far away", "constant"],
)
def test_jensen_shannon_of_numbers_is_tfdv_s(serving) -> None:
    found = distances.get("jensen_shannon").measure(aligned(NORMAL, serving))
    assert found == pytest.approx(by_tfdv(NORMAL, serving, COMPARATORS["jensen_shannon"]))


@pytest.mark.parametrize("name", COMPARATORS)
def test_distances_of_strings_are_tfdv_s(name) -> None:
    rng = np.random.default_rng(8)
    training = rng.choice(list("abcdef"), 900, p=[0.4, 0.2, 0.2, 0.1, 0.05, 0.05])
    serving = rng.choice(list("bcdefg"), 300)
    found = distances.get(name).measure(aligned(training, serving))
    assert found == pytest.approx(by_tfdv(training, serving, COMPARATORS[name]))


def test_the_infinity_norm_of_numbers_is_no_silent_zero() -> None:
    # Buckets of one unit in 0 to 10 and in 10 to 20, no value in common.
    training = np.arange(100) / 9.9
    found = distances.get("infinity_norm").measure(aligned(training, training + 10))
    assert found == pytest.approx(0.1, rel=0.05)


def with_nan(count: int) -> statistics_pb2.FeatureNameStatistics:
    values = np.concatenate([np.arange(100.0), np.full(count, np.nan)])
    # Pandas would take NaN for a missing value.
    made = statistics_of(values[:100]).datasets[0].features[0]
    for histogram in made.num_stats.histograms:
        histogram.num_nan = count
    return made


@pytest.mark.parametrize("name", ["jensen_shannon", "infinity_norm"])
def test_an_equal_share_of_nan_is_no_mismatch_and_another_is_not_lost(name) -> None:
    def measure(training: int, serving: int) -> float:
        found = align_statistics(with_nan(training), with_nan(serving))
        assert isinstance(found, Aligned)
        return distances.get(name).measure(found)

    assert measure(50, 50) == pytest.approx(0, abs=1e-12)
    assert measure(0, 100) > 0.2


def test_kinds_that_differ_and_sides_without_values_are_not_compared() -> None:
    numbers, strings = (
        statistics_of(values).datasets[0].features[0] for values in ([1.5, 2.5], ["a", "b"])
    )
    empty = statistics_pb2.FeatureNameStatistics()
    for pair, reason in (
        ((numbers, strings), Reason.KINDS_DIFFER),
        ((strings, numbers), Reason.KINDS_DIFFER),
        ((numbers, empty), Reason.NO_VALUES),
        ((empty, strings), Reason.NO_VALUES),
        ((empty, empty), Reason.NO_VALUES),
    ):
        found = align_statistics(*pair)
        assert isinstance(found, NotCompared)
        assert found.reason is reason
