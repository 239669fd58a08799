"""Dataflow: values that cannot be one are told at once, and a real job is made of the others."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines import stack
from pipelines.errors import UsageError
from pipelines.runners.beam import dataflow, job_graph
from pipelines.runners.beam.profiles import BeamProfile

IMAGE = "registry.example/team/ringway@sha256:" + "0a" * 32
WHOLE: dict[str, Any] = {
    "project": "my-project",
    "region": "europe-west1",
    "temp_location": "gs://my-bucket/tmp/",
    "image": IMAGE,
}


def profile(**changes: Any) -> BeamProfile:
    return BeamProfile(name="cloud", engine="dataflow", **{**WHOLE, **changes})


def test_the_flags_name_all_that_was_said() -> None:
    made = profile(
        machine_type="n2-standard-4",
        max_workers=7,
        service_account="runner@my-project.iam.gserviceaccount.com",
        subnetwork="regions/europe-west1/subnetworks/inner",
    )
    assert dataflow.flags(made) == (
        "--runner=DataflowRunner",
        "--project=my-project",
        "--region=europe-west1",
        "--temp_location=gs://my-bucket/tmp/",
        "--staging_location=gs://my-bucket/tmp/staging",
        f"--sdk_container_image={IMAGE}",
        "--sdk_location=container",
        "--worker_machine_type=n2-standard-4",
        "--max_num_workers=7",
        "--service_account_email=runner@my-project.iam.gserviceaccount.com",
        "--subnetwork=regions/europe-west1/subnetworks/inner",
    )


def test_all_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(UsageError) as refusal:
        dataflow.flags(BeamProfile(name="cloud", engine="dataflow"))
    for key in WHOLE:
        assert f"{key} is missing" in str(refusal.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("project", "My Project"),
        ("project", "p"),
        ("region", "europe"),
        ("region", "europe-west1-b"),
        ("temp_location", "/tmp/here"),
        ("temp_location", "s3://bucket/tmp"),
        ("temp_location", "gs://"),
        ("staging_location", "bucket/staging"),
        ("image", "ringway:latest"),
        ("image", "registry.example/ringway:1.0"),
        ("image", "registry.example/ringway@sha256:0a"),
        ("machine_type", "large"),
        ("service_account", "me@example.com"),
        ("subnetwork", "inner"),
        ("subnetwork", "regions/us-east1/subnetworks/inner"),
    ],
)
def test_a_value_that_cannot_be_one_is_named(key: str, value: str) -> None:
    with pytest.raises(UsageError) as refusal:
        dataflow.flags(profile(**{key: value}))
    assert f"{key}: expected" in str(refusal.value)
    assert repr(value) in str(refusal.value)


def test_a_project_of_a_domain_is_one() -> None:
    assert "--project=example.com:my-project" in dataflow.flags(
        profile(project="example.com:my-project")
    )


def test_beams_own_runner_makes_the_job_of_statistics() -> None:
    flags = [*dataflow.flags(profile(max_workers=7)), *stack.dataflow_flags()]
    job = job_graph.of_statistics(flags)
    assert job.images == (IMAGE,)
    # Nothing to install: the list of what was installed where the job was made is for reading only.
    assert set(job.packages) <= {"submission_environment_dependencies.txt"}
    assert any("GenerateStatistics" in name for name in job.transforms)
    assert any("WriteStatsOutput" in name for name in job.transforms)
    assert job.options["max_num_workers"] == 7
    assert job.options["temp_location"].startswith("gs://my-bucket/tmp/")


def test_flags_that_beam_refuses_are_told() -> None:
    with pytest.raises(UsageError, match="refuses the flags"):
        job_graph.of_statistics([*dataflow.flags(profile()), "--num_workers=-1"])
