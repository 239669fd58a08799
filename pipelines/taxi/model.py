"""Trains the taxi model: the function that Trainer calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.tabular import training
from pipelines.taxi.task import TASK

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs


def run_fn(fn_args: FnArgs) -> None:
    """Trains and saves the model, as `pipelines.tabular.training.run` does."""
    training.run(fn_args, TASK)
