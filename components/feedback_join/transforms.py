"""The Beam pipeline around the pure modules: served rows and drop files to labelled rows.

    served rows ─┬─ keys ──────────────────────────┐
                 ├─► by key ─► row and label ─► by row ─► one label ─► by bucket ─► sorted, written
    drop files ──┴─► read, those of the keys ┘

Only labels that are of one of the rows go further than the worker that reads them: a drop folder
holds those of all times. Rows are written in an order that depends on the rows alone, so that the
same input gives the same files.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import apache_beam as beam
from apache_beam.transforms import window
from apache_beam.utils.windowed_value import WindowedValue
from tfx.dsl.io import fileio

from components.feedback_join import join_keys, label_rows, matching, report, served_rows
from components.feedback_join.drop_folder import NAME, DropFile
from components.feedback_join.label_files import LabelFileError, TornFileError
from components.feedback_join.label_rows import Unreadable, Wanted
from components.feedback_join.matching import Known
from components.prediction_log_example_gen.tally import Tally, merged
from serving.request_log.tfrecord import framed

TALLY = "tally"
MAIN = "main"

# A bucket is sorted in memory; a million rows are 200 MB in each.
BUCKETS: Final = 8

SAMPLED: Final = -1  # among checksums, which are from 0 on
_AMBIGUOUS: Final = (0.0, ())  # a label that may be of other rows; no label is without values


@dataclasses.dataclass(frozen=True)
class Rules:
    """What a join goes by.

    Attributes:
        wanted: Columns and identifiers.
        max_delay_sec: How long after a request its label may be known.
        as_of_sec: Labels that were known later are not looked at.
        contradictions: As of `matching.choose`.
        sure_from_sec: A label known from here on, and before `sure_until_sec`, is of a request that
            was looked at, or of none.
        sure_until_sec: The end of that time.
    """

    wanted: Wanted
    max_delay_sec: float
    as_of_sec: float
    contradictions: str
    sure_from_sec: float
    sure_until_sec: float

    def unmatched(self, known: Known, *, sampled: bool) -> str:
        """Returns what a label counts as that is of none of the rows.

        Args:
            known: The label.
            sampled: Whether the log holds a sample of the requests only.
        """
        if self.sure_from_sec <= known.labelled_sec < self.sure_until_sec:
            return "not_logged" if sampled else "orphan"
        return "other_times"


class _Counting(beam.DoFn):
    """Counts by bundle; of a bundle that fails and is tried again, nothing counts."""

    def start_bundle(self) -> None:
        """Begins to count."""
        self._tally = Tally()

    def finish_bundle(self) -> Iterator[Any]:
        """Yields what was counted."""
        here = window.GlobalWindow()
        value = WindowedValue(self._tally, here.max_timestamp(), [here])
        yield beam.pvalue.TaggedOutput(TALLY, value)


class ReadLabels(_Counting):
    """Yields the labels of a drop file that may be of one of the rows, by key.

    Args:
        rules: What the join goes by.
    """

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._rules = rules

    def process(self, element: DropFile, asked: frozenset[int]) -> Iterator[Any]:
        """Reads a file.

        Args:
            element: Which.
            asked: Checksums of the keys of all rows, and of a sampled log `SAMPLED`.
        """
        tally = self._tally
        try:
            found = label_rows.read(element, self._rules.wanted)
        except (LabelFileError, OSError) as error:
            kind = "torn" if isinstance(error, TornFileError) else "unfit"
            kind = "gone" if isinstance(error, FileNotFoundError) else kind
            tally.count("files", kind, example=f"{element.name}: {error}")
            return
        tally.count(*report.READ_FILES)
        dated = "dated_by_name" if element.dated_by == NAME else "dated_by_last_write"
        tally.count("files", dated)
        for label in found:
            if isinstance(label, Unreadable):
                place = f"{element.name}:{label.line}: {label.reason}"
                tally.count("labels", "unreadable", example=place)
                continue
            tally.count(*report.READ_LABELS)
            key, known = label
            if known.labelled_sec > self._rules.as_of_sec:
                tally.count("labels", "not_yet")
            elif zlib.crc32(key) in asked:
                yield key, (known.labelled_sec, known.values)
            else:
                _count_unmatched(key, known, self._rules, asked, tally)


class Pair(_Counting):
    """Yields for each row the labels of one of its keys.

    Args:
        rules: What the join goes by.
    """

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._rules = rules

    def process(
        self, element: tuple[bytes, Mapping[str, Iterable[Any]]], asked: frozenset[int]
    ) -> Iterator[Any]:
        """Looks at all rows and labels of a key.

        Args:
            element: They.
            asked: As of `ReadLabels`.
        """
        key, found = element
        rows = sorted({tuple(row) for row in found["rows"]})
        digests = [digest for digest, _ in rows]
        groups = [group for _, group in rows]
        # Nobody knows which of them a label is of that names the request alone.
        ambiguous = join_keys.is_of_request(key) and len(set(groups)) < len(groups)
        for labelled_sec, values in found["labels"]:
            if not rows:
                known = Known(labelled_sec, tuple(values))
                _count_unmatched(key, known, self._rules, asked, self._tally)
                continue
            name = "ambiguous" if ambiguous else "used"
            self._tally.count("labels", name, example=_shown(key) if ambiguous else "")
            for digest in digests:
                yield digest, _AMBIGUOUS if ambiguous else (labelled_sec, values)


class Label(_Counting):
    """Yields rows whose label is known, with what they are sorted by, by bucket.

    Args:
        rules: What the join goes by.
    """

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._rules = rules

    def process(self, element: tuple[bytes, Mapping[str, Iterable[Any]]]) -> Iterator[Any]:
        """Looks at a row, or at several that are the same to the byte, and its labels."""
        digest, found = element
        came = [tuple(label) for label in found["labels"]]
        labels = [Known(label[0], tuple(label[1])) for label in came if label != _AMBIGUOUS]
        ambiguous = len(labels) < len(came)
        for serialized in found["rows"]:
            row = served_rows.understood(serialized, ())
            choice = matching.choose(
                labels,
                row.served_sec,
                max_delay_sec=self._rules.max_delay_sec,
                contradictions=self._rules.contradictions,
            )
            _count_choice(row, choice, self._tally, ambiguous=ambiguous)
            if choice.label is not None:
                labelled = served_rows.with_label(serialized, choice.label, self._rules.wanted)
                yield digest[0] % BUCKETS, (row.order, labelled)


def build(  # noqa: PLR0913  (parts of one pipeline, given by name)
    pipeline: Any,
    *,
    served: list[str],
    files: list[DropFile],
    rules: Rules,
    listed: Tally,
    asked: Mapping[str, Any],
    output_prefix: str,
    report_path: str,
) -> None:
    """Adds everything to a pipeline.

    Args:
        pipeline: A Beam pipeline.
        served: Patterns of the files of served rows.
        files: Drop files to read.
        rules: What to go by.
        listed: Counts from listing the drop folder.
        asked: Parameters, for the report.
        output_prefix: Folder and beginning of the names of the labelled rows' files.
        report_path: Where to write the counts, as JSON.
    """
    rows = (
        pipeline
        | "Patterns" >> beam.Create(served)
        | "ReadServed" >> beam.io.ReadAllFromTFRecord()
        | "Digest" >> beam.Map(_keyed, identifiers=rules.wanted.identifiers)
    )
    keyed = rows | "Keys" >> beam.FlatMap(_by_key)
    asked_for = (
        rows
        | "Checksums" >> beam.FlatMap(_checksums)
        | "AllChecksums" >> beam.CombineGlobally(_Union())
    )
    labels = (
        pipeline
        | "Files" >> beam.Create(files)
        | "Spread" >> beam.Reshuffle()
        | "ReadLabels"
        >> beam.ParDo(ReadLabels(rules), beam.pvalue.AsSingleton(asked_for)).with_outputs(
            TALLY, main=MAIN
        )
    )
    pairs = (
        {"rows": keyed, "labels": labels[MAIN]}
        | "ByKey" >> beam.CoGroupByKey()
        | "Pair"
        >> beam.ParDo(Pair(rules), beam.pvalue.AsSingleton(asked_for)).with_outputs(
            TALLY, main=MAIN
        )
    )
    by_digest = rows | "ByDigest" >> beam.Map(lambda item: (item[0], item[1]))
    labelled = (
        {"rows": by_digest, "labels": pairs[MAIN]}
        | "ByRow" >> beam.CoGroupByKey()
        | "Label" >> beam.ParDo(Label(rules)).with_outputs(TALLY, main=MAIN)
    )
    # So that every bucket has its file, and readers find one where nothing has a label.
    every = pipeline | "Buckets" >> beam.Create([(bucket, None) for bucket in range(BUCKETS)])
    (
        (labelled[MAIN], every)
        | "WithEmpty" >> beam.Flatten()
        | "ByBucket" >> beam.GroupByKey()
        | "Write" >> beam.Map(_write_bucket, prefix=output_prefix)
    )
    (
        (labels[TALLY], pairs[TALLY], labelled[TALLY], pipeline | "Listed" >> beam.Create([listed]))
        | "Tallies" >> beam.Flatten()
        | "Sum" >> beam.CombineGlobally(merged)
        | "Report" >> beam.Map(_write_report, path=report_path, asked=dict(asked))
    )


class _Union(beam.CombineFn):
    def create_accumulator(self) -> set[int]:
        return set()

    def add_input(self, accumulator: set[int], element: int) -> set[int]:
        accumulator.add(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[set[int]]) -> set[int]:
        return functools.reduce(set.union, accumulators, set())

    def extract_output(self, accumulator: set[int]) -> frozenset[int]:
        return frozenset(accumulator)


def _keyed(serialized: bytes, identifiers: tuple[str, ...]) -> Any:
    row = served_rows.understood(serialized, identifiers)
    return row.digest, serialized, row.join_keys, row.group, row.sampled


def _by_key(item: Any) -> Iterator[tuple[bytes, tuple[bytes, str]]]:
    digest, _, found, group, _ = item
    for key in found:
        yield key, (digest, group)


def _checksums(item: Any) -> Iterator[int]:
    *_, found, _, sampled = item
    yield from map(zlib.crc32, found)
    if sampled:
        yield SAMPLED


def _count_unmatched(
    key: bytes, known: Known, rules: Rules, asked: frozenset[int], tally: Tally
) -> None:
    group = rules.unmatched(known, sampled=SAMPLED in asked)
    tally.count("labels", group, example=_shown(key) if group == "orphan" else "")


def _shown(key: bytes) -> str:
    return key.decode(errors="replace")[1:].replace("\0", ", ")


def _count_choice(
    row: served_rows.ServedRow, choice: matching.Choice, tally: Tally, *, ambiguous: bool
) -> None:
    tally.count("rows", "served")
    tally.count("versions", row.version, row.arm, "served")
    for name in ("late", "early", "duplicate"):
        if getattr(choice, name):
            tally.count("labels", name, times=getattr(choice, name))
    if choice.contradictory:
        _, request_id, index, _ = row.order
        tally.count("labels", "contradictory", example=f"request {request_id!r}, row {index}")
    if choice.label is None:
        tally.count("rows", "unmatched")
        unknown = ambiguous and choice.reason == "no_label"
        tally.count("unmatched", "ambiguous" if unknown else choice.reason)
    else:
        tally.count("rows", "matched")
        tally.count("versions", row.version, row.arm, "matched")


def _write_bucket(item: tuple[int, Iterable[Any]], prefix: str) -> None:
    bucket, found = item
    rows = sorted(row for row in found if row is not None)
    path = f"{prefix}-{bucket:05d}-of-{BUCKETS:05d}.gz"
    with (
        fileio.open(path, "wb") as file,
        # Without a time of its own, which would make each file another one.
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed,
    ):
        for _, serialized in rows:
            packed.write(framed(serialized))


def _write_report(tally: Tally, path: str, asked: Mapping[str, Any]) -> None:
    with fileio.open(path, "w") as file:
        file.write(json.dumps(report.document(tally, asked), indent=2) + "\n")
