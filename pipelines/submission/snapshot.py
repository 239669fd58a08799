"""What the checks before a submission look at: plain values, gathered before any of them runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pipelines.runners.kubeflow.settings import Settings
from pipelines.submission.findings import Finding

if TYPE_CHECKING:
    from pipelines.runners.kubeflow.compiler import CompiledPipeline


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """What a server says of itself.

    Attributes:
        version: Its release, such as `2.5.0`; empty where it does not say.
        multi_user: Whether each namespace has pipelines and rights of its own.
    """

    version: str = ""
    multi_user: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contact:
    """What came of asking a server.

    Attributes:
        host: Its address.
        health: What it says of itself; None when it did not answer.
        problem: Why there was no answer, or why it would not list our experiments.
        remedy: What to do about it.
        sends_token: Whether requests carry a token.
    """

    host: str
    health: Health | None = None
    problem: str = ""
    remedy: str = ""
    sends_token: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All that a submission depends on.

    Attributes:
        settings: Where and how tasks run.
        compiled: The pipeline; None when it could not be compiled.
        not_compiled: Why not.
        of_repository: Whether the pipeline is one of this repository, with data and pushed models
            in the workspace.
        values: The parameters that were given.
        parameter_findings: What is wrong with how they were given.
        local_folders: Folders of this machine that no task has.
        allow_tag: Whether an image may be named by a tag.
        namespace: The namespace asked for; empty for the server's.
        experiment: The experiment's name.
        run_name: The run's name, or the schedule's.
        schedule: A cron expression; empty for one run.
        contact: What came of asking the server; None when none is asked.
        target: What it is submitted to.
    """

    settings: Settings
    compiled: CompiledPipeline | None = None
    not_compiled: Finding | None = None
    of_repository: bool = True
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    parameter_findings: tuple[Finding, ...] = ()
    local_folders: tuple[str, ...] = ()
    allow_tag: bool = False
    namespace: str = ""
    experiment: str = "Default"
    run_name: str = ""
    schedule: str = ""
    contact: Contact | None = None
    target: Literal["kubeflow", "vertex"] = "kubeflow"
