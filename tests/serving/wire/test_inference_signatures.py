"""Which signature a request means, and whether it can do what is asked."""

import pytest
from inference_signatures import (
    CLASSIFIES,
    FLOAT,
    REGRESSES,
    STRING,
    TWO,
    error_of,
    signature_of,
    spec,
)

from serving.wire import inference, messages
from serving.wire.errors import StatusCode


class TestSignatures:
    def test_no_name_means_the_default(self):
        assert inference.predict_signature({"serving_default": TWO}, spec()) is TWO

    @pytest.mark.parametrize(
        ("find", "code", "message"),
        [
            (
                inference.predict_signature,
                StatusCode.FAILED_PRECONDITION,
                'Serving signature key "s" not found.',
            ),
            (
                inference.classify_signature,
                StatusCode.INVALID_ARGUMENT,
                "No signature was found with the name: s",
            ),
            (
                inference.regress_signature,
                StatusCode.INVALID_ARGUMENT,
                "No signature was found with the name: s",
            ),
        ],
    )
    def test_an_unknown_name_is_refused(self, find, code, message):
        assert error_of(find, {"serving_default": TWO}, spec(signature="s")) == (code, message)

    def test_method_names_count_only_when_they_are_checked(self):
        by_tf2 = signature_of({"inputs": STRING}, {"scores": FLOAT})
        signatures = {"serving_default": by_tf2}
        assert inference.classify_signature(signatures, spec()) is by_tf2
        assert error_of(
            inference.classify_signature, signatures, spec(), check_method_name=True
        ) == (
            StatusCode.INVALID_ARGUMENT,
            "Expected classification signature method_name to be tensorflow/serving/classify. "
            "Was: tensorflow/serving/predict",
        )
        assert error_of(inference.check_regress, CLASSIFIES, check_method_name=True) == (
            StatusCode.INVALID_ARGUMENT,
            "Expected regression signature method_name to be tensorflow/serving/regress. "
            "Was: tensorflow/serving/classify",
        )
        other = {"serving_default": signature_of({}, {}, "mine")}
        assert inference.predict_signature(other, spec()).method_name == "mine"
        assert error_of(inference.predict_signature, other, spec(), check_method_name=True) == (
            StatusCode.INTERNAL,
            "Expected prediction signature method_name to be one of {tensorflow/serving/predict,"
            "tensorflow/serving/classify,tensorflow/serving/regress}. Was: mine",
        )

    @pytest.mark.parametrize(
        ("check", "signature", "code", "message"),
        [
            (
                inference.check_classify,
                TWO,
                StatusCode.INVALID_ARGUMENT,
                "Expected one input Tensor.",
            ),
            (
                inference.check_classify,
                signature_of({"inputs": STRING}, {"a": FLOAT, "b": FLOAT, "c": FLOAT}),
                StatusCode.INVALID_ARGUMENT,
                "Expected one or two output Tensors, found 3",
            ),
            (
                inference.check_classify,
                signature_of({"x": STRING}, {"scores": FLOAT}),
                StatusCode.FAILED_PRECONDITION,
                "No classification inputs found in SignatureDef: ",
            ),
            (
                inference.check_classify,
                signature_of({"inputs": STRING}, {"y": FLOAT}),
                StatusCode.FAILED_PRECONDITION,
                'Expected classification signature outputs to contain at least one of "classes" '
                'or "scores". Signature was: ',
            ),
            (
                inference.check_regress,
                CLASSIFIES,
                StatusCode.INVALID_ARGUMENT,
                "Expected one output Tensor.",
            ),
            (
                inference.check_regress,
                signature_of({"x": STRING}, {"outputs": FLOAT}),
                StatusCode.FAILED_PRECONDITION,
                "No regression inputs found in SignatureDef: ",
            ),
            (
                inference.check_regress,
                signature_of({"inputs": STRING}, {"y": FLOAT}),
                StatusCode.FAILED_PRECONDITION,
                "No regression outputs found in SignatureDef: ",
            ),
        ],
    )
    def test_one_that_cannot_do_it_is_refused(self, check, signature, code, message):
        received = error_of(check, signature)
        assert received[0] == code
        assert received[1].startswith(message)


class TestTasks:
    SIGNATURES = {"c": CLASSIFIES, "r": REGRESSES}  # noqa: RUF012 (never changed)

    def _tasks(self, *tasks):
        return [
            messages.InferenceTask(model_spec=spec(model, signature), method_name=method)
            for model, signature, method in tasks
        ]

    def test_each_finds_its_signature(self):
        tasks = self._tasks(
            ("m", "r", inference.REGRESS_METHOD), ("m", "c", inference.CLASSIFY_METHOD)
        )
        assert inference.task_signatures(self.SIGNATURES, tasks) == [REGRESSES, CLASSIFIES]

    @pytest.mark.parametrize(
        ("tasks", "code", "message"),
        [
            (
                [("", "r", inference.REGRESS_METHOD)],
                StatusCode.INVALID_ARGUMENT,
                "Found ModelSpec with an empty model name.",
            ),
            (
                [("m", "r", inference.REGRESS_METHOD), ("n", "c", inference.CLASSIFY_METHOD)],
                StatusCode.INVALID_ARGUMENT,
                "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            ),
            (
                [("m", "r", inference.REGRESS_METHOD), ("m", "r", inference.REGRESS_METHOD)],
                StatusCode.INVALID_ARGUMENT,
                "Duplicate evaluation of signature: r",
            ),
            (
                [("m", "", inference.REGRESS_METHOD)],
                StatusCode.INVALID_ARGUMENT,
                "Requested signature not found in model graph: serving_default",
            ),
            (
                [("m", "r", inference.PREDICT_METHOD)],
                StatusCode.UNIMPLEMENTED,
                "Unsupported signature method_name: tensorflow/serving/predict",
            ),
            (
                [("m", "c", inference.REGRESS_METHOD)],
                StatusCode.INVALID_ARGUMENT,
                "Expected one output Tensor.",
            ),
        ],
    )
    def test_tasks_that_cannot_be_answered_are_refused(self, tasks, code, message):
        received = error_of(inference.task_signatures, self.SIGNATURES, self._tasks(*tasks))
        assert received == (code, message)
