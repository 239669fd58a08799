"""Small components for the runner's tests: they compute, wait, crash and object."""

import os
import signal
import time
from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts


@component
def Source(number: Parameter[int], data: OutputArtifact[standard_artifacts.Schema]) -> None:
    Path(data.uri).mkdir(parents=True, exist_ok=True)
    (Path(data.uri) / "value").write_text(str(number))
    print(f"source wrote {number}")


@component
def Double(
    data: InputArtifact[standard_artifacts.Schema],
    doubled: OutputArtifact[standard_artifacts.Schema],
) -> None:
    value = int((Path(data.uri) / "value").read_text())
    Path(doubled.uri).mkdir(parents=True, exist_ok=True)
    (Path(doubled.uri) / "value").write_text(str(2 * value))


@component
def Meet(
    data: InputArtifact[standard_artifacts.Schema],
    met: OutputArtifact[standard_artifacts.Schema],
    folder: Parameter[str],
    me: Parameter[str],
    other: Parameter[str],
) -> None:
    """Ends only when the other one is running too."""
    (Path(folder) / me).touch()
    deadline = time.monotonic() + 60
    while not (Path(folder) / other).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{other} did not come")
        time.sleep(0.01)
    Path(met.uri).mkdir(parents=True, exist_ok=True)


@component
def Fail(
    data: InputArtifact[standard_artifacts.Schema],
    nothing: OutputArtifact[standard_artifacts.Schema],
    how: Parameter[str],
) -> None:
    Path(nothing.uri).mkdir(parents=True, exist_ok=True)
    (Path(nothing.uri) / "half").write_text("half-written")
    if how == "raise":
        try:
            {1: 2}[3]
        except KeyError as error:
            raise ValueError("column 'fare' is missing in trips.csv") from error
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


@component
def Hang(
    data: InputArtifact[standard_artifacts.Schema],
    nothing: OutputArtifact[standard_artifacts.Schema],
    flag: Parameter[str],
) -> None:
    """Tells that it runs, then runs until it is stopped; returns at once the second time."""
    Path(nothing.uri).mkdir(parents=True, exist_ok=True)
    (Path(nothing.uri) / "half").write_text("half-written")
    if Path(flag).exists():
        return
    Path(flag).write_text(str(os.getpid()))
    time.sleep(600)


@component
def Object(
    data: InputArtifact[standard_artifacts.Schema],
    anomalies: OutputArtifact[standard_artifacts.ExampleAnomalies],
    feature: Parameter[str],
    severity: Parameter[str],
) -> None:
    found = anomalies_pb2.Anomalies()
    if feature:
        info = found.anomaly_info[feature]
        info.severity = anomalies_pb2.AnomalyInfo.Severity.Value(severity)
        info.reason.add(
            type=anomalies_pb2.AnomalyInfo.UNEXPECTED_DATA_TYPE,
            short_description="Expected data of type: FLOAT but got BYTES",
        )
    folder = Path(anomalies.uri) / "Split-train"
    folder.mkdir(parents=True)
    (folder / "SchemaDiff.pb").write_bytes(found.SerializeToString())


@component
def Fill(
    data: InputArtifact[standard_artifacts.Schema],
    much: OutputArtifact[standard_artifacts.Schema],
) -> None:
    """Writes until the disk is full."""
    Path(much.uri).mkdir(parents=True, exist_ok=True)
    with (Path(much.uri) / "zeros").open("wb") as file:
        while True:
            file.write(bytes(2**16))
