from pathlib import Path

import pytest
import tensorflow as tf

from serving.backends.local import failures
from serving.wire.errors import StatusCode


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Not square", "Not square"),
        ("Not square\n\t [[{{node MatMul}}]]", "Not square\n\t [[{{node MatMul}}]]"),
        ("Not square [Op:MatMul] name: ", "Not square"),
        ("Not square\n\nOriginal stack trace for 'MatMul':\n  File x", "Not square"),
        ("Not square\n\nErrors may have originated from an input operation.\n a", "Not square"),
        (
            "2 root error(s) found.\n  (0) INVALID_ARGUMENT: Not square\n\t [[{{node a}}]]\n"
            "\t [[b/_3]]\n  (1) INVALID_ARGUMENT: Not square\n\t [[{{node a}}]]\n"
            "0 successful operations.\n0 derived errors ignored.",
            "Not square\n\t [[{{node a}}]]\n\t [[b/_3]]",
        ),
    ],
)
def test_messages_lose_what_is_no_use_to_a_client(message, kept):
    assert failures.trimmed(message) == kept


@pytest.mark.parametrize("code", [code for code in StatusCode if code != StatusCode.OK])
def test_codes_are_tensorflows(code):
    official = tf.compat.v1.errors.exception_type_from_error_code(code)(None, None, "why")
    assert failures.of_computing(official).code == code
    assert failures.of_loading(official, Path("m")).code == code


def test_errors_of_python_are_told_too():
    computing = failures.of_computing(ValueError("bad array"))
    assert computing.code == StatusCode.INVALID_ARGUMENT
    assert computing.message == "The inputs cannot be computed: bad array"
    loading = failures.of_loading(OSError("bad file"), Path("/models/m/1"))
    assert loading.code == StatusCode.FAILED_PRECONDITION
    assert loading.message == "Could not load the model in /models/m/1: bad file"
