"""The page, parsed: what it says, that it fetches nothing, that no value breaks it."""

from __future__ import annotations

import dataclasses
import html.parser
import math
import re

import pytest

from components.skew_validator import report
from components.skew_validator.findings import Finding, Findings, Histogram, Measure
from components.skew_validator.plain_text import plain

FARE = Finding(
    kind="distribution",
    feature="fare",
    status="ALARM",
    severity=29.4,
    reason="Expected fares as in training, received larger ones.",
    remedy="Send fares in dollars.",
    measures=(
        Measure(
            distance="kolmogorov_smirnov",
            value=0.91234,
            threshold=0.0312,
            p_value=2e-9,
            floor=0.05,
            training=10036,
            serving=4966,
            status="ALARM",
        ),
        Measure(distance="psi", value=0.1, threshold=0.2, training=10036, serving=4966),
    ),
    histogram=Histogram(
        labels=("0 to 10", "10 to 20", "missing"),
        training=(0.625, 0.25, 0.125),
        serving=(0.03125, 0.96875, 0.0),
    ),
    first_seen="2026-11-21T16:00:04Z",
)
TEMP = Finding(
    kind="feature",
    feature="temp",
    status="ALARM",
    severity=3.0,
    reason="Expected the value of training in 400 joined rows, received 36 with another value.",
    remedy="Have one piece of code compute it.",
    measures=(Measure(distance="mismatch_rate", value=0.09, threshold=0.0, status="ALARM"),),
    examples=(
        ("flight=10", "11.5", "12.5", "2026-11-21T16:00:09Z"),
        ("flight=11", "13.5", "(missing)", ""),
    ),
    mismatch_rate=0.09,
)
PREDICTION = Finding(
    kind="prediction",
    feature="prediction",
    status="NOT_COMPARED",
    reason="Expected predictions on the eval split, received no model.",
    remedy="Name one.",
)
MILES = Finding(kind="distribution", feature="trip_miles", status="OK", severity=0.4)
PAGE = Findings(
    title="Skew of taxi",
    against="training",
    status="ALARM",
    cause="fare: Kolmogorov-Smirnov 0.912, threshold 0.0312",
    findings=(MILES, PREDICTION, TEMP, FARE),
    training_rows=10036,
    serving_rows=4966,
    training_what="train split of span 3",
    serving_what="2026-11-21T16:00:00Z to 2026-11-21T17:00:00Z",
    model_versions=("1795287766", "1795287799"),
    counts={"records_late": 3, "records_corrupt": 1, "rows_duplicate": 20345},
    alpha=0.0005,
    false_alarm_rate=0.01,
    notes=("Numbers were cut into ten bins.",),
)


class _Checker(html.parser.HTMLParser):
    """Collects what a page says and would fetch; checks that tags close in order."""

    VOID = ("meta", "rect", "line", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [values for name, values in self.tags if name == tag]


def checked(page: Findings) -> _Checker:
    text = report.render(page)
    text.encode()
    checker = _Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    foreign = {"script", "link", "img", "iframe", "object", "embed", "form", "base", "image", "use"}
    assert not foreign & {name for name, _ in checker.tags}
    for _, values in checker.tags:
        assert not {"src", "srcset", "background", "action"} & values.keys()
        assert not any(name.startswith("on") for name in values)
    assert not re.search(r"@import|url\(", text)
    ids = [values["id"] for _, values in checker.tags if "id" in values]
    assert len(set(ids)) == len(ids)
    referred = [value for _, values in checker.tags for value in [values.get("aria-labelledby")]]
    links = [(values["href"] or "") for values in checker.of("a")]
    assert all(link.startswith("#") for link in links)
    assert {link[1:] for link in links} | {one for one in referred if one} <= set(ids)
    return checker


def said(page: Findings) -> str:
    return " ".join(" ".join(checked(page).text).split())


@pytest.mark.parametrize(
    "expected",
    [
        "Skew of taxi",
        "fare: Kolmogorov-Smirnov 0.912, threshold 0.0312",
        "2 alarmed, 1 not compared, 1 fine.",
        "4,966 rows: 2026-11-21T16:00:00Z to 2026-11-21T17:00:00Z",
        "10,036 rows: train split of span 3",
        "1795287766, 1795287799",
        "1 % of whole checks when nothing has changed; 0.0005 for each comparison",
        "Numbers were cut into ten bins.",
        "records late 3",
        "records corrupt 1",
        "rows duplicate 20,345",
        "Expected fares as in training, received larger ones.",
        "What to do: Send fares in dollars.",
        "First seen 2026-11-21 16:00:04 UTC",
        "kolmogorov smirnov 0.9123 0.0312 resampling < 0.0001 0.05 10,036 4,966 ALARM",
        "psi 0.1 0.2 configuration - 0 10,036 4,966 OK",
        "0 to 10: training 62.5 %, serving 3.125 %",
        "missing 12.5 % 0 %",
        "Rows that differ: 9 % of those joined",
        "flight=10 11.5 12.5 2026-11-21 16:00:09 UTC flight=11 13.5 (missing) -",
        "Expected predictions on the eval split, received no model.",
        "prediction · prediction drift NOT COMPARED",
    ],
)
def test_the_page_tells_everything(expected: str) -> None:
    assert expected in said(PAGE)


def test_alarms_come_first_and_what_is_fine_is_folded() -> None:
    checker = checked(PAGE)
    folded = ["open" in values for values in checker.of("details") if "id" in values]
    assert folded == [True, True, True, False]
    text = said(PAGE)
    places = [text.rindex(f"{name} ·") for name in ("fare", "temp", "prediction", "trip_miles")]
    assert places == sorted(places)


def test_every_bin_has_two_bars_that_differ_in_more_than_colour() -> None:
    checker = checked(PAGE)
    bars = checker.of("rect")
    assert [bar["class"] for bar in bars] == ["training", "serving"] * 3
    heights = [float(bar["height"] or "") for bar in bars]
    assert heights[0] / heights[2] == pytest.approx(2.5, rel=1e-3)
    assert heights[1] / heights[3] == pytest.approx(0.03125 / 0.96875, abs=1e-3)
    assert heights[5] == 0
    widths = {bar["class"]: float(bar["width"] or "") for bar in bars}
    assert widths["serving"] < 0.6 * widths["training"]


HOSTILE = [
    "<script>alert(1)</script>",
    "</title></svg></style><img src=x onerror=alert(1)>",
    "\"'><b onmouseover=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;",
    "-->]]><!--",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_shown_and_do_nothing(value: str) -> None:
    page = hostile(value)
    checker = checked(page)
    assert [values["class"] for values in checker.of("rect")] == ["training", "serving"] * 2
    # Title, cause, both descriptions of rows, a version, a count, a note; feature, reason, remedy,
    # bin, distance, three values of a row.
    assert "".join(checker.text).count(value) >= 15


def hostile(value: str) -> Findings:
    finding = Finding(
        kind=value,
        feature=value,
        status="ALARM",
        reason=value,
        remedy=value,
        measures=(Measure(distance=value, value=0.5),),
        histogram=Histogram(labels=(value, "b"), training=(0.5, 0.5), serving=(0.5, 0.5)),
        first_seen=value,
        examples=((value, value, value, value),),
    )
    return dataclasses.replace(
        PAGE,
        title=value,
        cause=value,
        findings=(finding,),
        training_what=value,
        serving_what=value,
        model_versions=(value,),
        counts={value: 1},
        notes=(value,),
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\x00b", "a\\u0000b"),
        ("a\x1b[2Jb", "a\\u001b[2Jb"),
        ("half \ud83d", "half \\ud83d"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("\ufeffx", "\\ufeffx"),
        ("Zürich 東京 😀", "Zürich 東京 😀"),
    ],
)
def test_what_would_mislead_is_shown_by_its_number(value: str, expected: str) -> None:
    assert plain(value, kept="\n\t") == expected
    assert expected in said(dataclasses.replace(PAGE, cause=value))


def test_a_comparison_with_the_previous_span_says_so() -> None:
    text = said(dataclasses.replace(PAGE, against="previous"))
    assert "against previous 10,036 rows" in text
    assert "0 to 10: previous 62.5 %, serving 3.125 %" in text


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (Findings(title="t", against="training", status="OK"), "nothing alarmed"),
        (Findings(title="t", against="training", status="OK"), "Nothing was compared."),
        (
            Findings(title="t", against="training", status="NOT_COMPARED", cause="no rows"),
            "no rows 0 alarmed, 0 not compared, 0 fine. What was not compared is not approved.",
        ),
        (Findings(title="t", against="training", status="OK"), "model versions not known"),
    ],
)
def test_a_page_without_findings_stands(page: Findings, expected: str) -> None:
    assert expected in said(page)


def test_a_finding_about_the_whole_may_be_bare() -> None:
    bare = Finding(kind="drift", feature="", status="NOT_COMPARED", optional=True)
    text = said(dataclasses.replace(PAGE, findings=(bare,)))
    assert "the data as a whole · drift NOT COMPARED This one may stay uncompared." in text


def test_a_histogram_of_nothing_is_left_out() -> None:
    empty = Histogram(labels=("a",), training=(0.0,), serving=(math.nan,))
    finding = dataclasses.replace(FARE, histogram=empty)
    assert not checked(dataclasses.replace(PAGE, findings=(finding,))).of("svg")


def test_three_values_of_a_row_are_enough() -> None:
    finding = dataclasses.replace(TEMP, examples=(("flight=10", "1", "2"),))
    text = said(dataclasses.replace(PAGE, findings=(finding,)))
    assert "Entity training serving flight=10 1 2" in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "-"), (0.0, "0"), (0.123456, "0.1235"), (1e-9, "1e-09"), (math.nan, "NaN")],
)
def test_numbers_are_short(value: float | None, expected: str) -> None:
    assert report.number(value) == expected


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinite_numbers_are_shown(value: float) -> None:
    assert "∞" in report.number(value)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(None, "-"), (0.0, "0 %"), (1e-6, "< 0.01 %"), (0.12345, "12.35 %"), (1.0, "100 %")],
)
def test_a_share_above_none_is_never_shown_as_none(share: float | None, expected: str) -> None:
    assert report.percent(share) == expected


def test_no_verdict_is_ranked_by_a_severity_that_is_no_number() -> None:
    found = [
        Finding(kind="drift", feature="a", status="ALARM", severity=math.nan),
        Finding(kind="drift", feature="b", status="ALARM", severity=1.0),
        Finding(kind="drift", feature="c", status="ALARM", severity=math.inf),
        Finding(kind="drift", feature="d", status="OK", severity=9.0),
    ]
    assert [one.feature for one in report.rank(tuple(found))] == ["c", "b", "a", "d"]
