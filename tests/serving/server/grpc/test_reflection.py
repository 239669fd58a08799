import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_servers import running

from serving.server.grpc import GrpcServer
from serving.server.grpc.reflection import SERVICE_NAMES, Reflection

TIMEOUT = 30


@pytest.fixture(scope="module")
def pool() -> descriptor_pool.DescriptorPool:
    """A pool of its own, with a service whose types are in another file."""
    pool = descriptor_pool.DescriptorPool()
    types = FileDescriptorProto(name="toy/types.proto", package="toy", syntax="proto3")
    field = types.message_type.add(name="Taxi").field.add(name="fare", number=1)
    field.type, field.label = field.TYPE_FLOAT, field.LABEL_OPTIONAL
    service = FileDescriptorProto(name="toy/service.proto", package="toy", syntax="proto3")
    service.dependency.append("toy/types.proto")
    service.service.add(name="Rank").method.add(
        name="Hail", input_type=".toy.Taxi", output_type=".toy.Taxi"
    )
    for file in (types, service):
        pool.AddSerializedFile(file.SerializeToString())
    return pool


@pytest.fixture
def channel(pool):
    streams = Reflection(["toy.Rank"], pool).streams
    with (
        running(lambda: GrpcServer(unary={}, streams=streams)) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        yield channel


def test_a_client_learns_all_about_a_service(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    assert sorted(database.get_services()) == [*sorted(SERVICE_NAMES), "toy.Rank"]
    learnt = descriptor_pool.DescriptorPool(database)
    hail = learnt.FindServiceByName("toy.Rank").FindMethodByName("Hail")
    assert hail.input_type.fields_by_name["fare"].number == 1


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_both_versions_answer_each_question_in_turn(channel, version):
    ask = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    questions = [
        reflection_pb2.ServerReflectionRequest(host="h", file_containing_symbol="toy.Rank"),
        reflection_pb2.ServerReflectionRequest(file_by_filename="toy/types.proto"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="toy.Nothing"),
        reflection_pb2.ServerReflectionRequest(),
    ]
    first, second, third, fourth = ask(iter(questions), timeout=TIMEOUT)
    assert first.original_request == questions[0]
    assert first.valid_host == "h"
    files = map(
        FileDescriptorProto.FromString, first.file_descriptor_response.file_descriptor_proto
    )
    assert [file.name for file in files] == ["toy/service.proto", "toy/types.proto"]
    assert len(second.file_descriptor_response.file_descriptor_proto) == 1
    assert third.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert fourth.error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
