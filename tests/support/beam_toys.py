"""Components for the tests of Beam's flags: one computes on Beam, one leaves things behind."""

import atexit
import subprocess
from pathlib import Path

import apache_beam as beam
from tfx.dsl.component.experimental.annotations import (
    BeamComponentParameter,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts


@component(use_beam=True)
def Square(
    up_to: Parameter[int],
    squares: OutputArtifact[standard_artifacts.Schema],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Writes squares, by a function that every process of Beam can import."""
    place = Path(squares.uri)
    place.mkdir(parents=True, exist_ok=True)
    with beam_pipeline as pipeline:
        _ = (
            pipeline
            | beam.Create(range(up_to))
            | beam.Map(pow, 2)
            | beam.Map(str)
            | beam.io.WriteToText(str(place / "squares"), shard_name_template="")
        )


@component
def Leave(folder: Parameter[str], nothing: OutputArtifact[standard_artifacts.Schema]) -> None:
    """Leaves something to be done, and something running, when its process ends."""
    Path(nothing.uri).mkdir(parents=True, exist_ok=True)
    child = subprocess.Popen(["sleep", "600"])
    (Path(folder) / "child").write_text(str(child.pid))
    atexit.register((Path(folder) / "tidied").touch)
