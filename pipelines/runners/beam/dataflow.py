"""Dataflow: what a profile has to say, and the flags that come of it.

The form of each value is checked here. Whether project, bucket and account exist is known to
Google's servers alone; that a job can be made of the flags is tried by `job_graph`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pipelines.errors import UsageError
from pipelines.runners.beam.profiles import BeamProfile

# Of each field: its form, and how that is told. They follow Google's rules for names.
_FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "project": (
        re.compile(r"([a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"),
        "a project's id, such as 'my-project'",
    ),
    "region": (re.compile(r"[a-z]+-[a-z]+[0-9]+"), "a region such as 'europe-west1'"),
    "temp_location": (
        re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/\S*)?"),
        "a folder such as 'gs://bucket/tmp'",
    ),
    "image": (
        re.compile(r"[a-z0-9][a-z0-9.:-]*(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}"),
        "an image by digest, 'REGISTRY/NAME@sha256:' and 64 hexadecimal digits",
    ),
    "machine_type": (
        re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+"),
        "a machine type such as 'n2-standard-4'",
    ),
    "service_account": (
        re.compile(r"[a-z0-9][a-z0-9.-]*@[a-z0-9.-]+\.gserviceaccount\.com"),
        "an account's e-mail, '…@….gserviceaccount.com'",
    ),
    "subnetwork": (
        re.compile(r"(https://\S+/)?regions/(?P<region>[a-z0-9-]+)/subnetworks/[a-z0-9-]+"),
        "a subnetwork, 'regions/REGION/subnetworks/NAME'",
    ),
}
_FORMS = {**_FORMS, "staging_location": _FORMS["temp_location"]}
_NEEDED = ("project", "region", "temp_location", "image")


def flags(profile: BeamProfile) -> tuple[str, ...]:
    """Returns the flags of Dataflow's runner.

    Raises:
        UsageError: A value is missing or cannot be one; all of them are told at once.
    """
    amiss = list(_amiss(profile))
    if amiss:
        raise UsageError(
            f"Beam profile {profile.name}: " + "; ".join(amiss),
            remedy="Set them in [[beam.profiles]] of a file that --config names, or with "
            f"--beam {profile.name},FIELD=VALUE,…",
        )
    named = {
        "project": profile.project,
        "region": profile.region,
        "temp_location": profile.temp_location,
        "staging_location": profile.staging_location or f"{_folder(profile)}/staging",
        "sdk_container_image": profile.image,
        # Otherwise Beam's own release is downloaded and installed at the start of each worker.
        "sdk_location": "container",
        "worker_machine_type": profile.machine_type,
        "max_num_workers": profile.max_workers,
        "service_account_email": profile.service_account,
        "subnetwork": profile.subnetwork,
    }
    given = (f"--{name}={value}" for name, value in named.items() if value)
    return ("--runner=DataflowRunner", *given)


def told(profile: BeamProfile) -> str:
    """Returns in words where the jobs go."""
    return f"Dataflow in {profile.region} of {profile.project} (profile {profile.name})"


def _folder(profile: BeamProfile) -> str:
    return profile.temp_location.rstrip("/")


def _amiss(profile: BeamProfile) -> Iterator[str]:
    for key, (form, words) in _FORMS.items():
        value = getattr(profile, key)
        if not value and key in _NEEDED:
            yield f"{key} is missing: expected {words}"
        elif value and not form.fullmatch(value):
            yield f"{key}: expected {words}, received {value!r}"
    found = _FORMS["subnetwork"][0].fullmatch(profile.subnetwork)
    if found and found["region"] != profile.region:
        yield f"subnetwork: expected one in {profile.region}, received {profile.subnetwork!r}"
