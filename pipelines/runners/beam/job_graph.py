"""Makes the job that Dataflow would be sent for StatisticsGen, and sends nothing.

Beam's own runner does it, with its checks of flags and graph, as far as it goes without a server.
What that cannot tell: whether project, bucket, account and quota are there, and whether the image
can be pulled and starts a worker.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError

_SPLIT = "train"


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobGraph:
    """A job that was made and not sent.

    Attributes:
        transforms: Names of the steps that do something, in no order.
        images: What its workers would run.
        packages: Names of files that would be staged for them.
        options: What Dataflow would be told, by name.
    """

    transforms: tuple[str, ...]
    images: tuple[str, ...]
    packages: tuple[str, ...]
    options: dict[str, Any]


def of_statistics(flags: Sequence[str]) -> JobGraph:
    """Returns the job of stock StatisticsGen.

    Args:
        flags: Of Beam, as `dataflow.flags` makes them.

    Raises:
        UsageError: Beam refuses the flags.
    """
    with tempfile.TemporaryDirectory(prefix="ringway-job-") as folder:
        return _of_statistics([*flags, "--dry_run=True", "--no_auth"], Path(folder))


def _of_statistics(flags: list[str], folder: Path) -> JobGraph:
    import apache_beam as beam
    from tfx.components.statistics_gen import executor
    from tfx.types import artifact_utils, standard_artifacts, standard_component_specs

    made: list[beam.Pipeline] = []

    def make() -> beam.Pipeline:
        made.append(beam.Pipeline(argv=flags))
        return made[-1]

    _write_examples(folder / "examples")
    examples = standard_artifacts.Examples()
    examples.uri = str(folder / "examples")
    examples.split_names = artifact_utils.encode_split_names([_SPLIT])
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(folder / "statistics")
    context = executor.Executor.Context(
        tmp_dir=str(folder / "tmp"), unique_id="1", make_beam_pipeline_fn=make
    )
    try:
        with contextlib.redirect_stdout(None):
            executor.Executor(context).Do(
                {standard_component_specs.EXAMPLES_KEY: [examples]},
                {standard_component_specs.STATISTICS_KEY: [statistics]},
                {},
            )
    except ValueError as error:
        raise UsageError(
            f"Dataflow's runner refuses the flags: {error}",
            remedy="Correct the profile, or its args.",
        ) from error
    [pipeline] = made
    return _read(pipeline.result.job)


def _write_examples(folder: Path) -> None:
    import tensorflow as tf

    place = folder / f"Split-{_SPLIT}"
    place.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(place / "data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
        writer.write(tf.train.Example().SerializeToString())


def _read(job: Any) -> JobGraph:
    from apache_beam.portability.api import beam_runner_api_pb2

    components = job.proto_pipeline.components
    environments = list(components.environments.values())
    return JobGraph(
        transforms=tuple(
            transform.unique_name
            for transform in components.transforms.values()
            if not transform.subtransforms
        ),
        images=tuple(
            sorted(
                beam_runner_api_pb2.DockerPayload.FromString(environment.payload).container_image
                for environment in environments
            )
        ),
        packages=tuple(
            Path(beam_runner_api_pb2.ArtifactFilePayload.FromString(item.type_payload).path).name
            for environment in environments
            for item in environment.dependencies
        ),
        options=job.options.get_all_options(drop_default=True),
    )
