"""Compares what was served with a baseline, in every way there is, and ranks what it finds.

    schema        what was served obeys the schema of the environment         schema_skew
    distribution  features are distributed as in training                     skew
    drift         the same, when compared with what was served before
    comparator    the schema's own thresholds hold                            comparators
    feature       rows of the same entity have the same values                feature_skew
    prediction    predictions are distributed as those on the eval split      skew

Of the identifiers of entities, one with a value of its own in most served rows is not compared: it
is another one in each row. Others, such as the carrier of a flight, are features like all.

All distributions, predictions included, share one rate of false alarms; shares that the schema asks
for (presence, mass of a domain) have a rate of the same size of their own. A feature that the
schema requires and no row has is an alarm of kind "schema" and is not compared besides. One that
the schema does not require may stay uncompared.

Takes what was read and gives plain data. What a verdict on distributions says of each feature is
left to `distribution_findings`, and files to `executor`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.prediction_log_example_gen import keys as log
from components.skew_validator import anomalies, comparators, findings, schema_skew, sightings
from components.skew_validator.distribution_findings import DistributionFindings
from components.skew_validator.findings import Finding, Findings, not_compared
from components.skew_validator.question import Data, Question
from components.skew_validator.ranking import cause_of, rank, status_of
from components.skew_validator.rows import Column, Rows
from components.skew_validator.sample import Sample
from components.skew_validator.samples import Feature, features, sample_of
from components.skew_validator.served import notes, of_version, period, versions
from components.skew_validator.skew import check
from components.skew_validator.verdict import NotCompared, Status, Verdict


def validate(data: Data, question: Question) -> tuple[Findings, anomalies_pb2.Anomalies]:
    """Compares, and returns what was found, for people and for stock tools.

    What is wrong with the data is never raised.
    """
    return _Validation(data, question).run()


class _Validation:
    def __init__(self, data: Data, question: Question) -> None:
        self._data = data
        self._question = question
        self._terms = question.settings.terms
        self._features: dict[str, Feature] = {}

    def run(self) -> tuple[Findings, anomalies_pb2.Anomalies]:
        data = self._data
        tfdv, found = self._hold_to_schema()
        self._features = {one.name: one for one in self._compared(found)}
        training, serving = self._samples()
        lacking = self._add_predictions(training, serving)
        optional = self._terms.optional | {
            name
            for name, feature in self._features.items()
            if not feature.required and not _kinds_differ(training.get(name), serving.get(name))
        }
        verdict = check(
            training if data.baseline and data.baseline.count else None,
            serving,
            terms=dataclasses.replace(self._terms, optional=frozenset(optional)),
            rng=np.random.default_rng(self._question.seed),
            features=sorted({*self._features, *training, *serving}),
        )
        found += lacking
        distributions = DistributionFindings(data, self._question, self._features)
        found += distributions.of(verdict, training, serving)
        found += self._of_comparators(verdict, training, serving)
        found += data.mismatches
        ranked = rank(found)
        return self._findings(ranked, verdict), anomalies.with_findings(tfdv, data.schema, ranked)

    def _hold_to_schema(self) -> tuple[anomalies_pb2.Anomalies | None, list[Finding]]:
        data, question = self._data, self._question
        asked = schema_skew.validate(
            data.serving_statistics,
            data.schema,
            question.environment,
            label=question.label,
            false_alarm_rate=self._terms.false_alarm_rate,
        )
        if isinstance(asked, NotCompared):
            return None, [not_compared("schema", "", asked.detail)]
        found = schema_skew.findings_of(asked, data.schema, data.serving.seen)
        expected = features(data.schema, question.environment)
        excused = {feature.name for feature in expected if not feature.required}
        return asked, [
            dataclasses.replace(
                one,
                first_seen=sightings.first_offence(data.serving, data.schema, one.feature),
                optional=one.feature in self._terms.optional or one.feature in excused,
            )
            for one in found
        ]

    def _compared(self, found: Sequence[Finding]) -> Iterable[Feature]:
        data = self._data
        alarms = {one.feature for one in found if one.status == findings.ALARM}
        for feature in features(data.schema, self._question.environment):
            served = _has_values(data.serving, feature.name)
            trained = data.baseline is not None and _has_values(data.baseline, feature.name)
            known = feature.name in alarms or feature.name == self._question.label
            identifies = feature.name in self._question.settings.identifiers
            if identifies and _tells_rows_apart(data.serving, feature.name):
                continue
            if not served and (known or not (trained or feature.required)):
                continue
            yield feature

    def _samples(self) -> tuple[dict[str, Sample], dict[str, Sample]]:
        training = {}
        serving = {}
        baseline = self._data.baseline
        for name, feature in self._features.items():
            if baseline and baseline.count and (name in baseline.columns or not feature.required):
                training[name] = sample_of(baseline, feature)
            if name in self._data.serving.columns or not feature.required:
                serving[name] = sample_of(self._data.serving, feature)
        return training, serving

    def _add_predictions(
        self, training: dict[str, Sample], serving: dict[str, Sample]
    ) -> list[Finding]:
        expected = self._data.predictions
        if expected is None:
            return []
        if isinstance(expected, NotCompared):
            return [self._no_predictions(expected.detail)]
        rows = self._data.serving
        which = of_version(rows, self._question.model_version)
        served = rows.columns.get(log.PREDICTION)
        if served is None or not (served.present & which).any():
            version = self._question.model_version
            whose = f" of version {version}" if version else ""
            detail = f"expected served predictions{whose}, received none."
            return [self._no_predictions(detail)]
        whole = all(_is_class(column) for column in (served, expected))
        feature = Feature(name=log.PREDICTION, categorical=whole, required=True)
        count = expected.present.size
        offline = Rows(columns={log.PREDICTION: expected}, count=count, seen=count)
        training[log.PREDICTION] = sample_of(offline, feature)
        serving[log.PREDICTION] = sample_of(rows, feature, which)
        return []

    def _no_predictions(self, detail: str) -> Finding:
        optional = log.PREDICTION in self._terms.optional
        return not_compared("prediction", log.PREDICTION, detail, optional=optional)

    def _of_comparators(
        self, verdict: Verdict, training: Mapping[str, Sample], serving: Mapping[str, Sample]
    ) -> list[Finding]:
        data = self._data
        if verdict.not_compared or not data.baseline_statistics:
            return []
        measured = comparators.measure(
            data.baseline_statistics,
            data.serving_statistics,
            data.schema,
            against=self._question.against,
            names=self._features.keys(),
            samples={
                name: (training[name], serving[name]) for name in training.keys() & serving.keys()
            },
        )
        verdicts = {one.feature: one for one in verdict.features}
        found = []
        for one in measured:
            finding = comparators.judge(one, verdicts.get(one.feature))
            optional = verdicts[one.feature].optional if one.feature in verdicts else False
            found.append(dataclasses.replace(finding, optional=optional))
        return found

    def _findings(self, ranked: tuple[Finding, ...], verdict: Verdict) -> Findings:
        data, question = self._data, self._question
        compared = any(one.status is Status.OK for one in verdict.features)
        status = status_of(ranked, compared=compared)
        return Findings(
            title=question.title,
            against=question.against,
            status=status,
            cause=cause_of(ranked) if status != findings.OK else "",
            findings=ranked,
            training_rows=data.baseline.seen if data.baseline else 0,
            serving_rows=data.serving.seen,
            training_what=question.training_what,
            serving_what=question.serving_what or period(data.serving),
            model_versions=versions(data.serving),
            counts=dict(question.counts),
            alpha=verdict.alpha,
            false_alarm_rate=self._terms.false_alarm_rate,
            notes=tuple(notes(data.baseline, data.serving)),
        )


def _kinds_differ(training: Sample | None, serving: Sample | None) -> bool:
    """Whether both sides have values, and of kinds that cannot be compared."""
    if training is None or serving is None:
        return False
    return bool(training.present and serving.present and training.kind != serving.kind)


def _has_values(rows: Rows, name: str) -> bool:
    column = rows.columns.get(name)
    return column is not None and bool(column.present.any())


def _tells_rows_apart(rows: Rows, name: str) -> bool:
    """Returns whether a column has a value of its own in most rows: those of other rows differ."""
    column = rows.columns.get(name)
    if column is None or not column.present.any():
        return False
    values = column.values[column.present]
    return bool(np.unique(values).size > values.size / 2)


def _is_class(column: Column) -> bool:
    return column.names is not None or column.values.dtype.kind in "iu"
