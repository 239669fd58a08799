"""Turns the log of what was served into tf.Examples, a window of time at a time.

gen = PredictionLogExampleGen("/var/log/ringway", window="1h", span=498689, schema=curated)
StatisticsGen(examples=gen.outputs["examples"])
"""

from components.prediction_log_example_gen.component import PredictionLogExampleGen

__all__ = ["PredictionLogExampleGen"]
