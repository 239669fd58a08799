"""Beam's flags stay out of the cache's key, and what an executor started ends with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from tfx.proto.orchestration import executable_spec_pb2
from toy_runs import run

from pipelines.runners.beam import choosing, executor_specs
from pipelines.runners.beam.profiles import BeamProfile
from pipelines.workspace import Workspace


def beam_spec(*flags: str) -> Any:
    spec = executable_spec_pb2.BeamExecutableSpec()
    spec.python_executor_spec.class_path = "a.B"
    for flag in flags:
        spec.beam_pipeline_args.append(flag)
        spec.beam_pipeline_args_placeholders.add().value.string_value = flag
    return spec


def test_specs_that_differ_in_their_flags_only_look_the_same() -> None:
    one, other = beam_spec("--runner=A"), beam_spec("--runner=B", "--x=1")
    assert executor_specs.without_flags(one) == executor_specs.without_flags(other) == beam_spec()
    assert one == beam_spec("--runner=A")


@pytest.mark.parametrize(
    "original",
    [
        beam_spec("--runner=A"),
        beam_spec(),
        executable_spec_pb2.PythonClassExecutableSpec(class_path="a.B"),
    ],
)
def test_an_executor_gets_the_flags_back(original: Any) -> None:
    seen = executor_specs.without_flags(original)
    assert executor_specs.with_flags(seen, original) == original


def test_a_spec_of_another_executor_is_left_alone() -> None:
    other = executable_spec_pb2.PythonClassExecutableSpec(class_path="c.D")
    assert executor_specs.with_flags(other, beam_spec("--runner=A")) == other
    assert executor_specs.without_flags(None) is None


def test_other_flags_give_the_cached_result_and_the_same_one(tmp_path: Path) -> None:
    workspace = Workspace(root=tmp_path, metadata_url=f"sqlite:///{tmp_path / 'metadata.sqlite'}")

    def squares(processes: int) -> Callable[[Any], list[Any]]:
        def make(_: Any) -> list[Any]:
            import beam_toys

            flags = choosing.make_args(
                BeamProfile(name="direct", engine="direct", processes=processes),
                choosing.Sizes(),
                choosing.Machine(cores=2, free_memory_gib=8.0),
            ).args
            return [beam_toys.Square(up_to=9).with_beam_pipeline_args(list(flags))]

        return make

    first = run(workspace, squares(1))
    second = run(workspace, squares(2))
    third = run(workspace, squares(2), force=True)
    states = [str(node.state) for report in (first, second, third) for node in report.nodes]
    assert states == ["ran", "cached", "ran"]
    squared = [
        sorted((folder / "squares").read_text().split())
        for folder in (workspace.pipeline_root("toy") / "Square" / "squares").iterdir()
    ]
    assert squared == [sorted(str(n * n) for n in range(9))] * 2


def test_what_an_executor_started_ends_with_it(tmp_path: Path) -> None:
    def leave(_: Any) -> list[Any]:
        import beam_toys

        return [beam_toys.Leave(folder=str(tmp_path))]

    workspace = Workspace(root=tmp_path, metadata_url=f"sqlite:///{tmp_path / 'metadata.sqlite'}")
    assert run(workspace, leave).outcome.exit_code == 0
    assert (tmp_path / "tidied").exists()
    assert not psutil.pid_exists(int((tmp_path / "child").read_text()))
