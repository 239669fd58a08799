"""Which data no training has read."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipelines import config
from pipelines.config import PipelineConfig
from pipelines.continuous import new_data
from pipelines.continuous.snapshot import Span
from pipelines.lineage.records import ArtifactRecord


def spans_in(folder: Path, *numbers: int) -> PipelineConfig:
    for number in numbers:
        place = folder / f"span-{number}"
        place.mkdir(parents=True)
        (place / "rows.csv").write_text("a,b\n" + "1,2\n" * number)
    return dataclasses.replace(
        config.named("flights"), data_root=str(folder), input_pattern="span-{SPAN}/*"
    )


def trained_on(spans: str, newest: int) -> ArtifactRecord:
    return ArtifactRecord(
        id=1, type="Examples", uri="/e", properties={"span": newest, "spans": spans}
    )


def test_all_spans_are_new_where_nothing_was_trained(tmp_path: Path) -> None:
    found = new_data.new_spans(spans_in(tmp_path, 2, 11), ())

    assert [(one.number, one.rows) for one in found] == [(2, 2), (11, 11)]


def test_a_span_that_is_mended_is_news_again(tmp_path: Path) -> None:
    changed = spans_in(tmp_path, 2)
    [before] = new_data.new_spans(changed, ())
    (tmp_path / "span-2" / "rows.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    [after] = new_data.new_spans(changed, ())

    assert before.evidence != after.evidence


def test_a_file_that_cannot_be_read_hides_no_span(tmp_path: Path) -> None:
    changed = spans_in(tmp_path, 2)
    (tmp_path / "span-3").mkdir()
    (tmp_path / "span-3" / "rows.parquet").write_bytes(b"PAR1 and no more")

    assert [one.number for one in new_data.new_spans(changed, ())] == [2, 3]


def test_spans_after_the_newest_that_was_trained_on_are_new(tmp_path: Path) -> None:
    found = new_data.new_spans(spans_in(tmp_path, 1, 2, 3, 4, 5), [trained_on("2-3", 3)])

    assert [span.number for span in found] == [4, 5]


def test_a_new_version_of_a_span_is_new(tmp_path: Path) -> None:
    for version in (1, 2):
        place = tmp_path / "span-7" / f"v{version}"
        place.mkdir(parents=True)
        (place / "rows.csv").write_text("a\n1\n")
    changed = dataclasses.replace(
        config.named("flights"),
        data_root=str(tmp_path),
        input_pattern="span-{SPAN}/v{VERSION}/*",
    )

    def trained(version: int) -> ArtifactRecord:
        properties = {"span": 7, "version": version}
        return ArtifactRecord(id=1, type="Examples", uri="/e", properties=properties)

    assert new_data.new_spans(changed, [trained(1)]) == (Span(number=7, version=2, rows=1),)
    assert new_data.new_spans(changed, [trained(2)]) == ()


def test_a_folder_without_spans_is_new_when_a_file_of_it_is(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a\n1\n2\n")
    whole = dataclasses.replace(config.named("taxi"), data_root=str(tmp_path))
    [before] = new_data.new_spans(whole, ())
    fingerprint = new_data._fingerprint([file])
    seen = ArtifactRecord(
        id=1,
        type="Examples",
        uri="/e",
        properties={"span": 0, "input_fingerprint": f"split:single_split,{fingerprint}"},
    )

    assert before.rows == 2
    assert new_data.new_spans(whole, [seen]) == ()
    file.write_text("a\n1\n2\n3\n")
    [after] = new_data.new_spans(whole, [seen])
    assert (after.rows, after.evidence == before.evidence) == (3, False)
