"""What GetModelStatus answers."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from lifecycle_models import spec

from serving.server.models.states import MAX_ENDED, State, States, Status
from serving.wire.errors import ServingError, StatusCode, not_found
from serving.wire.messages import GetModelStatusRequest


@pytest.fixture
def states() -> States:
    states = States()
    states.set("m", 2, Status(State.AVAILABLE))
    states.set("m", 10, Status(State.END, not_found("no model")))
    states.set("m", 1, Status(State.LOADING))
    states.set("m", 1, Status(State.END))
    return states


def request(*arguments, **named):
    return GetModelStatusRequest(model_spec=spec(*arguments, **named))


def test_versions_come_highest_first_with_the_ended_ones(states):
    assert text_format.MessageToString(states.response(request("m")), as_one_line=True) == (
        "model_version_status { version: 10 state: END status { error_code: NOT_FOUND "
        'error_message: "no model" } } '
        "model_version_status { version: 2 state: AVAILABLE status { } } "
        "model_version_status { version: 1 state: END status { } }"
    )


def test_one_version_can_be_asked_for_and_a_label_is_ignored(states):
    assert [s.version for s in states.response(request("m", 2)).model_version_status] == [2]
    answer = states.response(request("m", label="any"))
    assert [s.version for s in answer.model_version_status] == [10, 2, 1]


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        (GetModelStatusRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (request("n"), "NOT_FOUND", "Could not find any versions of model n"),
        (request(""), "NOT_FOUND", "Could not find any versions of model "),
        (request("m", 9), "NOT_FOUND", "Could not find version 9 of model m"),
        (request("n", 9), "NOT_FOUND", "Could not find version 9 of model n"),
    ],
)
def test_what_never_was_is_not_found(states, asked, code, message):
    with pytest.raises(ServingError) as caught:
        states.response(asked)
    assert (caught.value.code, caught.value.message) == (StatusCode[code], message)


def test_the_oldest_ended_versions_are_forgotten_and_serving_ones_never():
    states = States()
    states.set("m", 0, Status(State.AVAILABLE))
    for version in range(1, MAX_ENDED + 6):
        states.set("m", version, Status(State.END))
    kept = [0, *range(6, MAX_ENDED + 6)]
    assert sorted(states.of("m")) == kept
    assert states.available("m") == {0}
