"""Searches the taxi model's hyperparameters: the function that Tuner calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.tabular import tuning
from pipelines.taxi.task import TASK

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs
    from tfx.components.tuner.component import TunerFnResult


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Returns the search, as `pipelines.tabular.tuning.search` does."""
    return tuning.search(fn_args, TASK)
