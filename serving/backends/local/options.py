"""How models are loaded and computed in this process; frozen values and their checks.

Imports no TensorFlow, so that a command line can be refused at once. What the values do is for
`serving.backends.local.session_config` and the loaders.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from serving.wire.errors import invalid

SERVE = "serve"
BFLOAT16 = "bfloat16"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """What TensorFlow Serving's flags of the same meaning say, and a device.

    Attributes:
        tags: Of the graph to load from a SavedModel.
        session_parallelism: Threads for both kinds of parallelism; 0 lets TensorFlow choose.
        intra_op: Threads within an operation, before `session_parallelism`; 0 as above.
        inter_op: Threads for operations side by side, before `session_parallelism`; 0 as above.
        session_config_file: A ConfigProto as text, beneath all the others; None for none.
        device: "cpu", "gpu:N" with N from 0 ("gpu" is the first), or "" for what there is, GPUs
            before the CPU.
        gpu_memory_fraction: Share of a GPU's memory to take at most, 0 to 1; 0 for no limit.
        gpu_memory_growth: Whether GPU memory is taken as needed rather than all at the start.
        mixed_precision: "bfloat16" to compute in it where the CPU gains by it, or "".
        prefer_tflite: Whether `model.tflite` is loaded where a version has one.
        tflite_pools: Pools of interpreters; 0 means one for each CPU.
        tflite_interpreters_per_pool: As it says; the product computes at the same time.
        enable_warmup: Whether recorded requests are replayed before a version counts as loaded.
        warmup_iterations: Times that each is replayed; 0 means 1.

    Raises:
        ServingError: INVALID_ARGUMENT for a value out of its range.
    """

    tags: frozenset[str] = frozenset({SERVE})
    session_parallelism: int = 0
    intra_op: int = 0
    inter_op: int = 0
    session_config_file: Path | None = None
    device: str = ""
    gpu_memory_fraction: float = 0.0
    gpu_memory_growth: bool = True
    mixed_precision: str = ""
    prefer_tflite: bool = False
    tflite_pools: int = 0
    tflite_interpreters_per_pool: int = 1
    enable_warmup: bool = True
    warmup_iterations: int = 0

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 0:
                raise invalid(f"{name} must not be negative, but {getattr(self, name)} was given.")
        if not 0 <= self.gpu_memory_fraction <= 1:
            raise invalid(
                "gpu_memory_fraction must be from 0 to 1, "
                f"but {self.gpu_memory_fraction} was given."
            )
        if self.mixed_precision not in {"", BFLOAT16}:
            raise invalid(
                f'mixed_precision must be "{BFLOAT16}" or empty, but "{self.mixed_precision}" '
                "was given."
            )

    @property
    def interpreters(self) -> int:
        """How many TFLite interpreters a model gets."""
        pools = self.tflite_pools or len(os.sched_getaffinity(0))
        return pools * max(1, self.tflite_interpreters_per_pool)

    @property
    def iterations(self) -> int:
        """How often each warm-up request is replayed."""
        return max(1, self.warmup_iterations)


_COUNTS = (
    "session_parallelism",
    "intra_op",
    "inter_op",
    "tflite_pools",
    "tflite_interpreters_per_pool",
    "warmup_iterations",
)
