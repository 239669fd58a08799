"""Two histograms as the numbers of a picture."""

from __future__ import annotations

import math

import pytest

from components.skew_validator import chart
from components.skew_validator.findings import Histogram


def histogram(*bins: tuple[str, float, float]) -> Histogram:
    labels, training, serving = zip(*bins, strict=True)
    return Histogram(labels=labels, training=training, serving=serving)


def drawn(*bins: tuple[str, float, float]) -> chart.Chart:
    picture = chart.draw(histogram(*bins))
    assert picture is not None
    return picture


def test_heights_are_in_proportion_to_shares() -> None:
    picture = drawn(("a", 0.5, 0.25), ("b", 0.5, 0.0), ("missing", 0.0, 0.75))
    first, second, third = picture.bars
    assert first.training_height == pytest.approx(2 * first.serving_height)
    assert third.serving_height == pytest.approx(3 * first.serving_height)
    assert second.serving_height == third.training_height == 0
    for bar in picture.bars:
        assert bar.training_y + bar.training_height == pytest.approx(picture.base)
        assert bar.serving_y + bar.serving_height == pytest.approx(picture.base)


def test_serving_stands_in_the_middle_of_training_and_neither_hides_the_other() -> None:
    picture = drawn(("a", 0.5, 0.5), ("b", 0.5, 0.5))
    for bar in picture.bars:
        assert bar.training_x + picture.training_width / 2 == pytest.approx(bar.middle)
        assert bar.serving_x + picture.serving_width / 2 == pytest.approx(bar.middle)
    assert picture.serving_width < 0.6 * picture.training_width
    assert picture.bars[0].training_x + picture.training_width < picture.bars[1].training_x


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.59, [0, 0.2, 0.4, 0.6]),
        (0.07, [0, 0.02, 0.04, 0.06, 0.08]),
        (0.0003, [0, 0.0001, 0.0002, 0.0003]),
    ],
)
def test_grid_lines_are_round_and_reach_the_highest_bar(
    highest: float, expected: list[float]
) -> None:
    picture = drawn(("a", highest, 0.0), ("b", 0.0, highest / 2))
    assert [share for share, _ in picture.grid] == pytest.approx(expected)
    assert picture.grid[-1][1] <= picture.bars[0].training_y + 1e-9


@pytest.mark.parametrize("bins", [1, 2, 24, chart.MOST_BINS, 1000])
def test_everything_lies_within_the_picture(bins: int) -> None:
    picture = drawn(*((f"category {n}", 1 / bins, 1 / bins) for n in range(bins)))
    assert len(picture.bars) == min(bins, chart.MOST_BINS)
    for bar in picture.bars:
        assert picture.left <= bar.training_x
        assert bar.training_x + picture.training_width <= picture.width
        assert 0 <= bar.training_y <= picture.base <= picture.height


def test_bins_beyond_what_can_be_read_are_put_together_and_the_last_two_stay() -> None:
    bins = [(f"c{n}", 0.001, 0.0005) for n in range(998)]
    picture = drawn(*bins, ("missing", 0.002, 0.4), ("NaN", 0.0, 0.101))
    assert [bar.full_label for bar in picture.bars[-3:]] == ["921 more", "missing", "NaN"]
    assert sum(bar.training for bar in picture.bars) == pytest.approx(1)
    assert sum(bar.serving for bar in picture.bars) == pytest.approx(1)


def test_long_labels_are_cut_in_the_picture_only() -> None:
    (bar, _) = drawn(("x" * 40, 0.5, 0.5), ("b", 0.5, 0.5)).bars
    assert len(bar.label) == 16
    assert bar.full_label == "x" * 40


def test_labels_are_slanted_where_there_is_no_room() -> None:
    assert not drawn(*((str(n), 0.1, 0.1) for n in range(10))).slanted
    assert drawn(*((f"Blue Ribbon {n}", 0.05, 0.05) for n in range(20))).slanted


@pytest.mark.parametrize(
    "bins",
    [
        [("a", 0.0, 0.0)],
        [("a", math.nan, -1.0), ("b", math.inf, 0.0)],
    ],
)
def test_nothing_is_drawn_of_nothing(bins: list[tuple[str, float, float]]) -> None:
    assert chart.draw(histogram(*bins)) is None


def test_nothing_is_drawn_without_bins() -> None:
    assert chart.draw(Histogram(labels=(), training=(), serving=())) is None
