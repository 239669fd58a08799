"""What a file holds, told by its name."""

from __future__ import annotations

import pytest

from components.arrow_example_gen import formats
from components.arrow_example_gen.errors import InputError
from components.arrow_example_gen.formats import Format


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data.csv", Format.CSV),
        ("data.parquet", Format.PARQUET),
        ("gs://bucket/DATA.PARQUET", Format.PARQUET),
        ("data.pq", Format.PARQUET),
        ("data.parquet.csv", Format.CSV),
        ("data", Format.CSV),
    ],
)
def test_a_files_name_tells_its_format(path: str, expected: Format) -> None:
    assert formats.format_of(path) == expected
    assert formats.common_format([path, path]) == expected


def test_two_formats_in_a_split_are_refused() -> None:
    with pytest.raises(InputError, match=r"received a\.csv \(CSV\) and b\.pq \(Parquet\)"):
        formats.common_format(["a.csv", "b.pq"])
