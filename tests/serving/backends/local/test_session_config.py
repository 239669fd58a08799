"""What options become in TensorFlow's terms."""

import pytest
from tensorflow.core.protobuf import rewriter_config_pb2

from serving.backends.local.options import LocalOptions
from serving.backends.local.session_config import gpu_of, session_config
from serving.wire.errors import ServingError, StatusCode

ON = rewriter_config_pb2.RewriterConfig.ON


@pytest.mark.parametrize(
    ("device", "gpus", "chosen"),
    [
        ("", 0, -1),
        ("", 2, -1),
        ("cpu", 0, None),
        ("cpu", 2, None),
        ("CPU:0", 1, None),
        ("gpu", 1, 0),
        ("gpu:1", 2, 1),
        ("/gpu:0", 1, 0),
        ("/device:GPU:1", 2, 1),
    ],
)
def test_devices_are_found_by_name(device, gpus, chosen):
    assert gpu_of(device, gpus) == chosen


@pytest.mark.parametrize(
    ("device", "gpus", "code", "message"),
    [
        ("gpu", 0, StatusCode.NOT_FOUND, "There are: cpu. TensorFlow sees no GPU"),
        ("gpu:2", 2, StatusCode.NOT_FOUND, "There are: cpu, gpu:0, gpu:1."),
        ("cpu:1", 0, StatusCode.NOT_FOUND, "There are: cpu."),
        ("tpu", 1, StatusCode.INVALID_ARGUMENT, 'named "cpu", "gpu" or "gpu:0"'),
        ("gpu:-1", 1, StatusCode.INVALID_ARGUMENT, 'but "gpu:-1" was given'),
    ],
)
def test_other_devices_are_refused_by_naming_those_there_are(device, gpus, code, message):
    with pytest.raises(ServingError) as caught:
        gpu_of(device, gpus)
    assert caught.value.code == code
    assert message in caught.value.message


def test_nothing_asked_leaves_the_choice_to_tensorflow():
    config = session_config(LocalOptions())
    assert config.allow_soft_placement
    assert config.intra_op_parallelism_threads == 0
    assert config.inter_op_parallelism_threads == 0
    assert config.gpu_options.allow_growth
    assert config.gpu_options.per_process_gpu_memory_fraction == 0
    assert not config.device_count


@pytest.mark.parametrize(
    ("options", "intra", "inter"),
    [
        ({"session_parallelism": 3}, 3, 3),
        ({"session_parallelism": 3, "intra_op": 2}, 2, 3),
        ({"intra_op": 2, "inter_op": 5}, 2, 5),
    ],
)
def test_threads(options, intra, inter):
    config = session_config(LocalOptions(**options))
    assert config.intra_op_parallelism_threads == intra
    assert config.inter_op_parallelism_threads == inter


def test_a_file_lies_beneath_the_other_options(tmp_path):
    file = tmp_path / "session.txt"
    file.write_text("inter_op_parallelism_threads: 7 intra_op_parallelism_threads: 6")
    config = session_config(LocalOptions(session_config_file=file, intra_op=2))
    assert config.inter_op_parallelism_threads == 7
    assert config.intra_op_parallelism_threads == 2


def test_a_file_that_is_missing_or_no_configuration_is_refused(tmp_path):
    with pytest.raises(ServingError, match="Could not read") as caught:
        session_config(LocalOptions(session_config_file=tmp_path / "none"))
    assert caught.value.code == StatusCode.NOT_FOUND
    file = tmp_path / "session.txt"
    file.write_text("no_such_field: 1")
    with pytest.raises(ServingError, match=r"must hold a tensorflow\.ConfigProto") as caught:
        session_config(LocalOptions(session_config_file=file))
    assert caught.value.code == StatusCode.INVALID_ARGUMENT


def test_gpu_memory_and_the_cpu_alone():
    config = session_config(LocalOptions(gpu_memory_growth=False, gpu_memory_fraction=0.25))
    assert not config.gpu_options.allow_growth
    assert config.gpu_options.per_process_gpu_memory_fraction == 0.25
    assert dict(session_config(LocalOptions(device="cpu")).device_count) == {"GPU": 0}


def test_bfloat16_is_asked_of_the_graph_optimizer():
    config = session_config(LocalOptions(mixed_precision="bfloat16"))
    assert config.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16 == ON
