from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from skew_artifacts import Row, write_rows

from components.skew_validator import rows as module
from components.skew_validator.rows import CorruptExamplesError, Rows, one_of_each, read


def everything(name: str) -> bool:
    return True


def read_back(path: Path, *parts: list[Row], max_rows: int = 10**6, seed: int = 0) -> Rows:
    paths = [write_rows(path / f"{place}.gz", part) for place, part in enumerate(parts)]
    rng = np.random.default_rng(seed)
    return read(paths, wanted=everything, max_rows=max_rows, rng=rng)


def test_values_stand_in_their_rows(tmp_path: Path) -> None:
    found = read_back(
        tmp_path,
        [{"n": 1, "f": 0.5, "t": b"a"}, {"n": None, "f": None, "t": None}, {"n": 3}],
        [{"t": b"b"}, {"t": b"a", "f": math.nan}],
    )
    assert (found.count, found.seen) == (5, 5)
    number, floats, texts = (found.columns[name] for name in ("n", "f", "t"))
    assert number.present.tolist() == [True, False, True, False, False]
    assert number.values[number.present].tolist() == [1, 3]
    assert floats.present.tolist() == [True, False, False, False, True]
    assert np.isnan(floats.values[4])
    assert texts.names is not None
    assert [texts.names[place] for place in texts.values[texts.present]] == [b"a", b"b", b"a"]
    assert found.statistics is None


def test_whole_numbers_in_one_file_and_floats_in_another_are_floats(tmp_path: Path) -> None:
    found = read_back(tmp_path, [{"x": 2}], [{"x": 0.5}])
    assert found.columns["x"].values.tolist() == [2, 0.5]


def test_texts_among_numbers_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorruptExamplesError, match="x: expected one type"):
        read_back(tmp_path, [{"x": 2}], [{"x": b"a"}])


def test_of_several_values_the_first_is_taken(tmp_path: Path) -> None:
    found = read_back(tmp_path, [{"x": [1, 2]}, {"x": []}, {"x": [3, 4, 5]}, {"x": 6}])
    assert found.columns["x"].values[found.columns["x"].present].tolist() == [1, 3, 6]
    assert found.columns["x"].several == 2


def test_a_choice_of_rows_keeps_them_whole_and_in_order(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 100)
    whole = [{"x": place, "y": -place} for place in range(2000)]
    found = read_back(tmp_path, whole, max_rows=300)
    assert (found.count, found.seen) == (300, 2000)
    x, y = (found.columns[name].values for name in "xy")
    assert (x == -y).all()
    assert (np.diff(x) > 0).all()
    # A uniform choice: the mean of 300 of 0 … 1999 lies within 5 standard errors of 999.5.
    assert abs(x.mean() - 999.5) < 5 * 577 / math.sqrt(300)
    again = read_back(tmp_path, whole, max_rows=300)
    assert (again.columns["x"].values == x).all()
    other = read_back(tmp_path, whole, max_rows=300, seed=1)
    assert (other.columns["x"].values != x).any()


def test_of_texts_those_of_kept_rows_are_held(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 100)
    whole: list[Row] = [{"id": b"%d" % place, "x": place} for place in range(2000)]
    found = read_back(tmp_path, whole, max_rows=300)
    names = found.columns["id"].names
    assert names is not None
    assert len(names) == 300
    ids = [int(names[place]) for place in found.columns["id"].values]
    assert ids == found.columns["x"].values.tolist()


def test_no_rows_are_no_error(tmp_path: Path) -> None:
    found = read_back(tmp_path, [])
    assert (found.count, found.seen, dict(found.columns)) == (0, 0, {})


def test_statistics_are_those_of_tfdv(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    path = write_rows(
        tmp_path / "x.gz",
        [
            {"f": float(rng.normal()), "t": b"ab"[k % 2 : k % 2 + 1], "n": k if k % 3 else None}
            for k in range(1000)
        ],
    )
    found = read([path], wanted=everything, described=everything, max_rows=10, rng=rng).statistics
    assert found is not None
    expected = tfdv.generate_statistics_from_tfrecord(path)
    sides = [
        {one.path.step[0]: one for one in statistics.datasets[0].features}
        for statistics in (found, expected)
    ]
    assert found.datasets[0].num_examples == 1000
    assert sides[0].keys() == sides[1].keys() == {"f", "t", "n"}
    for name in "fn":
        mine, theirs = (side[name].num_stats for side in sides)
        assert mine.mean == pytest.approx(theirs.mean)
        assert (mine.min, mine.max) == (theirs.min, theirs.max)
        assert mine.common_stats.num_missing == theirs.common_stats.num_missing
        assert [b.sample_count for b in mine.histograms[0].buckets] == pytest.approx(
            [b.sample_count for b in theirs.histograms[0].buckets]
        )
    assert sides[0]["t"].string_stats.rank_histogram == sides[1]["t"].string_stats.rank_histogram


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = Path(write_rows(tmp_path / "x.gz", [{"x": place} for place in range(1000)]))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CorruptExamplesError, match=r"x\.gz: expected tf\.Examples"):
        read([str(path)], wanted=everything, max_rows=10, rng=np.random.default_rng(0))


def test_records_that_are_no_examples_are_an_error(tmp_path: Path) -> None:
    path = str(tmp_path / "x.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(b"\xff no message")
    with pytest.raises(CorruptExamplesError, match=r"x\.tfrecord: expected tf\.Examples"):
        read([path], wanted=everything, max_rows=10, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[0.1], [0.2]], [0.1, 0.2]),
        ([[0.9, 0.1], [0.3, 0.7]], [0.1, 0.7]),
        ([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3], [0.4, 0.4, 0.2]], [1, 0, 0]),
        ([[0.2, 0.7, 0.1], [math.nan] * 3], [1, -1]),
        ([], []),
    ],
)
def test_a_prediction_is_one_number(rows: list[list[float]], expected: list[float]) -> None:
    values = np.array([value for row in rows for value in row])
    ends = np.cumsum([len(row) for row in rows]).astype(np.int64)
    assert one_of_each(values, ends).tolist() == expected


def test_a_prediction_of_several_values_is_read_as_its_class(tmp_path: Path) -> None:
    found = read_back(tmp_path, [{"ringway_prediction": [0.1, 0.7, 0.2]}, {"x": 1}])
    column = found.columns["ringway_prediction"]
    assert column.values[column.present].tolist() == [1]
