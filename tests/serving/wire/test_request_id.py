"""Request ids that callers send, and those that the server makes."""

from __future__ import annotations

import pytest

from serving.wire.request_id import MAX_LENGTH, new_request_id, request_id_from


@pytest.mark.parametrize("sent", ["a", "Order-17/2.b:c+d=e@f", "x" * MAX_LENGTH])
def test_a_usable_id_is_kept(sent):
    assert request_id_from(sent) == sent


@pytest.mark.parametrize(
    "sent", [None, "", "x" * (MAX_LENGTH + 1), "two words", "line\nbreak", "é", b"bytes", "a,b"]
)
def test_anything_else_is_replaced(sent):
    assert request_id_from(sent, make=lambda: "made") == "made"


def test_new_ids_differ_and_are_usable():
    first, second = new_request_id(), new_request_id()
    assert first != second
    assert request_id_from(first) == first
