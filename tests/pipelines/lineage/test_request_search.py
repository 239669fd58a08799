"""Searching real shards, as the server's log writes them."""

from pathlib import Path
from typing import Any

import log_gen_records as log

from pipelines.lineage.request_search import Search, find
from serving.request_log.record import record_parts
from serving.request_log.shard_names import ShardName


def _record(
    request_id: str, *, at: float = log.NOW, version: int = 7, arm: str = "", fare: float = 1.0
) -> tuple[bytes, ...]:
    request, response = log.taxi_rows([fare])
    return record_parts(
        "predict",
        request.SerializeToString(),
        response.SerializeToString(),
        model_spec=log.model_spec(version=version).SerializeToString(),
        request_id=request_id,
        now=at,
        sampling_rate=1.0,
        rollout=("r-1", arm) if arm else ("", ""),
    )


def _told(search: Search) -> list[tuple[int, str]]:
    metadata = [served.record.log_metadata for served in search.found]
    return [(one.model_spec.version.value, one.rollout_arm) for one in metadata]


def test_a_request_is_found_among_others(tmp_path: Path) -> None:
    for minute in range(3):
        at = log.NOW + 60 * minute
        records = [_record(f"id-{minute}-{n}", at=at, version=minute) for n in range(20)]
        log.write_log(tmp_path, records, started=at)
    search = find(tmp_path, "id-1-7")
    assert _told(search) == [(1, "")]
    assert (search.shards, search.unreadable) == (3, ())
    assert find(tmp_path, "id-1-77").found == ()


def test_an_id_inside_of_what_was_asked_is_not_that_request(tmp_path: Path) -> None:
    request, response = log.taxi_rows([1.0], company=b"wanted")
    log.write_log(tmp_path, [log.record("predict", (request, response), "other")])
    assert find(tmp_path, "wanted").found == ()


def test_a_shadow_is_found_in_the_shard_after(tmp_path: Path) -> None:
    log.write_log(tmp_path, [_record("a", version=1, arm="stable")])
    later = log.NOW + 30
    log.write_log(tmp_path, [_record("a", at=later, version=2, arm="shadow")], started=later)
    assert _told(find(tmp_path, "a")) == [(1, "stable"), (2, "shadow")]


def test_a_callers_answer_comes_before_a_shadows_of_the_same_second(tmp_path: Path) -> None:
    log.write_log(
        tmp_path, [_record("a", version=2, arm="shadow"), _record("a", version=1, arm="stable")]
    )
    assert _told(find(tmp_path, "a")) == [(1, "stable"), (2, "shadow")]


def test_shards_from_long_before_are_not_looked_through(tmp_path: Path) -> None:
    old = log.write_log(tmp_path, [_record("a", version=1)], started=log.NOW - 3600)
    log.write_log(tmp_path, [_record("a", version=2)])
    assert _told(find(tmp_path, "a")) == [(2, "")]
    old.unlink()
    assert _told(find(tmp_path, "a")) == [(2, "")]


def test_a_shard_that_is_being_written_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = log.write_log(tmp_path, [_record("a", version=3), _record("b")])
    name = ShardName.parse(path.name)
    assert name is not None
    whole = path.read_bytes()
    path.unlink()
    (tmp_path / name.unfinished).write_bytes(whole[:-5])  # the second record is not whole
    assert _told(find(tmp_path, "a")) == [(3, "")]
    assert find(tmp_path, "b").found == ()


def test_damage_before_the_record_is_passed_over(tmp_path: Path) -> None:
    path = log.write_log(tmp_path, [_record("b", fare=2.0), _record("a", version=4)])
    content = bytearray(path.read_bytes())
    content[40] ^= 0xFF  # in the data of the first record
    path.write_bytes(content)
    assert _told(find(tmp_path, "a")) == [(4, "")]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert find(tmp_path / "none", "a") == Search(folder=tmp_path / "none")


def test_an_id_across_two_chunks_is_found(tmp_path: Path, monkeypatch: Any) -> None:
    log.write_log(tmp_path, [_record("abcdefgh", version=5)])
    for size in range(1, 40):
        monkeypatch.setattr("pipelines.lineage.request_search._CHUNK_BYTES", size)
        assert _told(find(tmp_path, "abcdefgh")) == [(5, "")]
