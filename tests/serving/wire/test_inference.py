"""From requests to arrays, and from arrays to results."""

import numpy as np
import pytest
from inference_signatures import FLOAT, INT64, TWO, error_of, signature_of

from serving.wire import inference, messages
from serving.wire.errors import StatusCode
from serving.wire.tensors import to_proto

A = np.array([1.5, 2.5], np.float32)
B = np.array([3], np.int64)


def _request(**arrays):
    request = messages.PredictRequest()
    for name, array in arrays.items():
        request.inputs[name].CopyFrom(to_proto(array))
    return request


class TestInputs:
    def test_arrays_are_those_sent_whatever_their_shapes(self):
        arrays = inference.predict_inputs(_request(a=A.reshape(1, 2, 1), b=B), TWO)
        assert sorted(arrays) == ["a", "b"]
        np.testing.assert_array_equal(arrays["a"], A.reshape(1, 2, 1), strict=True)
        np.testing.assert_array_equal(arrays["b"], B, strict=True)

    @pytest.mark.parametrize(
        ("sent", "message"),
        [
            (
                {},
                "input size does not match signature: 0!=2 len({}) != len({a,b}). "
                "Sent extra: {}. Missing but required: {a,b}.",
            ),
            (
                {"a": A, "b": B, "c": B},
                "input size does not match signature: 3!=2 len({a,b,c}) != len({a,b}). "
                "Sent extra: {c}. Missing but required: {}.",
            ),
            (
                {"a": A, "c": B},
                "Signature input alias: b not found in request and no default value provided. "
                "Inputs expected to be in the request {a,c}, or default input alias set: ",
            ),
            (
                {"a": A, "b": B.astype(np.int32)},
                'Expects arg[1] to be int64 but int32 is provided for input "b".',
            ),
        ],
    )
    def test_other_names_and_types_are_refused(self, sent, message):
        assert error_of(inference.predict_inputs, _request(**sent), TWO) == (
            StatusCode.INVALID_ARGUMENT,
            message,
        )

    def test_a_tensor_that_cannot_be_read_is_named(self):
        request = _request(a=A, b=B)
        request.inputs["a"].tensor_shape.dim[0].size = 1
        code, message = error_of(inference.predict_inputs, request, TWO)
        assert code == StatusCode.INVALID_ARGUMENT
        assert message.startswith("tensor parsing error: a. ")

    def test_defaults_stand_in_for_inputs_left_out(self):
        signature = signature_of({"a": FLOAT, "b": INT64}, {"y": FLOAT}, defaults={"b": B})
        assert inference.predict_inputs(_request(a=A), signature)["b"] is B
        code, message = error_of(inference.predict_inputs, _request(b=B), signature)
        assert code == StatusCode.INVALID_ARGUMENT
        assert message.startswith("Signature input alias: a not found in request")

    def test_an_unknown_name_is_told_where_defaults_hide_it_from_the_count(self):
        signature = signature_of({"a": FLOAT, "b": INT64}, {"y": FLOAT}, defaults={"a": A, "b": B})
        assert error_of(inference.predict_inputs, _request(c=B), signature) == (
            StatusCode.INVALID_ARGUMENT,
            "Inputs contains invalid name. Used request inputs: , request input: c",
        )

    def test_a_signature_without_inputs_takes_none(self):
        assert inference.predict_inputs(_request(), signature_of({}, {"y": FLOAT})) == {}


class TestOutputs:
    @pytest.mark.parametrize(
        ("asked", "names"), [([], ("y", "z")), (["z"], ("z",)), (["z", "y"], ("z", "y"))]
    )
    def test_those_asked_for_or_all(self, asked, names):
        assert inference.output_names(asked, TWO) == names

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            (
                ["y", "x"],
                "output tensor alias not found in signature: x Outputs expected to be in the set "
                "{y,z}.",
            ),
            (["y", "y"], "duplicate output tensor alias: y"),
        ],
    )
    def test_unknown_and_duplicate_names_are_refused(self, asked, message):
        expected = (StatusCode.INVALID_ARGUMENT, message)
        assert error_of(inference.output_names, asked, TWO) == expected


class TestExamples:
    def _example(self, **features):
        example = messages.Example()
        for name, value in features.items():
            example.features.feature[name].float_list.value.append(value)
        return example

    def test_each_is_serialized(self):
        examples = [self._example(x=1.0), self._example(x=2.0)]
        given = messages.Input()
        given.example_list.examples.extend(examples)
        array = inference.example_inputs(given)
        assert array.dtype == object
        assert [messages.Example.FromString(one) for one in array] == examples

    def test_the_context_goes_into_each_and_loses_against_it(self):
        given = messages.Input()
        listed = given.example_list_with_context
        listed.context.CopyFrom(self._example(x=9.0, shared=3.0))
        listed.examples.extend([self._example(x=1.0), self._example(y=2.0)])
        first, second = map(messages.Example.FromString, inference.example_inputs(given))
        assert first == self._example(x=1.0, shared=3.0)
        assert second == self._example(x=9.0, shared=3.0, y=2.0)

    @pytest.mark.parametrize("kind", [None, "example_list", "example_list_with_context"])
    def test_none_are_refused(self, kind):
        given = messages.Input()
        if kind:
            getattr(given, kind).SetInParent()
        expected = (StatusCode.INVALID_ARGUMENT, "Input is empty.")
        assert error_of(inference.example_inputs, given) == expected


class TestClassification:
    CLASSES = np.array([[b"no", b"yes"], [b"no", b"yes"]], object)
    SCORES = np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)

    def _rows(self, result):
        return [[(one.label, one.score) for one in row.classes] for row in result.classifications]

    def test_labels_and_scores_are_paired(self):
        outputs = {"classes": self.CLASSES, "scores": self.SCORES}
        assert self._rows(inference.classification_result(outputs, 2)) == [
            [("no", 0.25), ("yes", 0.75)],
            [("no", 1.0), ("yes", 0.0)],
        ]

    def test_either_may_be_missing(self):
        only_scores = inference.classification_result({"scores": self.SCORES}, 2)
        assert self._rows(only_scores)[0] == [("", 0.25), ("", 0.75)]
        only_labels = inference.classification_result({"classes": self.CLASSES}, 2)
        assert self._rows(only_labels)[1] == [("no", 0.0), ("yes", 0.0)]

    def test_a_label_that_is_no_text_stays_readable(self):
        result = inference.classification_result({"classes": np.array([[b"\xff"]], object)}, 1)
        assert self._rows(result) == [[("\N{REPLACEMENT CHARACTER}", 0.0)]]

    @pytest.mark.parametrize(
        ("outputs", "message"),
        [
            (
                {"scores": SCORES[0]},
                "Expected Tensor shape: [batch_size num_classes] but got [2]",
            ),
            (
                {"scores": SCORES.astype(np.float64)},
                "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE",
            ),
            ({"classes": SCORES}, "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
            ({"scores": SCORES[:1]}, "Expected scores output batch size of 2. Got: 1"),
            (
                {"classes": CLASSES, "scores": SCORES[:, :1]},
                "Tensors class and score should match in dim_size(1). Got 2 vs. 1",
            ),
        ],
    )
    def test_other_outputs_are_refused(self, outputs, message):
        expected = (StatusCode.INVALID_ARGUMENT, message)
        assert error_of(inference.classification_result, outputs, 2) == expected


class TestRegression:
    @pytest.mark.parametrize("shape", [(2,), (2, 1)])
    def test_values_follow_the_examples(self, shape):
        result = inference.regression_result({"outputs": A.reshape(shape)}, 2)
        assert [one.value for one in result.regressions] == [1.5, 2.5]

    @pytest.mark.parametrize(
        ("outputs", "message"),
        [
            ({}, "Could not find output tensor 'outputs'"),
            (
                {"outputs": A.reshape(1, 2)},
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but "
                "got [1,2]",
            ),
            (
                {"outputs": A[:1]},
                "Input batch size did not match output batch size: 2 vs. 1",
            ),
            (
                {"outputs": A.astype(np.int64)},
                "Expected output Tensor of DT_FLOAT.  Got: DT_INT64",
            ),
        ],
    )
    def test_other_outputs_are_refused(self, outputs, message):
        expected = (StatusCode.INVALID_ARGUMENT, message)
        assert error_of(inference.regression_result, outputs, 2) == expected
