"""Turns CSV and Parquet files into tf.Examples by the column; stands where CsvExampleGen stands.

example_gen = ArrowExampleGen(input_base="data", output_config=..., range_config=...)

The component is imported when it is asked for, so that `patterns`, `spans` and `formats`, which say
what it will read, can be had without TFX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.arrow_example_gen.component import ArrowExampleGen

__all__ = ["ArrowExampleGen"]


def __getattr__(name: str) -> Any:
    if name == "ArrowExampleGen":
        from components.arrow_example_gen.component import ArrowExampleGen

        return ArrowExampleGen
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
