"""How well both arms of a rollout do by the labels that have come, quick enough for every look.

    seen = ArmMetrics(log_folder, labels_folder, config)
    seen.extract(rollout_id="flights-7", since_sec=step_began, now_sec=now)
    {"stable": {"log_loss": Moments(...), ...}, "candidate": {...}}

Without Beam: what was read of a shard or a file of labels is kept until the next look. Which label
counts is decided as `FeedbackJoin` decides it.

    log_loss              minus log of the probability that was given to what came true, in nats
    brier                 squared distance of the probability and 0 or 1
    accuracy              1 where the likelier of both came true, else 0
    paired_log_loss       of a shadow: the candidate's minus the stable version's, on one request
    paired_brier          likewise
    prediction_distance   of a shadow, without labels: how far both answers are apart

A shadow's answers count for the candidate.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from components.feedback_join import join_keys, matching
from components.prediction_log_example_gen.keys import SHADOW_ARM
from components.prediction_log_example_gen.plan import BYTES, kinds_of
from pipelines import schema_file
from pipelines.config import PipelineConfig
from pipelines.feedback import labels
from pipelines.feedback.arrived_labels import ArrivedLabels
from pipelines.feedback.served_answers import Asked, ServedAnswer, ServedAnswers, arrays
from serving.rollout.metric import Moments

STABLE: Final = "stable"
CANDIDATE: Final = "candidate"

# As far from 0 and 1 as Keras takes a probability to be, so that no loss is infinite.
_LEAST_PROBABILITY = 1e-7

LabelFn = Callable[[Mapping[str, np.ndarray]], np.ndarray]
Metrics = Mapping[str, Mapping[str, Moments]]


def arm_metrics(
    log_folder: Path,
    labels_folder: Path,
    config: PipelineConfig,
    *,
    rollout_id: str,
    since_sec: float,
    now_sec: float,
) -> Metrics:
    """Returns what `ArmMetrics` does at its first look."""
    seen = ArmMetrics(log_folder, labels_folder, config)
    return seen.extract(rollout_id=rollout_id, since_sec=since_sec, now_sec=now_sec)


class ArmMetrics:
    """The metrics of one model's rollouts, by arm.

    Args:
        log_folder: Of the request log; may be missing.
        labels_folder: Where labels are delivered; may be missing.
        config: Of the pipeline that trained the model. Without a label function only
            `prediction_distance` is told.

    Raises:
        DataError: The schema cannot be read.
        ImportError: There is no such label function.
    """

    def __init__(self, log_folder: Path, labels_folder: Path, config: PipelineConfig) -> None:
        self._log_folder = log_folder
        self._labels_folder = labels_folder
        self._config = config
        self._wanted = labels.wanted_of(config)
        self._kinds = kinds_of(schema_file.read(Path(config.schema_path)))
        self._label_fn = _imported(config.feedback.label_fn)
        self._columns = self._columns_asked()
        self._step: _Step | None = None

    def extract(self, *, rollout_id: str, since_sec: float, now_sec: float) -> Metrics:
        """Returns what is known of the answers of a step.

        Args:
            rollout_id: Of the rollout.
            since_sec: When the step began, in seconds since 1970.
            now_sec: The time; labels that were delivered or known later are not looked at.

        Returns:
            By arm and metric; metrics without any value are left out.
        """
        asked = Asked(
            model=self._config.name,
            rollout_id=rollout_id,
            since_sec=math.floor(since_sec),
            prediction_output=self._config.skew.prediction_output,
            kinds=self._kinds,
            identifiers=self._config.skew.identifiers,
            columns=self._columns,
        )
        if self._step is None or self._step.asked != asked:
            delay = self._config.feedback.max_delay_sec
            self._step = _Step(
                asked,
                ServedAnswers(self._log_folder, asked),
                ArrivedLabels(self._labels_folder, self._wanted, asked.since_sec - delay),
            )
        self._step.look(now_sec, self._truth)
        return self._step.metrics()

    def _columns_asked(self) -> tuple[str, ...]:
        """Returns the columns of served rows that the label function asks for."""
        if self._label_fn is None:
            return ()
        noted = _Noted(self._kinds)
        self._label_fn(noted)
        return tuple(name for name in noted if name not in self._wanted.columns)

    def _truth(
        self,
        answers: list[ServedAnswer],
        arrived: ArrivedLabels,
        now_sec: float,
        ambiguous: Container[tuple[bool, bytes]],
    ) -> tuple[np.ndarray, list[bool]]:
        """Returns 0, 1 or NaN for each answer, and which have labels that are known later."""
        feedback = self._config.feedback
        delivered: list[tuple[Any, ...]] = []
        waiting = []
        nothing = (None,) * len(self._wanted.columns)
        for answer in answers:
            names = [key for key in answer.join_keys if (answer.is_shadow, key) not in ambiguous]
            found = [known for key in names for known in arrived[key]]
            known_by_now = [known for known in found if known.labelled_sec <= now_sec]
            waiting.append(len(known_by_now) < len(found))
            choice = matching.choose(
                known_by_now,
                answer.served_sec,
                max_delay_sec=feedback.max_delay_sec,
                contradictions=feedback.contradictions,
            )
            delivered.append(nothing if choice.label is None else choice.label.values)
        if self._label_fn is None or not answers:
            return np.full(len(answers), math.nan), waiting
        columns = {
            **arrays([answer.columns for answer in answers], self._columns, self._kinds),
            **arrays(delivered, self._wanted.columns, self._kinds),
        }
        truth = np.array(self._label_fn(columns), np.float64)
        truth[[values is nothing for values in delivered]] = math.nan
        return truth, waiting


class _Noted(dict[str, np.ndarray]):
    """Columns of no rows; notes which are asked for."""

    def __init__(self, kinds: Mapping[str, str | None]) -> None:
        super().__init__()
        self._kinds = kinds

    def __missing__(self, name: str) -> np.ndarray:
        self[name] = np.empty(0, object if self._kinds.get(name) == BYTES else np.float64)
        return self[name]


@dataclasses.dataclass
class _Step:
    """What was seen within one step of a rollout.

    Attributes:
        asked: What is looked for.
        served: Reads the log.
        arrived: Reads labels.
        answers: In the order in which they were read.
        truth: Of each 0, 1, or NaN as long as it is not known.
    """

    asked: Asked
    served: ServedAnswers
    arrived: ArrivedLabels
    answers: list[ServedAnswer] = dataclasses.field(default_factory=list)
    truth: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0))
    _ambiguous: set[tuple[bool, bytes]] = dataclasses.field(default_factory=set)
    _by_key: dict[bytes, list[int]] = dataclasses.field(default_factory=dict)
    _waiting: set[int] = dataclasses.field(default_factory=set)

    def look(self, now_sec: float, truth_of: Callable[..., Any]) -> None:
        """Takes in what is new."""
        changed = self.arrived.update(now_sec)
        again = self._waiting | {place for key in changed for place in self._by_key.get(key, ())}
        begin = len(self.answers)
        self.answers += self.served.new(now_sec)
        for place in range(begin, len(self.answers)):
            again |= self._index(place)
        places = [*sorted(place for place in again if place < begin)]
        places += range(begin, len(self.answers))
        asked = [self.answers[place] for place in places]
        found, waiting = truth_of(asked, self.arrived, now_sec, self._ambiguous)
        grown = np.full(len(self.answers), math.nan)
        grown[:begin] = self.truth
        grown[places] = found
        self.truth = grown
        self._waiting = {place for place, is_ in zip(places, waiting, strict=True) if is_}

    def _index(self, place: int) -> set[int]:
        """Takes in an answer; returns those that have the name of a request in common with it.

        An id that several requests used names none of them, as `FeedbackJoin` has it.
        """
        answer = self.answers[place]
        changed: set[int] = set()
        for key in answer.join_keys:
            others = self._by_key.setdefault(key, [])
            if join_keys.is_of_request(key):
                same = {at for at in others if self.answers[at].is_shadow == answer.is_shadow}
                if same:
                    self._ambiguous.add((answer.is_shadow, key))
                changed |= same
            others.append(place)
        return changed

    def metrics(self) -> Metrics:
        """Returns the metrics of both arms."""
        prediction = np.array([answer.prediction for answer in self.answers], np.float64)
        arms = np.array([answer.arm for answer in self.answers], object)
        losses = _losses(prediction, self.truth)
        candidate = (arms == CANDIDATE) | (arms == SHADOW_ARM)
        found = {
            arm: {name: _moments(values[chosen]) for name, values in losses.items()}
            for arm, chosen in ((STABLE, arms == STABLE), (CANDIDATE, candidate))
        }
        stable, shadow = self._pairs()
        found[CANDIDATE] |= {
            "paired_log_loss": _moments(losses["log_loss"][shadow] - losses["log_loss"][stable]),
            "paired_brier": _moments(losses["brier"][shadow] - losses["brier"][stable]),
            "prediction_distance": _moments(np.abs(prediction[shadow] - prediction[stable])),
        }
        return {
            arm: {name: values for name, values in metrics.items() if values.count}
            for arm, metrics in found.items()
        }

    def _pairs(self) -> tuple[list[int], list[int]]:
        """Returns the places of answers to the same row: the stable version's, and a shadow's."""
        shadows = {
            (answer.request_id, answer.row, answer.inputs): place
            for place, answer in enumerate(self.answers)
            if answer.is_shadow and answer.request_id
        }
        asked = [(answer.request_id, answer.row, answer.inputs) for answer in self.answers]
        pairs = [
            (place, shadows[asked[place]])
            for place, answer in enumerate(self.answers)
            if answer.arm == STABLE and asked[place] in shadows
        ]
        return [stable for stable, _ in pairs], [shadow for _, shadow in pairs]


def _losses(prediction: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Returns metrics of each answer; NaN where prediction or truth is not known."""
    probability = np.clip(prediction, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    given = np.where(truth == 1, probability, 1 - probability)
    unknown = np.isnan(prediction) | np.isnan(truth)
    metrics = {
        "log_loss": -np.log(given),
        "brier": (np.clip(prediction, 0, 1) - truth) ** 2,
        "accuracy": ((prediction >= 0.5) == (truth == 1)).astype(np.float64),
    }
    return {name: np.where(unknown, math.nan, values) for name, values in metrics.items()}


def _moments(values: np.ndarray) -> Moments:
    known = values[~np.isnan(values)]
    if not len(known):
        return Moments()
    mean = float(known.mean())
    return Moments(len(known), mean, float(((known - mean) ** 2).sum()))


def _imported(path: str) -> LabelFn | None:
    if not path:
        return None
    module, _, name = path.rpartition(".")
    function: LabelFn = getattr(importlib.import_module(module), name)
    return function
