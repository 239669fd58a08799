"""The Beam pipeline around the pure modules: shards to tf.Examples, and counts to a report.

    shards ─► read ─► by request ─► each row once, in one type ─► examples
                └───── counts ─────────┴───── more counts ──────► report

Workers open the shards; whoever builds the pipeline only lists them. Deciding and counting is for
`records` and `duplicates`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms import window
from apache_beam.utils.windowed_value import WindowedValue
from tfx.dsl.io import fileio

from components.prediction_log_example_gen import duplicates, report, untyped
from components.prediction_log_example_gen.plan import Plan
from components.prediction_log_example_gen.records import Made, made_of
from components.prediction_log_example_gen.shards import Shard, contents
from components.prediction_log_example_gen.tally import Tally, merged

TALLY = "tally"
MAIN = "main"


class ReadShard(beam.DoFn):
    """Yields what a shard's records gave, by request, and one tally.

    Args:
        plan: What to make of records.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def process(self, element: Shard) -> Iterator[Any]:
        """Reads a shard."""
        tally = Tally()
        for place, content in contents(element, tally):
            made = made_of(content, place, self._plan, tally)
            if made is not None:
                # Plain tuples, which Beam encodes without pickling.
                yield made.key, (made.order, made.rows)
        yield beam.pvalue.TaggedOutput(TALLY, tally)


class FirstRows(beam.DoFn):
    """Yields the tf.Examples of a request, each row once, and a tally for each bundle."""

    def start_bundle(self) -> None:
        """Begins to count."""
        self._tally = Tally()
        self._mixed: dict[str, bool] | None = None

    def process(self, element: tuple[bytes, Iterable[Any]], read: Tally) -> Iterator[bytes]:
        """Looks at all records of a request.

        Args:
            element: A key, and what the records of that key gave.
            read: Counts of all records.
        """
        if self._mixed is None:
            self._mixed = untyped.mixed_columns(read)
        key, found = element
        same_key = [Made(key, tuple(order), tuple(rows)) for order, rows in found]
        for example in duplicates.first_rows(same_key, self._tally):
            yield untyped.unified(example, self._mixed, self._tally)

    def finish_bundle(self) -> Iterator[Any]:
        """Yields what was counted; of a bundle that fails and is tried again, nothing counts."""
        here = window.GlobalWindow()
        value = WindowedValue(self._tally, here.max_timestamp(), [here])
        yield beam.pvalue.TaggedOutput(TALLY, value)


def build(
    pipeline: Any,
    shards: list[Shard],
    plan: Plan,
    listed: Tally,
    *,
    output_prefix: str,
    report_path: str,
) -> None:
    """Adds everything to a pipeline.

    Args:
        pipeline: A Beam pipeline.
        shards: Those that may hold records of the window.
        plan: What to make of records.
        listed: Counts from listing the shards.
        output_prefix: Folder and beginning of the names of the examples' files.
        report_path: Where to write the counts, as JSON.
    """
    read = (
        pipeline
        | "Shards" >> beam.Create(shards)
        | "Spread" >> beam.Reshuffle()
        | "Read" >> beam.ParDo(ReadShard(plan)).with_outputs(TALLY, main=MAIN)
    )
    counted = read[TALLY] | "SumOfRead" >> beam.CombineGlobally(merged)
    first = (
        read[MAIN]
        | "ByRequest" >> beam.GroupByKey()
        | "FirstRows"
        >> beam.ParDo(FirstRows(), beam.pvalue.AsSingleton(counted)).with_outputs(TALLY, main=MAIN)
    )
    first[MAIN] | "Write" >> beam.io.WriteToTFRecord(output_prefix, file_name_suffix=".gz")
    (
        (counted, first[TALLY], pipeline | "Listed" >> beam.Create([listed]))
        | "Tallies" >> beam.Flatten()
        | "Sum" >> beam.CombineGlobally(merged)
        | "Report" >> beam.Map(_write_report, path=report_path, plan=plan)
    )


def _write_report(tally: Tally, path: str, plan: Plan) -> None:
    with fileio.open(path, "w") as file:
        file.write(json.dumps(report.document(tally, plan), indent=2) + "\n")
