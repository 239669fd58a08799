from continuous_snapshots import claim, snapshot

from pipelines.continuous import new_span
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import Span


def test_spans_that_no_decision_took_along_are_found_in_order() -> None:
    spans = tuple(Span(number=n, rows=1_000 * n) for n in (13, 11, 12))
    found = new_span.look(
        snapshot(new_spans=spans, claims=(claim(1, "span:11:0"),)), TriggerPolicy()
    )
    assert found is not None
    assert found.what == "new spans 12, 13 (25,000 rows)"
    assert found.evidence == ("span:12:0", "span:13:0")


def test_a_new_version_of_a_span_is_new() -> None:
    span = Span(number=11, version=2, rows=5)
    found = new_span.look(
        snapshot(new_spans=(span,), claims=(claim(1, "span:11:1"),)), TriggerPolicy()
    )
    assert found is not None
    assert found.evidence == ("span:11:2",)


def test_none_are_found_where_there_are_none() -> None:
    assert new_span.look(snapshot(), TriggerPolicy()) is None
