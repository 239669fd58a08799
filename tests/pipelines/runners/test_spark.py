"""Statistics and transform of flights on Spark are those that Beam's own runner makes."""

from __future__ import annotations

import beam_jars
import beam_results
import pytest
from beam_flights import Flights, Made


@pytest.fixture(scope="module")
def on_spark(flights: Flights, direct: Made) -> Made:
    """What StatisticsGen and Transform make with a Spark of two threads, each in one of its own."""
    del direct  # made before, in the same workspace
    beam_jars.job_server("spark")  # fetches it to where profiles look for it
    nodes = [part for node in ("StatisticsGen", "Transform") for part in ("--only", node)]
    done = flights.run("spark,master=local[2],parallelism=2", "--force", *nodes)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Beam: spark at local[2]" in done.stdout
    return flights.made()


@pytest.mark.parametrize("split", beam_results.SPLITS)
def test_statistics_are_those_of_the_direct_runner(
    direct: Made, on_spark: Made, split: str
) -> None:
    """Each number and each value in TFDV's statistics is the same."""
    expected = beam_results.statistics(direct.statistics, split)
    assert expected["num_examples"] > 1000
    assert on_spark.statistics != direct.statistics
    found = beam_results.statistics(on_spark.statistics, split)
    beam_results.assert_same(found, expected, beam_results.ROUNDING)


def test_the_transform_graph_is_that_of_the_direct_runner(
    direct: Made, on_spark: Made, flights: Flights
) -> None:
    """It has the same schema, makes the same of rows, and made the same examples."""
    assert on_spark.graph != direct.graph
    beam_results.assert_graphs_agree(on_spark.graph, direct.graph, flights.examples)
    for split in beam_results.SPLITS:
        beam_results.assert_columns_agree(
            beam_results.columns(on_spark.transformed / f"Split-{split}"),
            beam_results.columns(direct.transformed / f"Split-{split}"),
        )
