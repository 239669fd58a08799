"""From a name to a compiled pipeline: one of this repository, or any function that makes one."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import config as configuration
from pipelines.errors import RingwayError, UsageError
from pipelines.submission.findings import Finding
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.runners.kubeflow.compiler import CompiledPipeline
    from pipelines.runners.kubeflow.settings import Settings

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def is_function(pipeline: str) -> bool:
    """Whether a pipeline is named as `package.module:function`."""
    return bool(_FUNCTION.fullmatch(pipeline))


def compiled(
    pipeline: str, settings: Settings, config_file: Path | None, overrides: Sequence[str]
) -> CompiledPipeline:
    """Compiles a pipeline for Kubeflow.

    Args:
        pipeline: A folder under `pipelines`, or `package.module:function`, a function without
            arguments that returns a TFX pipeline.
        settings: Where and how its tasks run.
        config_file: TOML file of settings; for pipelines of this repository.
        overrides: `KEY=VALUE`; for pipelines of this repository.

    Raises:
        UsageError: There is no such pipeline, or its configuration is wrong.
        RingwayError: It cannot run on a cluster.
    """
    from pipelines.runners.kubeflow import compiler

    if is_function(pipeline):
        made = any_pipeline(pipeline, config_file, overrides)
        return compiler.compile_pipeline(made, settings)
    asked = configuration.load(configuration.named(pipeline), config_file, overrides)
    return compiler.for_config(
        f"pipelines.{pipeline}.pipeline", asked, cluster_workspace(settings), settings
    )


def cluster_workspace(settings: Settings) -> Workspace:
    """Returns the workspace as tasks have it; the store's URL is what they read themselves."""
    root = Path(settings.workspace)
    return Workspace(root=root, metadata_url=f"sqlite:///{root / 'metadata.sqlite'}")


def any_pipeline(name: str, config_file: Path | None, overrides: Sequence[str]) -> Any:
    """Returns the TFX pipeline that a function makes.

    Raises:
        UsageError: There is no such function, or settings were given, which it cannot take.
    """
    if config_file is not None or overrides:
        raise UsageError(
            f"{name} takes no settings; --config and --set are for pipelines of this repository.",
            remedy="Choose values with --param, for the pipeline's RuntimeParameters.",
        )
    module_name, _, function_name = name.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"There is no function {name}: {error}",
            remedy="Name it as package.module:function, importable from here.",
        ) from error
    return function()


def not_compiled(error: RingwayError) -> Finding:
    """Returns why a pipeline could not be compiled, beside what else is to mend."""
    return Finding(check="compiled pipeline", problem=str(error), remedy=error.remedy)
