"""Checks a compiled pipeline against the rules of an open-source Kubeflow Pipelines v2.

    violations = rules.check(compiled.spec, compiled.platform_spec)

The rules are those of the server's code of 2026, read in kubeflow/pipelines; older releases were
looked up where a rule has changed. They hold what the API server refuses at an upload, what its
compiler to Argo Workflows refuses, what the driver and the launcher of a task fail on, and what
they silently do otherwise than written. All are pure. What depends on a certain server (its
version, its parameters, its storage) is left to the submission.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.runners.kubeflow import container_rules, platform_rules, spec_rules, task_rules
from pipelines.runners.kubeflow.violations import Document, Rule, Violation, mapping

__all__ = ["RULES", "Violation", "check"]

RULES: tuple[Rule, ...] = (
    *spec_rules.RULES,
    *task_rules.RULES,
    *container_rules.RULES,
    *platform_rules.RULES,
)


def check(
    spec: Mapping[str, Any], platform: Mapping[str, Any] | None = None
) -> tuple[Violation, ...]:
    """Returns every violation of a compiled pipeline, in the order of the rules.

    Args:
        spec: The PipelineSpec as plain data, as read from YAML. A job that wraps one is a
            violation, and its spec is checked all the same.
        platform: The PlatformSpec as plain data, if there is a second document.

    Returns:
        The violations; empty when a server takes the pipeline and runs what is written.
    """
    wrapped = "pipelineSpec" in spec
    inner = mapping(spec["pipelineSpec"]) if wrapped else spec
    document = Document(inner, platform, wrapped)
    return tuple(violation for rule in RULES for violation in rule(document))
