"""What is to be served: the message ModelServerConfig as checked, frozen values.

Checks and texts are TensorFlow Serving's (`model_servers/server_core.cc`). Where the message comes
from is for `serving.server.config_files` (a file) and the front (a reload request). Labels are
checked against the versions that serve, by `labels` here; logging by those who log.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from serving.wire import errors
from serving.wire.messages import ModelServerConfig

PLATFORM = "tensorflow"

_MODEL_TYPE_TENSORFLOW = 1
_URI = re.compile(r"[A-Za-z][A-Za-z0-9.]*://")  # as TensorFlow's io::ParseURI


@dataclasses.dataclass(frozen=True, slots=True)
class Latest:
    """Serve the versions with the highest numbers.

    Attributes:
        count: How many, at least 1.
    """

    count: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class AllVersions:
    """Serve every version there is."""


@dataclasses.dataclass(frozen=True, slots=True)
class Specific:
    """Serve these versions, as far as they are there."""

    versions: frozenset[int]


VersionPolicy = Latest | AllVersions | Specific


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """One model to serve.

    Attributes:
        name: How requests call it.
        base_path: The folder, absolute or a URI, that holds a folder per version.
        version_policy: Which of its versions to serve.
        labels: Version numbers by label.
        platform: Always "tensorflow".
        logging_config: The message LoggingConfig, or None where the model has none.
    """

    name: str
    base_path: str
    version_policy: VersionPolicy = Latest()
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)
    platform: str = PLATFORM
    logging_config: Any = None


def single_model(name: str, base_path: str) -> Any:
    """Returns the ModelServerConfig for `--model_name` and `--model_base_path`."""
    config = ModelServerConfig()
    config.model_config_list.config.add(name=name, base_path=base_path, model_platform=PLATFORM)
    return config


def read(message: Any, old: Mapping[str, ModelConfig]) -> dict[str, ModelConfig] | None:
    """Reads and checks a ModelServerConfig.

    Args:
        message: It.
        old: The models served so far, by name.

    Returns:
        The models to serve by name, in the message's order; None when the message is empty, which
        asks for no change.

    Raises:
        ServingError: INVALID_ARGUMENT, with TensorFlow Serving's text; FAILED_PRECONDITION for a
            custom config after a list of models.
    """
    if message.WhichOneof("config") == "custom_model_config":
        raise _custom_refused(old)
    if message.WhichOneof("config") is None:
        return None
    models = message.model_config_list.config
    _check_names(models)
    _check_paths(models)
    _check_unchanged_platforms(models, old)
    return {model.name: _model(model) for model in models}


def _custom_refused(old: Mapping[str, ModelConfig]) -> errors.ServingError:
    if old:
        return errors.failed_precondition(
            "Cannot transition to requested config. It is only legal to transition from one "
            "ModelConfigList to another."
        )
    return errors.invalid("ModelServer does not yet support custom model config.")


def _check_names(models: Iterable[Any]) -> None:
    seen: set[str] = set()
    for model in models:
        if model.name in seen:
            raise errors.invalid(
                f"Illegal to list model {model.name} multiple times in config list"
            )
        seen.add(model.name)


def _check_paths(models: Iterable[Any]) -> None:
    for model in models:
        if not model.base_path.startswith("/") and not _URI.match(model.base_path):
            raise errors.invalid(
                f"Expected model {model.name} to have an absolute path or URI; "
                f"got base_path()={model.base_path}"
            )


def _check_unchanged_platforms(models: Iterable[Any], old: Mapping[str, ModelConfig]) -> None:
    for model in models:
        before = old.get(model.name)
        if before is not None and _platform(model) != before.platform:
            raise errors.invalid(
                f"Illegal to change a model's platform. For model {model.name} platform was "
                f"{before.platform} and new platform requested is {_platform(model)}"
            )


def _platform(model: Any) -> str:
    if model.model_type:
        return _platform_of_type(model)
    if not model.model_platform:
        raise errors.invalid(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            f"ModelServerConfig::model_platform, model name is {model.name}"
        )
    return str(model.model_platform)


def _platform_of_type(model: Any) -> str:
    if model.model_platform:
        raise errors.invalid(
            "Illegal setting both ModelServerConfig::model_type (deprecated) and "
            f"ModelServerConfig::model_platform, model name is {model.name}"
        )
    if model.model_type != _MODEL_TYPE_TENSORFLOW:
        raise errors.invalid(
            f"ModelServerConfig::model_type choice {model.model_type} not supported."
        )
    return PLATFORM


def _model(model: Any) -> ModelConfig:
    platform = _platform(model)
    if platform != PLATFORM:
        raise errors.invalid(f"Model {model.name} requests unsupported platform {platform}")
    return ModelConfig(
        name=model.name,
        base_path=model.base_path,
        version_policy=_policy(model.model_version_policy),
        labels=dict(model.version_labels),
        platform=platform,
        logging_config=model.logging_config if model.HasField("logging_config") else None,
    )


def _policy(message: Any) -> VersionPolicy:
    match message.WhichOneof("policy_choice"):
        case "all":
            return AllVersions()
        case "specific":
            return Specific(frozenset(message.specific.versions))
        case _:
            return Latest(max(message.latest.num_versions, 1))


def labels(
    configs: Mapping[str, ModelConfig],
    *,
    old: Mapping[str, Mapping[str, int]],
    available: Mapping[str, frozenset[int]],
    allow_unavailable: bool,
) -> dict[str, Mapping[str, int]]:
    """Decides which version each label names.

    Args:
        configs: The models to serve.
        old: The labels so far, by model.
        available: The versions that serve now, by model.
        allow_unavailable: Whether a label that is new, or stays as it is, may name a version that
            does not serve.

    Returns:
        Version by label, by model.

    Raises:
        ServingError: FAILED_PRECONDITION, a label would name a version that does not serve.
    """
    for name, config in configs.items():
        for label, version in config.labels.items():
            unmoved = old.get(name, {}).get(label, version) == version
            if version not in available.get(name, ()) and not (allow_unavailable and unmoved):
                raise errors.failed_precondition(
                    f"Request to assign label to version {version} of model {name}, "
                    "which is not currently available for inference"
                )
    return {name: config.labels for name, config in configs.items()}
