"""Turns what TensorFlow raises into a `ServingError`, with TensorFlow's own code."""

from __future__ import annotations

import re
from pathlib import Path

import tensorflow as tf

from serving.wire.errors import ServingError, StatusCode

# What loading a model may raise: TensorFlow's errors, and Python's of its loader on files that are
# missing, cut short or no model.
LOADING = (tf.errors.OpError, OSError, RuntimeError, ValueError, KeyError, TypeError)
# What computing may raise: TensorFlow's errors, and Python's on arrays that are no tensors.
COMPUTING = (tf.errors.OpError, RuntimeError, ValueError, TypeError)

# Several operations may fail in one call; their errors are then listed, the first one first.
_SEVERAL = re.compile(r"^\d+ root error\(s\) found\.\s*\(0\) [A-Z_ a-z]+: ", re.ASCII)
_NEXT_ROOT = re.compile(r"\n\s*\(1\) ")
# Where in Python code the graph was built: of no use to a client, and not on this machine.
_ORIGIN = re.compile(
    r"\n*(Original stack trace|Errors may have originated|Operation defined at|"
    r"Function call stack|\d+ successful operations)",
)
_EAGER_OP = re.compile(r"\s*\[Op:[^\]]*\](?: name: ?\S*)?\s*$")


def of_computing(error: Exception) -> ServingError:
    """Returns the error of a call, its message without stack traces.

    Args:
        error: One of `COMPUTING`; Python's own say that the arrays are wrong: INVALID_ARGUMENT.
    """
    if isinstance(error, tf.errors.OpError):
        return ServingError(_code(error), trimmed(error.message))
    if isinstance(error, UnicodeDecodeError):
        # TensorFlow quotes values in messages, and bytes of an input need not be text. Its code is
        # lost then.
        message = error.object.decode("utf-8", "replace")
        return ServingError(StatusCode.INVALID_ARGUMENT, trimmed(message))
    return ServingError(StatusCode.INVALID_ARGUMENT, f"The inputs cannot be computed: {error}")


def of_loading(error: Exception, folder: Path) -> ServingError:
    """Returns the error of a load, naming the folder.

    Args:
        error: One of `LOADING`; Python's own come from files that cannot be read as a model.
        folder: The version's.
    """
    code = _code(error) if isinstance(error, tf.errors.OpError) else StatusCode.FAILED_PRECONDITION
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    return ServingError(code, f"Could not load the model in {folder}: {trimmed(text)}")


def trimmed(message: str) -> str:
    """Returns TensorFlow's message of the first failed operation, and no stack traces."""
    message = _SEVERAL.sub("", message)
    message = _NEXT_ROOT.split(message)[0]
    message = _ORIGIN.split(message)[0]
    return _EAGER_OP.sub("", message).strip()


def _code(error: tf.errors.OpError) -> StatusCode:
    return StatusCode(error.error_code)
