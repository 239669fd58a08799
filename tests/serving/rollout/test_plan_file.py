import dataclasses
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serving.rollout import plan_file
from serving.rollout.errors import RolloutError
from serving.rollout.plan import Plan, Strategy

PLAN = Plan(
    id="taxi-2", model="taxi", stable_version=1, candidate_version=2, strategy=Strategy.DIRECT
)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "rollout.json"
    other = dataclasses.replace(PLAN, id="taxi-3", candidate_version=3)

    plan_file.write(PLAN, path)
    plan_file.write(other, path)

    assert plan_file.read(path) == other
    assert [one.name for one in tmp_path.iterdir()] == ["rollout.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_no_file_is_no_plan(tmp_path: Path) -> None:
    assert plan_file.read(tmp_path / "rollout.json") is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"format": 1}', b" " * 2_000_000])
def test_a_file_that_holds_no_plan_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rollout.json"
    path.write_bytes(content)

    with pytest.raises(RolloutError, match=r"rollout\.json: "):
        plan_file.read(path)


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(RolloutError, match="cannot be read"):
        plan_file.read(tmp_path)


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rollout.json"
    path.mkdir()  # In the way of the final name, for root as well.

    with pytest.raises(OSError, match=r"rollout\.json"):
        plan_file.write(PLAN, path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_is_killed_leaves_a_whole_plan(tmp_path: Path) -> None:
    path = tmp_path / "rollout.json"
    plan_file.write(PLAN, path)
    code = (
        "import dataclasses, itertools, sys\n"
        "from pathlib import Path\n"
        "from serving.rollout import plan_file\n"
        "plan = plan_file.read(Path(sys.argv[1]))\n"
        "for version in itertools.count(2):\n"
        "    new = dataclasses.replace(plan, candidate_version=version)\n"
        "    plan_file.write(new, Path(sys.argv[1]))\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)])
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            seen = plan_file.read(path)
            assert seen is not None
            if seen.candidate_version > 20:
                break
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()

    left = plan_file.read(path)
    assert left is not None
    assert left.candidate_version > 20
