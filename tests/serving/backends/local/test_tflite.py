"""TFLite models, converted and computed by TensorFlow."""

import contextlib
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import saved_models
from hypothesis import example, given
from hypothesis import strategies as st

from serving.backends.local.loader import LocalLoader
from serving.backends.local.options import LocalOptions
from serving.backends.local.tflite_signature import only_signature
from serving.wire import messages
from serving.wire.errors import ServingError, StatusCode

OPTIONS = LocalOptions(prefer_tflite=True, tflite_pools=2)
DEFAULT = "serving_default"


def _definition(inputs, outputs, method="tensorflow/serving/predict"):
    definition = messages.SignatureDef(method_name=method)
    for alias, name in inputs.items():
        definition.inputs[alias].name = name
    for alias, name in outputs.items():
        definition.outputs[alias].name = name
    return definition


def _floats(values):
    return np.array(values, np.float32)


def _load(folder):
    return LocalLoader(OPTIONS).load("lite", 3, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved_models.half_plus_two_of_tflite(tmp_path_factory.mktemp("lite") / "3")


def test_without_a_signature_tensors_go_by_their_own_names(folder):
    servable = _load(folder)
    signature = servable.signatures[DEFAULT]
    assert list(servable.signatures) == [DEFAULT]
    assert (signature.inputs["x"].dtype, signature.inputs["x"].shape) == (1, (-1, 1))
    assert (signature.outputs["Identity"].dtype, signature.outputs["Identity"].shape) == (
        1,
        (-1, 1),
    )
    assert signature.method_name == "tensorflow/serving/predict"
    assert signature.batchable
    assert set(servable.signature_def_map.signature_def) == {DEFAULT}


@pytest.mark.parametrize("order", [(1, 3, 2), (3, 3, 1)])
def test_inputs_are_resized_to_each_batch(folder, order):
    servable = _load(folder)
    for rows in order:
        given = np.arange(rows, dtype=np.float32).reshape(rows, 1)
        returned = servable.run(DEFAULT, {"x": given})["Identity"]
        expected = _floats([[2.0], [2.5], [3.0]])[:rows]
        np.testing.assert_array_equal(returned, expected, strict=True)


def test_an_answer_stays_when_the_next_is_computed(folder):
    servable = _load(folder)
    answers = [servable.run(DEFAULT, {"x": _floats([[n]])})["Identity"] for n in range(6)]
    assert [float(answer[0, 0]) for answer in answers] == [2.0, 2.5, 3.0, 3.5, 4.0, 4.5]


def test_a_signature_in_the_metadata_names_the_tensors(tmp_path):
    definition = _definition({"half": "x:0"}, {"result": "Identity:0"}, "my/method")
    servable = _load(saved_models.half_plus_two_of_tflite(tmp_path / "3", definition))
    signature = servable.signatures[DEFAULT]
    assert (list(signature.inputs), list(signature.outputs)) == (["half"], ["result"])
    assert signature.method_name == "my/method"
    returned = servable.run(DEFAULT, {"half": _floats([[4]])}, ["result"])
    assert returned["result"].tolist() == [[4.0]]


def test_a_signature_that_leaves_a_tensor_out_is_refused(tmp_path):
    definition = _definition({"half": "other"}, {"result": "Identity"})
    folder = saved_models.half_plus_two_of_tflite(tmp_path / "3", definition)
    with pytest.raises(ServingError, match="input name from tflite input tensor x") as caught:
        _load(folder)
    assert caught.value.code == StatusCode.INTERNAL


@given(st.binary(max_size=64))
@example(b"")
def test_metadata_of_any_bytes_raise_nothing_but_the_error(buffer):
    with contextlib.suppress(ServingError):
        assert isinstance(only_signature(buffer), messages.SignatureDef)


def test_texts_come_back(tmp_path):
    servable = _load(saved_models.echo_text_of_tflite(tmp_path / "3"))
    given = np.array([b"", b"a\0b\0", b"\xff"], object)
    returned = servable.run(DEFAULT, {"text": given})["Identity"]
    assert returned.tolist() == given.tolist()


def test_another_type_is_refused(folder):
    with pytest.raises(ServingError, match="to be float but double is provided") as caught:
        _load(folder).run(DEFAULT, {"x": np.ones((1, 1))})
    assert caught.value.code == StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("shape", [(1, 3), (5, 1), (3,), (1, 1, 3)])
def test_a_shape_that_makes_no_whole_rows_is_refused(tmp_path, shape):
    servable = _load(saved_models.matrix_of_tflite(tmp_path / "3"))
    with pytest.raises(ServingError, match=r'"x" must be of shape \[-1, 2\], but') as caught:
        servable.run(DEFAULT, {"x": np.ones(shape, np.float32)})
    assert caught.value.code == StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(("shape", "rows"), [((1,), 1), ((3,), 3), ((2, 1), 2)])
def test_other_ranks_are_read_as_rows(folder, shape, rows):
    returned = _load(folder).run(DEFAULT, {"x": np.ones(shape, np.float32)})["Identity"]
    assert returned.ravel().tolist() == [2.5] * rows


def test_a_call_that_fails_harms_no_later_one(tmp_path):
    servable = _load(saved_models.product_of_tflite(tmp_path / "3"))
    good = {"a": _floats([[1, 2]]), "b": _floats([[3], [4]])}
    for _ in range(4):  # more than there are interpreters
        with pytest.raises(ServingError, match="Failed to run interpreter") as caught:
            servable.run(DEFAULT, good | {"b": np.ones((3, 1), np.float32)})
        assert caught.value.code == StatusCode.INTERNAL
        assert servable.run(DEFAULT, good)["Identity"].tolist() == [[11.0]]


def test_more_threads_than_interpreters_each_get_their_own_answers(folder):
    servable = _load(folder)

    def compute(number):
        given = np.full((number % 4 + 1, 1), number, np.float32)
        return servable.run(DEFAULT, {"x": given})["Identity"].ravel().tolist()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(compute, range(1000)))
    assert answers == [[n / 2 + 2] * (n % 4 + 1) for n in range(1000)]


@pytest.mark.parametrize("content", [b"", b"no model", b"\0" * 64])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(ServingError, match="no TFLite model") as caught:
        _load(tmp_path)
    assert caught.value.code == StatusCode.INVALID_ARGUMENT


def test_a_saved_model_is_loaded_where_there_is_no_other(tmp_path):
    servable = _load(saved_models.unknown_rank(tmp_path / "3"))
    assert servable.run(DEFAULT, {"x": _floats([1])})["y"].tolist() == [2.0]


def test_tflite_is_loaded_only_where_it_is_preferred(tmp_path):
    saved_models.unknown_rank(tmp_path / "3")
    folder = saved_models.half_plus_two_of_tflite(tmp_path / "3")
    assert list(_load(folder).signatures[DEFAULT].outputs) == ["Identity"]
    plain = LocalLoader(LocalOptions()).load("lite", 3, folder)
    assert list(plain.signatures[DEFAULT].outputs) == ["y"]


def test_warm_up_requests_are_replayed(tmp_path, caplog):
    folder = saved_models.half_plus_two_of_tflite(tmp_path / "3")
    log = messages.PredictionLog()
    log.predict_log.request.inputs["x"].dtype = 1
    log.predict_log.request.inputs["x"].float_val.append(1.0)
    for _ in range(2):
        log.predict_log.request.inputs["x"].tensor_shape.dim.add().size = 1
    saved_models.with_warmup(folder, [log])
    caplog.set_level("INFO", "serving")
    _load(folder)
    assert "replayed 1 warm-up requests" in caplog.text


def test_closing_gives_the_interpreters_back(folder):
    servable = _load(folder)
    idle = servable._idle.get()
    interpreter = weakref.ref(idle._interpreter)
    servable._idle.put(idle)
    del idle
    servable.close()
    assert interpreter() is None
