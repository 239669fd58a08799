"""Requests are merged as parameters say, and refused in TensorFlow's words."""

import re
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import serving_requests as ask
from model_server import refused


@pytest.fixture(scope="module")
def server(batching_server):
    return batching_server[0]


def together(server, *requests):
    """Sends requests at once; returns each one's response or error."""

    def one(request):
        try:
            return server.prediction.Predict(request, timeout=60)
        except grpc.RpcError as error:
            return error

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(one, requests))


def metric(server, name, model):
    text = server.ask("GET", "/monitoring/prometheus/metrics").body.decode()
    found = re.search(rf'^{name}\{{model_name="{model}"[^}}]*\}} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_requests_at_once_share_a_batch(server):
    requests = [ask.predict(ask.spec("plain"), x=[[float(i)]]) for i in range(4)]
    before = metric(server, ":tensorflow:serving:batching_session:wrapped_run_count", "plain")
    answers = together(server, *requests)
    after = metric(server, ":tensorflow:serving:batching_session:wrapped_run_count", "plain")
    assert [ask.values(each) for each in answers] == [[2.0], [2.5], [3.0], [3.5]]
    assert after - before < 4


def test_a_request_larger_than_a_batch_is_refused(server):
    text = "Task size 5 is larger than maximum input batch size 4"
    with refused(grpc.StatusCode.INVALID_ARGUMENT, text):
        server.prediction.Predict(ask.predict(ask.spec("plain"), x=[[1.0]] * 5))


def test_splitting_takes_it(server):
    answer = server.prediction.Predict(
        ask.predict(ask.spec("split"), x=[[float(i)] for i in range(10)])
    )
    assert ask.values(answer) == [2 + 0.5 * i for i in range(10)]


def unequal(model):
    return [ask.predict(ask.spec(model), x=[[2.0]]), ask.predict(ask.spec(model), x=[[4.0, 6.0]])]


def test_shapes_that_differ_are_refused_without_padding(server):
    answers = together(server, *unequal("plain"))
    [failed] = [each for each in answers if isinstance(each, grpc.RpcError)]
    assert failed.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "different shapes and padding is turned off" in failed.details()
    # The one that came first is answered, where TensorFlow Serving fails the whole batch.
    [answered] = [each for each in answers if each is not failed]
    assert ask.values(answered) in ([3.0], [4.0, 5.0])


def test_shapes_that_differ_are_padded_where_that_is_asked_for(server):
    first, second = together(server, *unequal("padded"))
    assert ask.values(first)[0] == 3.0
    assert ask.values(second) == [4.0, 5.0]


def test_batches_grow_to_an_allowed_size(server):
    answer = server.prediction.Predict(ask.predict(ask.spec("sizes"), x=[[2.0]] * 3))
    assert ask.values(answer) == [3.0] * 3
    name = ":tensorflow:serving:batching_session:padding_size_sum"
    assert metric(server, name, "sizes") == 1.0


def test_a_full_queue_is_unavailable(server):
    answers = together(server, *[ask.predict(ask.spec("full"), x=[1.0])] * 8)
    failed = [each for each in answers if isinstance(each, grpc.RpcError)]
    assert failed
    assert {each.code() for each in failed} == {grpc.StatusCode.UNAVAILABLE}
    assert len(failed) < 8
    for each in answers:
        assert each in failed or ask.values(each) == [1.0]


def test_scalars_have_no_batch(server):
    with refused(grpc.StatusCode.INVALID_ARGUMENT):
        server.prediction.Predict(ask.predict(ask.spec("plain"), x=1.0))
