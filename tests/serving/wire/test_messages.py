"""Our messages against those of the package tensorflow-serving-api."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from serving.wire import messages

PROTOS = Path(messages.__file__).parent / "protos"

# Not in the package: Ringway's own addition, and messages that it leaves out.
OUR_FIELDS = {
    "tensorflow.serving.LogMetadata.request_id",
    "tensorflow.serving.LogMetadata.rollout_arm",
    "tensorflow.serving.LogMetadata.rollout_id",
}
NOT_IN_PACKAGE = {
    "tensorflow.serving.BatchingParameters",
    "tensorflow.serving.MonitoringConfig",
    "tensorflow.serving.PrometheusConfig",
    "tensorflow.serving.SSLConfig",
}


def descriptors():
    compiled = FileDescriptorSet.FromString((PROTOS / "messages.binpb").read_bytes())
    for file in compiled.file:
        for message in file.message_type:
            yield from walk(messages.POOL.FindMessageTypeByName(f"{file.package}.{message.name}"))


def walk(descriptor):
    yield descriptor
    for nested in descriptor.nested_types:
        yield from walk(nested)


@pytest.fixture(scope="module")
def official():
    for name in ("predict", "classification", "regression", "inference", "get_model_metadata"):
        importlib.import_module(f"tensorflow_serving.apis.{name}_pb2")
    for name in ("model_management", "get_model_status", "prediction_log"):
        importlib.import_module(f"tensorflow_serving.apis.{name}_pb2")
    return descriptor_pool.Default()


def files_of(path):
    compiled = FileDescriptorSet.FromString(path.read_bytes())
    return {file.name: file for file in compiled.file}


def type_of(field):
    named = field.message_type or field.enum_type
    return field.type, named.full_name if named else None


def test_every_field_has_the_name_number_and_type_of_the_official_one(official):
    compared = 0
    for ours in descriptors():
        if ours.full_name in NOT_IN_PACKAGE:
            continue
        theirs = official.FindMessageTypeByName(ours.full_name)
        for field in ours.fields:
            if field.full_name in OUR_FIELDS:
                assert field.number not in theirs.fields_by_number
                continue
            reference = theirs.fields_by_number[field.number]
            assert (field.name, type_of(field)) == (reference.name, type_of(reference))
            compared += 1
    assert compared > 100


@pytest.mark.parametrize(
    "name",
    ["tensorflow.DataType", "tensorflow.error.Code", "tensorflow.serving.ModelVersionStatus.State"],
)
def test_every_enum_value_has_the_official_number(official, name):
    theirs = official.FindEnumTypeByName(name).values_by_name
    for value in messages.POOL.FindEnumTypeByName(name).values:
        assert theirs[value.name].number == value.number


def test_the_compiled_file_is_what_the_sources_say(tmp_path):
    out = tmp_path / "messages.binpb"
    sources = sorted(path.name for path in PROTOS.glob("*.proto"))
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}"]
    subprocess.run([*protoc, f"--descriptor_set_out={out}", *sources], check=True)
    assert files_of(out) == files_of(PROTOS / "messages.binpb"), "run `make protos`"


def test_metadata_is_packed_under_the_official_type_name(official):
    from tensorflow_serving.apis import get_model_metadata_pb2

    ours = messages.GetModelMetadataResponse()
    signatures = messages.SignatureDefMap()
    signatures.signature_def["serving_default"].inputs["x"].name = "x:0"
    ours.metadata["signature_def"].Pack(signatures)
    theirs = get_model_metadata_pb2.GetModelMetadataResponse.FromString(ours.SerializeToString())
    unpacked = get_model_metadata_pb2.SignatureDefMap()
    assert theirs.metadata["signature_def"].Unpack(unpacked)
    assert unpacked.signature_def["serving_default"].inputs["x"].name == "x:0"


def test_tensorflow_is_not_imported():
    code = "import sys, serving.wire.tensors; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
