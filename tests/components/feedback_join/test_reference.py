"""The join of a made-up week beside one that looks at every pair of a row and a label."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from feedback_rows import DAY, START, join, served, served_artifact

MAX_DELAY = 2.0 * DAY

Row = tuple[str, int, int, str]  # request, row, served at, entity
Label = tuple[str, int, str, int, int]  # request, row, entity, value, known at


def world(seed: int) -> tuple[list[Row], list[Label]]:
    generator = random.Random(seed)
    rows = {
        (f"r{generator.randrange(60)}", generator.randrange(3)): (
            START + generator.randrange(7 * DAY),
            f"E{generator.randrange(40)}",
        )
        for _ in range(120)
    }
    labels = []
    for _ in range(250):
        at = START + generator.randrange(-5 * DAY, 10 * DAY, 3600)
        value = generator.randrange(3)
        if generator.random() < 0.5:
            request, row = f"r{generator.randrange(70)}", generator.randrange(3)
            labels.append((request, row, "", value, at))
        else:
            labels.append(("", 0, f"E{generator.randrange(45)}", value, at))
    return [(*key, *rest) for key, rest in sorted(rows.items())], labels


def by_every_pair(rows: list[Row], labels: list[Label]) -> tuple[dict[Any, int], dict[str, int]]:
    found = {}
    counts = {"late": 0, "early": 0, "duplicate": 0, "contradictory": 0}
    for request, index, served_at, entity in rows:
        own = [one for one in labels if (one[0], one[1]) == (request, index) or one[2] == entity]
        counts["late"] += sum(one[4] - served_at > MAX_DELAY for one in own)
        counts["early"] += sum(served_at - one[4] > 60 for one in own)
        timely = [one for one in own if -60 <= one[4] - served_at <= MAX_DELAY]
        counts["duplicate"] += len(timely) - len({one[3] for one in timely})
        counts["contradictory"] += len({one[3] for one in timely}) > 1
        # A value counts from the first time that it was said.
        first = {
            value: min(one[4] for one in timely if one[3] == value)
            for value in range(3)
            if any(one[3] == value for one in timely)
        }
        last = [value for value, at in first.items() if at == max(first.values())]
        if len(last) == 1:
            found[request, index] = last[0]
    return found, counts


def test_it_finds_what_a_look_at_every_pair_finds(tmp_path: Path) -> None:
    rows, labels = world(7)
    drop = tmp_path / "drop"
    drop.mkdir()
    for part in range(4):
        lines = "".join(
            f"{request},{index},{entity},{value},{at}\n"
            for request, index, entity, value, at in labels[part::4]
        )
        name = f"labels-20130801T00000{part}Z-x.csv"
        (drop / name).write_text("request_id,row,flight_id,arr_delay,labelled_at\n" + lines)
    asked = [
        served(request, row=index, at=at, flight_id=entity.encode())
        for request, index, at, entity in rows
    ]
    made = join(tmp_path, served_artifact(tmp_path / "served", asked), drop)
    expected, counts = by_every_pair(rows, labels)
    assert {key: value for key, [value] in made.labels.items()} == expected
    assert {name: made.report["labels"].get(name, 0) for name in counts} == counts
    assert made.report["labels"]["read"] == len(labels)
    assert 0 < len(expected) < len(rows)
