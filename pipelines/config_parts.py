"""The parts of a pipeline's configuration: frozen dataclasses, each checked as it is made.

What a pipeline is configured with as a whole, and how it is overridden, is in `pipelines.config`.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

from pipelines import typed_values
from pipelines.typed_values import ConfigValueError, Count, PositiveInt, Probability, Seconds

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
            check_import_path("label_fn", self.label_fn)


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


def check_import_path(key: str, value: str) -> None:
    """Raises ConfigValueError where a value is no import path."""
    if not _IMPORT_PATH.fullmatch(value):
        raise ConfigValueError(
            key,
            f"expected an import path such as 'pipelines.taxi.model.run_fn', received {value!r}",
        )
