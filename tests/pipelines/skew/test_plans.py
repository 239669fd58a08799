import pytest

from pipelines.errors import UsageError
from pipelines.skew import plans


@pytest.mark.parametrize(
    ("text", "spans", "words"),
    [("5:12", (5, 12), "spans 5 to 12"), ("7", (7, 7), "span 7"), ("3:3", (3, 3), "span 3")],
)
def test_reads_spans_and_says_them(text, spans, words):
    assert plans.parse_spans("--spans", text) == spans
    assert plans.spans_text(spans) == words


@pytest.mark.parametrize("text", ["", ":", "5:", "a:b", "12:5", "1:2:3", "-1:2", "1.5"])
def test_refuses_what_names_no_spans(text):
    with pytest.raises(UsageError, match="--against-spans"):
        plans.parse_spans("--against-spans", text)
