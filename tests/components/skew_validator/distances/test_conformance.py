"""What holds for every distance."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from components.skew_validator import distances
from components.skew_validator.alignment import Aligned

NOT_DISTANCES = {"__init__", "registry", "shares"}
TRAINING = np.array([40, 30, 20, 10, 0])
SERVING = np.array([5, 15, 10, 15, 5])
POSITIONS = np.array([-1.0, 0.0, 0.5, 2.0, 7.0])
# Not of shares but of counts, so that equal shares at another size are apart.
OF_COUNTS = {"normalized_abs_difference"}

every_distance = pytest.mark.parametrize("name", distances.names())


def measure(name: str, training: np.ndarray, serving: np.ndarray) -> float:
    return distances.get(name).measure(
        Aligned(training=training, serving=serving, positions=POSITIONS[: len(training)])
    )


def test_each_stands_in_a_file_of_its_own_and_is_exported() -> None:
    folder = Path(distances.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - NOT_DISTANCES
    assert files == set(distances.names())
    assert set(distances.__all__) == files | {"Distance", "get", "names"}


@every_distance
def test_it_names_its_source(name) -> None:
    module = importlib.import_module(f"components.skew_validator.distances.{name}")
    assert "Source:" in (getattr(module, name).__doc__ or "")


@every_distance
def test_it_is_zero_between_a_sample_and_itself(name) -> None:
    assert measure(name, TRAINING, TRAINING) == pytest.approx(0, abs=1e-12)


@every_distance
def test_it_is_above_zero_between_different_samples(name) -> None:
    assert measure(name, TRAINING, SERVING) > 0.01


@every_distance
def test_it_is_symmetric(name) -> None:
    assert measure(name, TRAINING, SERVING) == pytest.approx(measure(name, SERVING, TRAINING))


@pytest.mark.parametrize("name", sorted(set(distances.names()) - OF_COUNTS))
def test_equal_shares_at_another_size_are_no_distance(name) -> None:
    counts = np.array([40, 30, 20, 10])
    assert measure(name, counts, 7 * counts) == pytest.approx(0, abs=1e-12)


@every_distance
def test_a_bin_that_is_empty_on_both_sides_adds_nothing(name) -> None:
    with_empty = measure(name, np.append(TRAINING[:4], 0), np.append(SERVING[:4], 0))
    assert with_empty == pytest.approx(measure(name, TRAINING[:4], SERVING[:4]))


@every_distance
def test_many_pairs_are_measured_as_one_by_one(name) -> None:
    rng = np.random.default_rng(5)
    training, serving = rng.integers(0, 9, (2, 3, 4, 5)) + 1
    found = distances.get(name).measure_all(training, serving, POSITIONS)
    assert found.shape == (3, 4)
    for place in np.ndindex(3, 4):
        assert found[place] == pytest.approx(measure(name, training[place], serving[place]))


@every_distance
def test_it_grows_with_the_change(name) -> None:
    steps = [
        measure(name, np.array([500, 500]), np.array([500 + moved, 500 - moved]))
        for moved in (0, 50, 100, 250, 500)
    ]
    assert steps == sorted(steps)
    assert len(set(steps)) == len(steps)


@every_distance
@pytest.mark.parametrize("wrong", [[0, 0, 0], [-1, 2, 0], [np.nan, 1, 0], []])
def test_a_sample_without_values_is_refused(name, wrong) -> None:
    for pair in ((wrong, [1, 0, 0]), ([1, 0, 0], wrong)):
        with pytest.raises(ValueError, match="Expected at least one value"):
            measure(name, *map(np.array, pair))


@every_distance
def test_different_bins_are_refused(name) -> None:
    with pytest.raises(ValueError, match="over the same bins"):
        measure(name, np.array([1, 2]), np.array([1, 2, 3]))


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"no distance 'ks': expected one of absence, anderson_darling"
    ):
        distances.get("ks")
