import os
import subprocess
import sys

import pytest

from serving.backends.local.options import LocalOptions
from serving.wire.errors import ServingError, StatusCode


@pytest.mark.parametrize(
    "values",
    [
        {"intra_op": -1},
        {"warmup_iterations": -1},
        {"gpu_memory_fraction": 1.5},
        {"gpu_memory_fraction": -0.1},
        {"mixed_precision": "float16"},
    ],
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ServingError, match=next(iter(values))) as caught:
        LocalOptions(**values)
    assert caught.value.code == StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("values", "interpreters"),
    [
        ({}, len(os.sched_getaffinity(0))),
        ({"tflite_pools": 3}, 3),
        ({"tflite_pools": 3, "tflite_interpreters_per_pool": 2}, 6),
        ({"tflite_pools": 1, "tflite_interpreters_per_pool": 0}, 1),
    ],
)
def test_pools_times_interpreters(values, interpreters):
    assert LocalOptions(**values).interpreters == interpreters


def test_requests_are_replayed_once_unless_told_otherwise():
    assert LocalOptions().iterations == 1
    assert LocalOptions(warmup_iterations=4).iterations == 4


def test_options_need_no_tensorflow():
    code = "import sys, serving.backends.local.options; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
