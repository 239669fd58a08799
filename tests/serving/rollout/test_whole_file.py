"""Files that are replaced as a whole."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from serving.rollout import whole_file
from serving.rollout.errors import RolloutError


def _word(content: bytes) -> str:
    if not content.isalpha():
        raise RolloutError(f"expected a word, received {content!r}.")
    return content.decode()


@pytest.mark.parametrize("synced", [True, False])
def test_a_file_is_replaced_and_everyone_may_read_it(tmp_path: Path, synced: bool) -> None:
    path = tmp_path / "word"

    for word in ("old", "new"):
        whole_file.write(word, path, synced=synced)

        assert whole_file.read(path, "a word", _word) == word
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("synced", [True, False])
def test_what_cannot_be_written_leaves_no_traces(tmp_path: Path, synced: bool) -> None:
    path = tmp_path / "word"
    path.mkdir()  # In the way of the final name, for root as well.

    with pytest.raises(OSError, match="word"):
        whole_file.write("new", path, synced=synced)
    assert list(tmp_path.iterdir()) == [path]


def test_no_file_holds_nothing(tmp_path: Path) -> None:
    assert whole_file.read(tmp_path / "word", "a word", _word) is None


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (whole_file.MAX_BYTES, ""),
        (whole_file.MAX_BYTES + 1, "word: expected a word of at most 1048576 bytes"),
    ],
)
def test_a_file_that_is_too_large_is_named(tmp_path: Path, size: int, reason: str) -> None:
    path = tmp_path / "word"
    path.write_bytes(b"w" * size)

    if not reason:
        assert whole_file.read(path, "a word", _word) == "w" * size
        return
    with pytest.raises(RolloutError, match=reason):
        whole_file.read(path, "a word", _word)


def test_a_file_that_holds_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "word"
    path.write_bytes(b"12")

    with pytest.raises(RolloutError, match=r"/word: expected a word, received b'12'"):
        whole_file.read(path, "a word", _word)
