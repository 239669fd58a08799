"""Turns CSV and Parquet files into tf.Examples by the column; stands where CsvExampleGen stands.

example_gen = ArrowExampleGen(input_base="data", output_config=..., range_config=...)
"""

from components.arrow_example_gen.component import ArrowExampleGen

__all__ = ["ArrowExampleGen"]
