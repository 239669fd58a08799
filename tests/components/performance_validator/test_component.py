"""The node's parameters."""

from __future__ import annotations

import json

import pytest
from tensorflow_model_analysis.proto import config_pb2
from tfx.types import channel, channel_utils, standard_artifacts

from components.performance_validator import keys
from components.performance_validator.component import PerformanceValidator

EVAL_CONFIG = config_pb2.EvalConfig(slicing_specs=[config_pb2.SlicingSpec()])


def node(**given):
    examples = channel.Channel(type=standard_artifacts.Examples)
    given = {"eval_config": EVAL_CONFIG, "label_fn": "a.b", **given}
    return PerformanceValidator(labelled_examples=examples, **given)


def test_parameters_are_plain_texts():
    made = node(terms={"min_labels": 5, "label_fn": "passed.over"}, evaluated={"7": "/e"})
    parameters = made.exec_properties
    assert json.loads(parameters[keys.TERMS])["min_labels"] == 5
    assert json.loads(parameters[keys.EVAL_CONFIG]) == {"slicing_specs": [{}]}
    assert json.loads(parameters[keys.EVALUATED]) == {"7": "/e"}
    assert json.loads(parameters[keys.IDENTIFIERS]) == []
    assert json.loads(node(identifiers=("a", "b")).exec_properties[keys.IDENTIFIERS]) == ["a", "b"]
    assert set(made.outputs) == {keys.PERFORMANCE}


def test_evaluations_may_be_several_or_none():
    evaluation = channel.Channel(type=standard_artifacts.ModelEvaluation)
    assert keys.EVALUATIONS not in node().inputs
    several = channel_utils.union(
        [evaluation, channel.Channel(type=standard_artifacts.ModelEvaluation)]
    )
    assert keys.EVALUATIONS in node(evaluations=several).inputs


@pytest.mark.parametrize(
    ("name", "given"),
    [("label_fn", {"label_fn": "late"}), ("confidence", {"terms": {"confidence": 1.0}})],
)
def test_parameters_that_make_no_sense_are_refused(name, given):
    with pytest.raises(ValueError, match=name):
        node(**given)
