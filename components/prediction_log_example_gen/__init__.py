"""Turns the log of what was served into tf.Examples, a window of time at a time.

gen = PredictionLogExampleGen("/var/log/ringway", window="1h", span=498689, schema=curated)
StatisticsGen(examples=gen.outputs["examples"])
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.prediction_log_example_gen.component import PredictionLogExampleGen

__all__ = ["PredictionLogExampleGen"]


def __getattr__(name: str) -> Any:
    # Late, so that a command can reckon in windows without the seconds that TFX takes to import.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components.prediction_log_example_gen.component import PredictionLogExampleGen

    return PredictionLogExampleGen
