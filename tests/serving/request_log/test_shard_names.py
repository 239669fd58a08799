from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from request_log_records import NOW

from serving.request_log.shard_names import LogPrefix, ShardName, finished_shards, plain_host
from serving.wire.errors import ServingError, StatusCode

NAME = ShardName("requests", int(NOW), "host-1", 4711, 3)
FINAL = "requests-20261121T163000Z-host-1-4711-000003.tfrecord"


def test_a_name_says_when_where_and_who():
    assert NAME.final == FINAL
    assert NAME.unfinished == f".{FINAL}.tmp"
    assert ShardName.parse(FINAL) == NAME
    assert ShardName.parse_unfinished(f".{FINAL}.tmp") == NAME


@pytest.mark.parametrize(
    "other",
    [
        "",
        f".{FINAL}.tmp",
        f".{FINAL}",
        f"{FINAL}.gz",
        "requests.tfrecord",
        "requests-20261321T163000Z-host-4711-000003.tfrecord",
        "requests-20261121T163000Z-host-x-000003.tfrecord",
    ],
)
def test_other_files_are_no_shards(other):
    assert ShardName.parse(other) is None
    assert ShardName.parse_unfinished(FINAL) is None


@given(st.text())
def test_any_file_name_can_be_looked_at(text):
    ShardName.parse(text)
    ShardName.parse(f"{text}-20261121T163000Z-{text}-1-1.tfrecord")
    ShardName.parse_unfinished(f".{text}.tmp")


def test_names_sort_by_time(tmp_path):
    starts = [NOW + step for step in (86_400, 0, 3_600, 31_536_000, 1)]
    names = [ShardName("a", int(start), "h", 1, 0) for start in starts]
    for name in names:
        (tmp_path / name.final).touch()
    (tmp_path / "other.tfrecord").touch()
    (tmp_path / ShardName("b", 0, "h", 1, 0).final).touch()
    listed = [name.started for name, _ in finished_shards(tmp_path, "a")]
    assert listed == sorted(int(start) for start in starts)
    assert sorted(name.final for name in names) == [
        p.name for _, p in finished_shards(tmp_path, "a")
    ]
    assert len(finished_shards(tmp_path)) == 6
    assert finished_shards(tmp_path / "missing") == []


@pytest.mark.parametrize(("host", "plain"), [("web-1.a", "web-1.a"), ("a/b c", "a_b_c"), ("", "_")])
def test_a_hosts_name_builds_no_path(host, plain):
    assert plain_host(host) == plain
    assert len(plain_host("x" * 300)) == 64


def test_a_prefix_is_a_folder_and_a_name(tmp_path):
    assert LogPrefix.parse(f"{tmp_path}/a/requests") == LogPrefix(tmp_path / "a", "requests")


@pytest.mark.parametrize(
    "text",
    ["", "/", "/logs/", "/logs/..", ".", "a\0b", ".hidden", "x" * 101, "a-20261121T163000Z-h-1-1"],
)
def test_a_prefix_that_names_no_file_is_an_invalid_argument(text):
    with pytest.raises(ServingError, match=r"filename_prefix must be a folder and") as raised:
        LogPrefix.parse(text)
    assert raised.value.code == StatusCode.INVALID_ARGUMENT
