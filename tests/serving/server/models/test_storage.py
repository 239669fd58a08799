"""Which folders are versions, and which of them serve."""

from __future__ import annotations

import pytest

from serving.server.models import storage
from serving.server.models.config import AllVersions, Latest, Specific
from serving.wire.errors import ServingError, StatusCode


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("1", 1),
        ("0", 0),
        ("00000123", 123),
        ("+7", 7),
        ("-7", -7),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("", None),
        ("1.5", None),
        ("1e3", None),
        ("1_000", None),
        ("0x10", None),
        ("v1", None),
        ("1-tmp", None),
        (".1", None),
        ("٣", None),  # a digit, but not an ASCII one
    ],
)
def test_a_version_is_a_64_bit_integer(name, version):
    assert storage.version_number(name) == version


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (Latest(), {7}),
        (Latest(2), {5, 7}),
        (Latest(9), {-1, 5, 7}),
        (AllVersions(), {-1, 5, 7}),
        (Specific(frozenset({5, 6})), {5}),
        (Specific(frozenset()), set()),
    ],
)
def test_the_policy_picks_among_the_versions_there_are(policy, wanted):
    assert storage.aspired([7, -1, 5], policy) == wanted
    assert storage.aspired([], policy) == set()


def test_only_folders_with_a_number_are_versions(tmp_path):
    for name in ("1", "00000123", "tmp-4", ".5"):
        (tmp_path / name).mkdir()
    (tmp_path / "6").write_text("a file")
    (tmp_path / "7").symlink_to(tmp_path / "1")
    expected = {1: tmp_path / "1", 123: tmp_path / "00000123", 7: tmp_path / "7"}
    assert storage.find("m", str(tmp_path)) == expected
    assert storage.find("m", tmp_path.as_uri()) == expected


def test_of_two_names_for_a_version_the_last_in_order_counts():
    assert storage.numbered(["7", "007", "07"]) == {7: "7"}


@pytest.mark.parametrize(
    "base",
    ["/does/not/exist", "gs://bucket/model", "file://host/model", "/nul\0byte", "file://[/x"],
)
def test_a_base_path_that_cannot_be_listed_is_no_empty_one(base):
    with pytest.raises(ServingError) as caught:
        storage.find("m", base)
    assert caught.value.code is StatusCode.INVALID_ARGUMENT
    expected = f"Could not find base path {base} for servable m with error"
    assert caught.value.message.startswith(expected)
