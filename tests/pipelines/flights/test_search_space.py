import itertools
import json

from pipelines.flights.search_space import DEFAULTS, SEARCH_SPACE


def test_every_default_is_one_of_the_choices() -> None:
    assert DEFAULTS.keys() == SEARCH_SPACE.keys()
    assert all(value in SEARCH_SPACE[name] for name, value in DEFAULTS.items())


def test_the_full_grid_is_small_enough_to_search() -> None:
    assert len(list(itertools.product(*SEARCH_SPACE.values()))) <= 20


def test_the_space_is_plain_json() -> None:
    assert json.loads(json.dumps(SEARCH_SPACE)) == SEARCH_SPACE
