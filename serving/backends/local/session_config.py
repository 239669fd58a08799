"""Which devices models are computed on, and with how many threads and how much memory.

TensorFlow takes all of a GPU's memory at its first use, and other programs on the GPU then fail;
here it grows unless told otherwise. Threads within operations and GPUs are set up by the first
session of a process, for all that follow, so one `LocalOptions` must do for a whole process.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2

from serving.backends.local.options import BFLOAT16, LocalOptions
from serving.wire.errors import invalid, not_found

_LOGGER = logging.getLogger(__name__)

_DEVICE = re.compile(r"(?:/?(?:device:)?)(cpu|gpu)(?::(\d+))?", re.ASCII)


def session_config(options: LocalOptions) -> config_pb2.ConfigProto:
    """Returns the configuration of every session.

    Raises:
        ServingError: The device is none of this machine's, or the file of `session_config_file` is
            missing or no ConfigProto.
    """
    config = _from_file(options)
    # Graphs often name the devices they were trained on.
    config.allow_soft_placement = True
    config.intra_op_parallelism_threads = (
        options.intra_op or options.session_parallelism or config.intra_op_parallelism_threads
    )
    config.inter_op_parallelism_threads = (
        options.inter_op or options.session_parallelism or config.inter_op_parallelism_threads
    )
    if options.mixed_precision == BFLOAT16:
        rewrites = config.graph_options.rewrite_options
        rewrites.auto_mixed_precision_onednn_bfloat16 = rewriter_config_pb2.RewriterConfig.ON
    _choose_device(config, options)
    return config


def gpu_of(device: str, gpus: int) -> int | None:
    """Returns which GPU a name means: its index, -1 for all there are, None for the CPU.

    Args:
        device: As in `LocalOptions`.
        gpus: How many this machine has.

    Raises:
        ServingError: INVALID_ARGUMENT for what is no device's name, NOT_FOUND for a device that is
            not there.
    """
    if not device:
        return -1
    match = _DEVICE.fullmatch(device.lower())
    if match is None:
        raise invalid(f'A device is named "cpu", "gpu" or "gpu:0", but "{device}" was given.')
    kind, index = match[1], int(match[2] or 0)
    if kind == "cpu" and index == 0:
        return None
    if kind == "gpu" and index < gpus:
        return index
    raise not_found(f'There is no device "{device}" here. {_there_are(gpus)}')


def _there_are(gpus: int) -> str:
    names = ["cpu", *(f"gpu:{index}" for index in range(gpus))]
    advice = (
        ""
        if gpus
        else (
            " TensorFlow sees no GPU: check that nvidia-smi lists it and that TensorFlow's CUDA "
            "libraries are installed."
        )
    )
    return f"There are: {', '.join(names)}.{advice}"


def _from_file(options: LocalOptions) -> config_pb2.ConfigProto:
    path = options.session_config_file
    if path is None:
        return config_pb2.ConfigProto()
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), config_pb2.ConfigProto())
    except OSError as error:
        raise not_found(f"Could not read the session configuration {path}: {error}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise invalid(
            f"{path} must hold a tensorflow.ConfigProto in text format, but: {error}"
        ) from error


def _choose_device(config: config_pb2.ConfigProto, options: LocalOptions) -> None:
    gpus = tf.config.list_physical_devices("GPU")
    chosen = gpu_of(options.device, len(gpus))
    if chosen is None:
        config.device_count["GPU"] = 0
        _restrict([])
        return
    memory = config.gpu_options
    memory.allow_growth = options.gpu_memory_growth
    if options.gpu_memory_fraction:
        memory.per_process_gpu_memory_fraction = options.gpu_memory_fraction
    if chosen >= 0:
        memory.visible_device_list = str(chosen)
        gpus = [gpus[chosen]]
    _restrict(gpus)
    if options.gpu_memory_growth:
        _grow(gpus)


def _restrict(gpus: Sequence[tf.config.PhysicalDevice]) -> None:
    """Keeps the eager runtime, which libraries may start, off other GPUs."""
    if tf.config.list_physical_devices("GPU"):
        _unless_running(tf.config.set_visible_devices, gpus, "GPU")


def _grow(gpus: Sequence[tf.config.PhysicalDevice]) -> None:
    for gpu in gpus:
        _unless_running(tf.config.experimental.set_memory_growth, gpu, True)


def _unless_running(change: Callable[..., None], *values: Any) -> None:
    try:
        change(*values)
    except RuntimeError as error:
        _LOGGER.warning("TensorFlow already computes in this process: %s", error)
