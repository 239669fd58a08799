"""What a pipeline is configured with: frozen dataclasses, overridden from a file and by `--set`.

A pipeline derives its own dataclass in `pipelines/<name>/config.py` and names one value `CONFIG`:

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TaxiConfig(PipelineConfig):
        name: str = "taxi"
        epochs: PositiveInt = 8

    CONFIG = TaxiConfig()

Nothing here imports TFX. Checking a value against a field's type is left to
`pipelines.typed_values`; whether the folders and files named here exist to `pipelines.preflight`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from components.arrow_example_gen import spans
from components.arrow_example_gen.errors import InputError
from pipelines import typed_values
from pipelines.config_parts import (
    EvaluationConfig,
    FeedbackConfig,
    RolloutConfig,
    SkewConfig,
    TunerConfig,
    WatchConfig,
    check_import_path,
)
from pipelines.continuous.policy import TriggerPolicy
from pipelines.errors import UsageError
from pipelines.runners.beam.profiles import BeamConfig, check_flags
from pipelines.typed_values import ConfigValueError, PositiveInt, Seed

# Kubeflow Pipelines accepts no other pipeline names, so no runner gets one.
_PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PipelineConfig:
    """Arguments of the continuous-training pipeline.

    Attributes:
        name: Name of the pipeline in ML Metadata and in the workspace's folders.
        data_root: Folder of the data files. Empty where `data_fn` makes it.
        data_fn: Import path of a function that fills an empty folder of the workspace with the data
            files, `(folder: Path) -> None`; the folder then stands for `data_root`.
        input_pattern: Pattern of the data files below `data_root`, `{SPAN}` among it where they are
            cut into spans.
        span_range: Which spans to train on: `8` for the last eight, `5:12` for those from 5 to 12,
            empty for the last one.
        example_gen: What reads the data files: Ringway's ArrowExampleGen, or stock CsvExampleGen,
            which takes no more than one span.
        schema_path: Curated schema, a text protocol buffer.
        quality_path: Rules that the data has to keep, beside its schema; none where empty.
        label: Column that is predicted.
        preprocessing_fn: Import path of the function that Transform calls.
        run_fn: Import path of the function that Trainer calls.
        tuner_fn: Import path of the function that Tuner calls.
        eval_config_fn: Import path of the function that makes Evaluator's configuration.
        train_buckets: Share of the examples, in hash buckets, that trains.
        eval_buckets: Share of the examples, in hash buckets, that evaluates.
        epochs: Passes over the training data.
        batch_size: Examples per training step.
        seed: Seed of every random generator.
        tuner: How hyperparameters are searched.
        evaluation: What a model must reach to be blessed.
        skew: How what is served is compared with what was trained on.
        fail_on: Least severity of an anomaly in the data that stops the run.
        feedback: How labels come back.
        triggers: What makes `ringway watch` run the pipeline.
        rollout: How what is pushed reaches users.
        watch: How `ringway watch` looks.
        beam: Where the Beam pipelines inside the components run.
        beam_args: Further flags of Beam, after those that `beam` stands for.
    """

    name: str
    data_root: str = ""
    data_fn: str = ""
    input_pattern: str = "*"
    span_range: str = ""
    example_gen: Literal["arrow", "csv"] = "arrow"
    schema_path: str
    quality_path: str = ""
    label: str
    preprocessing_fn: str
    run_fn: str
    tuner_fn: str
    eval_config_fn: str
    train_buckets: PositiveInt = 2
    eval_buckets: PositiveInt = 1
    epochs: PositiveInt = 5
    batch_size: PositiveInt = 128
    seed: Seed = 0
    tuner: TunerConfig = dataclasses.field(default_factory=TunerConfig)
    evaluation: EvaluationConfig = dataclasses.field(default_factory=EvaluationConfig)
    skew: SkewConfig = dataclasses.field(default_factory=SkewConfig)
    feedback: FeedbackConfig = dataclasses.field(default_factory=FeedbackConfig)
    triggers: TriggerPolicy = dataclasses.field(default_factory=TriggerPolicy)
    rollout: RolloutConfig = dataclasses.field(default_factory=RolloutConfig)
    watch: WatchConfig = dataclasses.field(default_factory=WatchConfig)
    fail_on: Literal["error", "warning", "never"] = "error"
    beam: BeamConfig = dataclasses.field(default_factory=BeamConfig)
    beam_args: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        typed_values.check_fields(self)
        if not _PIPELINE_NAME.fullmatch(self.name):
            raise ConfigValueError(
                "name",
                "expected up to 128 small letters, digits and dashes, beginning with a letter or "
                f"digit, received {self.name!r}",
            )
        if not (self.data_root or self.data_fn):
            raise ConfigValueError("data_root", "expected a folder, or a data_fn that fills one")
        for key in ("input_pattern", "schema_path", "label"):
            if not getattr(self, key):
                raise ConfigValueError(key, "expected a string with at least one character")
        self._check_span_range()
        check_flags("beam_args", self.beam_args)
        for key in ("data_fn", "preprocessing_fn", "run_fn", "tuner_fn", "eval_config_fn"):
            if key == "data_fn" and not self.data_fn:
                continue
            check_import_path(key, getattr(self, key))

    def _check_span_range(self) -> None:
        if not self.span_range:
            return
        try:
            spans.wanted(self.span_range)
        except InputError as error:
            text = str(error)
            raise ConfigValueError("span_range", text[0].lower() + text[1:].rstrip(".")) from error


ConfigT = TypeVar("ConfigT", bound=PipelineConfig)


def load(base: ConfigT, toml_path: Path | None = None, overrides: Sequence[str] = ()) -> ConfigT:
    """Returns `base` with what a TOML file and then `--set` options change.

    Args:
        base: The pipeline's own `CONFIG`.
        toml_path: File whose keys are the fields' names; tables are nested dataclasses.
        overrides: Texts such as `tuner.max_trials=5`. A value is written as in TOML; a string
            needs no quotes, and `none` clears an optional field.

    Raises:
        UsageError: The file cannot be read, a key is unknown or set twice, or a value does not
            fit; the message names the key, what was expected, and what was received.
    """
    changed = base
    if toml_path is not None:
        changed = _replace(changed, _read_toml(toml_path), source=str(toml_path))
    seen: list[str] = []
    for override in overrides:
        key, changes = _parse_override(override, type(base))
        for earlier in seen:
            if f"{earlier}.".startswith(f"{key}.") or f"{key}.".startswith(f"{earlier}."):
                raise UsageError(
                    f"--set {override}: {earlier!r} was set by an earlier --set",
                    remedy="Keep one of the two.",
                )
        seen.append(key)
        changed = _replace(changed, changes, source=f"--set {override}")
    return changed


def restore(base: ConfigT, recorded: Mapping[str, Any]) -> ConfigT:
    """Returns `base` with the values that an earlier run recorded, as `to_dict` gave them.

    Raises:
        UsageError: The pipeline's configuration no longer has a field, or takes another type.
    """
    return _replace(base, recorded, "the recorded run")


def to_dict(config: Any) -> dict[str, Any]:
    """Returns a configuration as plain JSON values; lists stand for tuples."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def fingerprint(config: Any) -> str:
    """Returns 16 hexadecimal digits that change when any value of the configuration does."""
    text = json.dumps(to_dict(config), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def names(folder: Path = Path(__file__).parent) -> list[str]:
    """Returns the names of the workspace's pipelines: the folders that have a `config.py`."""
    return sorted(path.parent.name for path in folder.glob("*/config.py"))


def named(name: str) -> PipelineConfig:
    """Returns the `CONFIG` of `pipelines/<name>/config.py`.

    Raises:
        UsageError: There is no such pipeline, or its module has no `CONFIG`.
    """
    valid = names()
    if name not in valid:
        raise UsageError(
            f"there is no pipeline {name!r}; expected one of: {', '.join(valid) or '(none)'}",
            remedy=typed_values.did_you_mean(name, valid)
            or f"Add pipelines/{name}/config.py, or use one of the names above.",
        )
    config = getattr(importlib.import_module(f"pipelines.{name}.config"), "CONFIG", None)
    if not isinstance(config, PipelineConfig):
        raise UsageError(
            f"pipelines/{name}/config.py: expected a PipelineConfig named CONFIG, "
            f"received {type(config).__name__}",
            remedy="Write CONFIG = …Config() at the end of that module.",
        )
    return config


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"configuration file {path} cannot be read: {error.strerror}",
            remedy="Name a TOML file that exists and that you may read.",
        ) from error
    except RecursionError as error:
        raise UsageError(f"configuration file {path}: values are nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError among others
        # tomllib's words for a key that stands twice.
        twice = "Cannot overwrite a value" in str(error) or "Cannot declare" in str(error)
        raise UsageError(
            f"configuration file {path} is not valid TOML: {error}",
            remedy="A key or table stands there twice; keep one." if twice else "Mend that line.",
        ) from error


def _replace(config: ConfigT, changes: Mapping[str, Any], source: str) -> ConfigT:
    try:
        merged: ConfigT = _merge(config, changes, "", source)
    except ConfigValueError as refusal:
        raise refusal.within("", source) from refusal
    return merged


def _merge(config: Any, changes: Mapping[str, Any], prefix: str, source: str) -> Any:
    valid = typed_values.field_types(type(config))
    values = {}
    for name, change in changes.items():
        if name not in valid:
            raise typed_values.unknown_key(
                prefix + name, [prefix + field for field in valid], source
            )
        current, value = getattr(config, name), change
        if dataclasses.is_dataclass(current) and isinstance(change, Mapping):
            value = _merge(current, change, f"{prefix}{name}.", source)
        values[name] = typed_values.coerce(value, valid[name], prefix + name)
    try:
        return dataclasses.replace(config, **values)
    except ConfigValueError as refusal:
        raise refusal.within(prefix) from refusal


def _parse_override(override: str, cls: type) -> tuple[str, dict[str, Any]]:
    key, equals, text = override.partition("=")
    key, text = key.strip(), text.strip()
    if not equals or not key:
        raise UsageError(
            f"--set {override}: expected key=value, received {override!r}",
            remedy="Write for example --set tuner.max_trials=5.",
        )
    hint = dict(_leaves(cls)).get(key)
    if hint is None:
        valid = [name for name, leaf in _leaves(cls) if not dataclasses.is_dataclass(leaf)]
        raise typed_values.unknown_key(key, valid, f"--set {override}")
    value = _parse_value(text, hint, f"--set {override}")
    for name in reversed(key.split(".")):
        value = {name: value}
    return key, value


def _leaves(cls: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, hint in typed_values.field_types(cls).items():
        yield prefix + name, hint
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            yield from _leaves(hint, f"{prefix}{name}.")


def _parse_value(text: str, hint: Any, source: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError) as error:
        if text[:1] in ("[", "{", '"', "'") and not typed_values.accepts_text(hint):
            raise UsageError(
                f"{source}: expected {typed_values.describe(hint)}, received a text that is not "
                f"valid TOML: {error}",
                remedy="Quote the whole option for the shell: --set 'slices=[[\"hour\"]]'.",
            ) from error
        return text
    # A line break in the text would let it set further keys.
    value = table["value"] if len(table) == 1 else text
    if typed_values.accepts_text(hint) and not typed_values.fits(value, hint):
        return text  # 2024 for a string field is the text "2024"
    return value
