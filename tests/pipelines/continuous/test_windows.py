"""Which windows are judged, as a table."""

from __future__ import annotations

import pytest

from pipelines.continuous.windows import MAX_BACKLOG, Window, to_judge

DAY = 86_400
MARCH_4 = 1_362_355_200  # 2013-03-04T00:00:00Z


@pytest.mark.parametrize(
    ("now_sec", "after_sec", "judged", "names"),
    [
        pytest.param(MARCH_4 + DAY - 1, 0, (), [], id="not over"),
        pytest.param(MARCH_4 + DAY, 0, (), ["2013-03-04..2013-03-05"], id="just over"),
        pytest.param(MARCH_4 + DAY, 90, (), [], id="not settled"),
        pytest.param(MARCH_4 + DAY + 90, 90, (), ["2013-03-04..2013-03-05"], id="settled"),
        pytest.param(
            MARCH_4 + 2 * DAY,
            0,
            (),
            ["2013-03-04..2013-03-05", "2013-03-05..2013-03-06"],
            id="two, oldest first",
        ),
        pytest.param(
            MARCH_4 + 2 * DAY,
            0,
            ("2013-03-04..2013-03-05",),
            ["2013-03-05..2013-03-06"],
            id="one is judged",
        ),
        pytest.param(MARCH_4 - DAY, 0, (), [], id="a clock that was set back"),
    ],
)
def test_windows_to_judge(
    now_sec: float, after_sec: float, judged: tuple[str, ...], names: list[str]
) -> None:
    found = to_judge(
        first_sec=MARCH_4 + 3_600,
        now_sec=now_sec,
        after_sec=after_sec,
        length_sec=DAY,
        anchor_sec=0,
        judged=judged,
    )

    assert [window.name for window in found] == names


def test_windows_begin_at_the_anchor_and_have_no_gaps() -> None:
    found = to_judge(
        first_sec=1_000,
        now_sec=1_000 + 30 * 60,
        after_sec=0,
        length_sec=600,
        anchor_sec=700,
        judged=(),
    )

    assert found[0] == Window(start_sec=700, end_sec=1_300)
    assert [one.end_sec for one in found[:-1]] == [one.start_sec for one in found[1:]]
    assert found[0].name == "1970-01-01T00:11:40Z..1970-01-01T00:21:40Z"


def test_a_loop_that_starts_late_does_not_look_at_the_whole_past() -> None:
    found = to_judge(
        first_sec=0, now_sec=100 * DAY, after_sec=0, length_sec=DAY, anchor_sec=0, judged=()
    )

    assert len(found) == MAX_BACKLOG
    assert found[-1].end_sec == 100 * DAY
