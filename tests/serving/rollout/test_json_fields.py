import pytest

from serving.rollout.errors import RolloutError
from serving.rollout.json_fields import Fields, parse


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON"),
        (b"\xff", "expected JSON"),
        ('{"a": 1, "a": 2}', "the field a stands there more than once"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ("[" * 100_000, "expected JSON"),
    ],
)
def test_what_is_not_json_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(RolloutError, match=message):
        parse(text, "plan")


@pytest.mark.parametrize(
    ("method", "value", "message"),
    [
        ("text", 1, "a must be a string, received 1"),
        ("truth", 1, "a must be true or false, received 1"),
        ("whole", 1.0, "a must be a whole number of at least 0, received 1.0"),
        ("whole", True, "a must be a whole number"),
        ("whole", -1, "at least 0, received -1"),
        ("number", "1", "a must be a number, received '1'"),
        ("number", True, "a must be a number"),
        ("number", 10**400, "a must be a number"),
        ("items", {}, "a must be an array"),
        ("mapping", [], "a must be an object"),
    ],
)
def test_a_field_of_another_type_is_named(method: str, value: object, message: str) -> None:
    with pytest.raises(RolloutError, match=f"plan: .*{message}"):
        getattr(Fields({"a": value}, "plan"), method)("a")


def test_missing_and_unknown_fields_are_named() -> None:
    fields = Fields({"a": 1, "c": 2}, "plan")

    assert fields.whole("a") == 1
    with pytest.raises(RolloutError, match="plan: b is missing"):
        fields.text("b")
    with pytest.raises(RolloutError, match="plan: expected a, b, received the unknown c"):
        fields.done()


def test_a_name_that_is_not_valid_is_answered_with_those_that_are() -> None:
    with pytest.raises(RolloutError, match="a must be one of x, y, received 'z'"):
        Fields({"a": "z"}, "plan").chosen("a", ["x", "y"])


def test_anything_but_an_object_is_refused() -> None:
    with pytest.raises(RolloutError, match="plan: expected an object, received"):
        Fields([1], "plan")
