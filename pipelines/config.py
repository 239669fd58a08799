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
from pipelines.continuous.policy import TriggerPolicy
from pipelines.errors import UsageError
from pipelines.typed_values import ConfigValueError, Count, PositiveInt, Probability, Seconds, Seed

# Kubeflow Pipelines accepts no other pipeline names, so no runner gets one.
_PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TunerConfig:
    """How hyperparameters are searched.

    Attributes:
        algorithm: KerasTuner's grid search, random search or Bayesian optimization.
        max_trials: Combinations that are tried.
        epochs: Passes over the training data in each trial.
    """

    algorithm: Literal["grid", "random", "bayesian"] = "random"
    max_trials: PositiveInt = 6
    epochs: PositiveInt = 2

    def __post_init__(self) -> None:
        typed_values.check_fields(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """What a model must reach to be blessed.

    Attributes:
        min_auc: Lower bound of the area under the ROC curve on all examples.
        min_slice_auc: The same on each slice.
        max_auc_drop: How far the area may fall below that of the last blessed model.
        min_slice_examples: Slices with fewer examples are not judged.
        slices: Feature names; each tuple makes one slice per combination of their values.
    """

    min_auc: Probability = 0.5
    min_slice_auc: Probability = 0.5
    max_auc_drop: Probability = 0.01
    min_slice_examples: PositiveInt = 100
    slices: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        typed_values.check_fields(self)
        for position, features in enumerate(self.slices):
            if not features or len(set(features)) < len(features) or "" in features:
                raise ConfigValueError(
                    f"slices[{position}]",
                    f"expected distinct feature names, at least one, received {list(features)}",
                    remedy="The whole data set is always judged; it needs no slice of its own.",
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SkewConfig:
    """How what is served is compared with what was trained on.

    Attributes:
        numeric: Names of the distances that numeric features are measured by; empty for the
            component's own choice.
        categorical: Likewise for the others.
        floors: Pairs of a distance and what it must exceed to alarm, however significant it is.
        false_alarm_rate: Chance of one alarm or more in a whole check when nothing has changed.
        detectable_shift: The change of a share that has to be found; where there are too few rows
            for it, nothing is said to be compared.
        power: How likely it has to be found.
        optional: Features that may stay uncompared.
        identifiers: Features that together name an entity, by which rows that were served are
            joined with those that training computed; none where no column does.
        float_tolerance: Relative difference up to which two floats of one entity are the same.
        max_mismatch_rate: Share of joined rows of a feature that may differ.
        min_joined_share: Share of the served rows that have to find the row of training of the same
            entity; where fewer do, rows are not compared. At 0 none has to.
        prediction_output: The model's output that is the prediction; the only one where empty.
        absent: Pairs of a feature and the value that callers send for none where the model takes
            tensors, beside "" for texts and NaN for floats.
    """

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    floors: tuple[tuple[str, float], ...] = ()
    false_alarm_rate: Probability = 0.01
    detectable_shift: Probability = 0.2
    power: Probability = 0.8
    optional: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    float_tolerance: Probability = 1e-6
    max_mismatch_rate: Probability = 0.0
    min_joined_share: Probability = 0.5
    prediction_output: str = ""
    absent: tuple[tuple[str, str | float], ...] = ()

    def __post_init__(self) -> None:
        typed_values.check_fields(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeedbackConfig:
    """How labels come back, and when live performance counts as degraded.

    Attributes:
        label_fn: Import path of a function that tells the label of served rows: from arrays by
            column, those of the features and of what was delivered, to an array of 0, 1, or NaN
            where the label cannot be told. Without it there is no live performance.
        columns: Columns that are delivered; the pipeline's label where empty.
        max_delay_sec: How long after a request its label may come.
        contradictions: Of labels of one row that differ, whether the newest counts, or none.
        min_labels: With fewer labelled rows in a window nothing is said.
        min_labelled_share: Share of the served rows whose label has to be known.
        max_auc_drop: How far the area under the ROC curve may lie below what the evaluation of the
            model that served had.
        min_auc: What the area must reach in any case.
        confidence: Of the intervals; performance is degraded where the whole interval is too low.
    """

    label_fn: str = ""
    columns: tuple[str, ...] = ()
    max_delay_sec: Seconds = 2 * 86_400.0
    contradictions: Literal["latest", "drop"] = "latest"
    min_labels: PositiveInt = 500
    min_labelled_share: Probability = 0.5
    max_auc_drop: Probability = 0.02
    min_auc: Probability = 0.5
    confidence: Probability = 0.95

    def __post_init__(self) -> None:
        typed_values.check_fields(self)
        if self.label_fn:
            _check_import_path("label_fn", self.label_fn)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RolloutConfig:
    """How a pushed version reaches users; what the fields do is told in `serving.rollout.plan`.

    Attributes:
        strategy: `direct` serves a version as soon as it is pushed.
        steps: Shares of the candidate; the strategy's usual ones where empty.
        key: What sticks to an arm: `request_id`, `header:NAME`, `metadata:NAME` or `field:NAME`.
        guards: Bounds that must hold, such as `error_rate` or `prediction_drift max_shift=0.3`; a
            shadow does not ask `p99_latency`.
        min_requests: How many the candidate must have had before a step is over.
        min_step_sec: How long a step lasts at least.
        max_step_sec: After how long a step that is not over, or a rollout that has not begun, ends
            in a rollback; 0 for never.
        false_alarm_rate: Chance that a sound candidate is rolled back.
        on_success: What a shadow or an A/B test leads to.
        metric: What an A/B test compares; `log_loss`, `brier` or `accuracy`, by label.
        reuse: Whether an older version is deployed again, instead of a new one being trained, when
            it does better on the newest span than the one that serves.
    """

    strategy: Literal["direct", "canary", "shadow", "blue_green", "ab_test"] = "direct"
    steps: tuple[Probability, ...] = ()
    key: str = "request_id"
    guards: tuple[str, ...] = ("error_rate", "p99_latency", "prediction_drift")
    min_requests: PositiveInt = 1000
    min_step_sec: Seconds = 0.0
    max_step_sec: Seconds = 0.0
    false_alarm_rate: Probability = 0.01
    on_success: Literal["promote", "report"] = "promote"
    metric: Literal["log_loss", "brier", "accuracy"] = "log_loss"
    reuse: bool = False

    def __post_init__(self) -> None:
        typed_values.check_fields(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WatchConfig:
    """How `ringway watch` looks.

    Attributes:
        tick_sec: How long it rests between two looks.
        window_sec: Length of the windows of requests that are judged, cut at multiples of it since
            1970 where `window_anchor_sec` is 0.
        window_anchor_sec: A moment at which a window begins, in seconds since 1970.
        settle_sec: How long after its end a window of requests is judged, so that its log is there.
        checks: What is judged.
        webhook: URL that alerts are posted to; none where empty. They are signed with the secret in
            the environment's RINGWAY_WEBHOOK_SECRET.
        command: What is run for each alert; none where empty.
    """

    tick_sec: Seconds = 60.0
    window_sec: PositiveInt = 86_400
    window_anchor_sec: Count = 0
    settle_sec: Seconds = 90.0
    checks: tuple[Literal["skew", "performance"], ...] = ("skew", "performance")
    webhook: str = ""
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        typed_values.check_fields(self)


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
        beam_args: Options of the Beam pipelines inside the components.
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
        for key in ("data_fn", "preprocessing_fn", "run_fn", "tuner_fn", "eval_config_fn"):
            if key == "data_fn" and not self.data_fn:
                continue
            _check_import_path(key, getattr(self, key))

    def _check_span_range(self) -> None:
        if not self.span_range:
            return
        try:
            spans.wanted(self.span_range)
        except InputError as error:
            text = str(error)
            raise ConfigValueError("span_range", text[0].lower() + text[1:].rstrip(".")) from error


def _check_import_path(key: str, value: str) -> None:
    if not _IMPORT_PATH.fullmatch(value):
        raise ConfigValueError(
            key,
            f"expected an import path such as 'pipelines.taxi.model.run_fn', received {value!r}",
        )


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
