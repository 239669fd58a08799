"""Calls the default signature in this process, with nothing around it: what serving starts from.

    python -m benchmarks.serving_peers.in_process FOLDER_OF_A_VERSION FILE_WITH_A_TF_EXAMPLE

Reads a task per line, `{"examples": 32, "seconds": 5}`, and answers with a line: `calls`,
`per_second`, `p50_ms` and `outputs`, the numbers of the last call. Calls follow each other. The
input is a ready tensor and the output is not read, so that nothing but the call is timed.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

WARM_UP_SEC = 0.5


def timed(call: Callable[[], Any], seconds: float) -> list[float]:
    """Calls again and again, and returns how many seconds each call took."""
    times = []
    now = begun = time.perf_counter()
    while now - begun < seconds:
        before = now
        call()
        now = time.perf_counter()
        times.append(now - before)
    return times


def answer(signature: Any, example: bytes, task: dict[str, float]) -> dict[str, Any]:
    """Does one task."""
    examples = tf.constant([example] * int(task["examples"]))

    def call() -> Any:
        return signature(examples=examples)

    timed(call, WARM_UP_SEC)
    times = timed(call, task["seconds"])
    (output,) = call().values()
    return {
        "calls": len(times),
        "per_second": len(times) / sum(times),
        "p50_ms": statistics.median(times) * 1e3,
        "outputs": output.numpy().tolist(),
    }


def main() -> None:
    """Entry point."""
    folder, example = sys.argv[1:]
    model = tf.saved_model.load(folder)
    signature = model.signatures["serving_default"]
    for line in sys.stdin:
        done = answer(signature, Path(example).read_bytes(), json.loads(line))
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
