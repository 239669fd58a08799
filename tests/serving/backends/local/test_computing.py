"""What loaded SavedModels compute, of every type and both generations."""

import numpy as np
import pytest
import saved_models
import tensorflow as tf
from local_servables import floats
from tensorflow.core.protobuf import saved_model_pb2

from serving.backends.local.loader import LocalLoader
from serving.backends.local.options import LocalOptions
from serving.wire import inference, messages
from serving.wire.errors import ServingError, StatusCode
from serving.wire.tensors import DTYPES, number_of

FLOATS = [1.0, -2.5, np.inf, -np.inf, np.nan, 0.0, -0.0]


@pytest.fixture(scope="module")
def every_type(load):
    return load(saved_models.every_type)


@pytest.fixture(scope="module")
def half_plus_two(load):
    return load(saved_models.half_plus_two)


def _values(name):
    dtype = DTYPES[saved_models.TYPES[name].as_datatype_enum]
    if name == "string":
        return np.array([b"", b"a\0b\0", b"\xff\xfe", "é".encode()], object)
    if name == "bool":
        return np.array([True, False])
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.array([limits.min, limits.max, 1], dtype)
    if dtype.kind == "c":
        return np.array([1 + 2j, -1j, np.inf], dtype)
    return np.array(FLOATS, np.float32).astype(dtype)


class TestTypes:
    @pytest.mark.parametrize("name", saved_models.TYPES)
    @pytest.mark.parametrize("rank", [0, 1, 2])
    def test_values_of_every_type_come_back(self, every_type, name, rank):
        given = _values(name)
        given = {0: given[:1].reshape(()), 1: given, 2: given.reshape(1, -1)}[rank]
        returned = every_type.run(name, {"x": given})["y"]
        assert isinstance(returned, np.ndarray)
        assert returned.dtype == given.dtype
        assert returned.shape == given.shape
        if name == "string":
            assert returned.tolist() == given.tolist()
        else:
            assert returned.tobytes() == given.tobytes()

    @pytest.mark.parametrize("name", saved_models.TYPES)
    def test_an_empty_array_of_every_type_comes_back(self, every_type, name):
        given = _values(name)[:0]
        returned = every_type.run(name, {"x": given})["y"]
        assert (returned.dtype, returned.shape) == (given.dtype, (0,))

    def test_specs_name_types_and_unknown_ranks(self, every_type):
        assert set(every_type.signatures) == set(saved_models.TYPES)
        for name, signature in every_type.signatures.items():
            assert signature.inputs["x"].dtype == saved_models.TYPES[name].as_datatype_enum
            assert signature.inputs["x"].shape is None
            assert not signature.batchable

    @pytest.mark.parametrize("name", saved_models.TYPES)
    def test_another_type_is_refused(self, every_type, name):
        other = np.array([1], np.int32 if name != "int32" else np.int64)
        with pytest.raises(ServingError, match=r"Expects arg\[0\] to be .* is provided") as caught:
            every_type.run(name, {"x": other})
        assert caught.value.code == StatusCode.INVALID_ARGUMENT

    def test_arrays_need_not_be_writable_or_contiguous(self, half_plus_two):
        column = np.arange(6, dtype=np.float32).reshape(3, 2)[:, :1]
        column.setflags(write=False)
        returned = half_plus_two.run("serving_default", {"x": column})["y"]
        np.testing.assert_array_equal(returned, floats([2], [3], [4]), strict=True)


class TestModels:
    def test_variables_are_restored(self, half_plus_two):
        returned = half_plus_two.run("serving_default", {"x": floats([1], [3], [-4])})
        np.testing.assert_array_equal(returned["y"], floats([2.5], [3.5], [0]), strict=True)

    @pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 2), (2, 1, 3)])
    @pytest.mark.parametrize(
        "build", [saved_models.half_plus_two, saved_models.half_plus_two_of_tf1]
    )
    def test_shapes_are_for_the_graph_to_check(self, load, build, shape):
        returned = load(build).run("serving_default", {"x": np.ones(shape, np.float32)})["y"]
        np.testing.assert_array_equal(returned, np.full(shape, 2.5, np.float32), strict=True)

    def test_both_kinds_compute_as_the_reference_does(self, load):
        for build in (saved_models.half_plus_two, saved_models.matrix):
            servable = load(build)
            width = servable.signatures["serving_default"].inputs["x"].shape[1]
            given = np.random.default_rng(7).normal(size=(50, width)).astype(np.float32)
            reference = tf.saved_model.load(str(load.folder(build))).signatures["serving_default"]
            expected = reference(x=tf.constant(given))["y"].numpy()
            returned = servable.run("serving_default", {"x": given})["y"]
            np.testing.assert_array_equal(returned, expected, strict=True)

    def test_a_model_of_tf1_regresses_and_classifies(self, load):
        servable = load(saved_models.half_plus_two_of_tf1)
        example = tf.train.Example()
        example.features.feature["x"].float_list.value.append(5.0)
        examples = np.array([example.SerializeToString()] * 2, object)
        # 0.5 * 5 + 2, 0.5 * 5 + 3, 0.5 * 0 + 4
        for name, value in {"x_to_y": 4.5, "x_to_y2": 5.5, "x2_to_y3": 4.0}.items():
            outputs = servable.run(f"regress_{name}", {"inputs": examples})
            np.testing.assert_array_equal(outputs["outputs"], floats([value], [value]))
        signature = servable.signatures["classify_x_to_y"]
        assert signature.method_name == inference.CLASSIFY_METHOD
        inference.check_classify(signature, check_method_name=True)
        outputs = servable.run("classify_x_to_y", {"inputs": examples})
        np.testing.assert_array_equal(outputs["scores"], floats([4.5], [4.5]))

    def test_a_table_of_tf1_is_filled(self, load):
        example = tf.train.Example()
        example.features.feature["size"].float_list.value.append(0.25)
        servable = load(saved_models.flowers)
        examples = np.array([example.SerializeToString()], object)
        outputs = servable.run("serving_default", {"inputs": examples})
        assert outputs["classes"].tolist() == [[b"small", b"large"]]
        assert outputs["scores"].tolist() == [[0.75, 0.25]]

    def test_a_table_is_filled_from_an_asset(self, load):
        servable = load(saved_models.vocabulary)
        words = np.array([b"blue", b"red", b"mauve"], object)
        assert servable.run("serving_default", {"word": words})["id"].tolist() == [2, 0, -1]

    def test_signatures_are_told_apart(self, load):
        servable = load(saved_models.several_signatures)
        assert list(servable.signatures) == ["double", "triple"]
        assert servable.run("double", {"x": floats(1.5)})["y"].tolist() == [3.0]
        assert servable.run("triple", {"x": floats(1.5)})["y"].tolist() == [4.5]
        assert servable.signatures["double"].batchable

    def test_values_of_rank_0_are_arrays(self, load):
        servable = load(saved_models.unbatchable)
        outputs = servable.run("serving_default", {"x": floats(1, 2, 4)})
        assert outputs["total"].dtype == np.float32
        assert outputs["total"].tolist() == 7.0
        assert outputs["word"].dtype == object
        assert outputs["word"].tolist() == b"end\0"
        assert not servable.signatures["serving_default"].batchable

    def test_the_signature_defs_are_those_of_the_file(self, load):
        servable = load(saved_models.half_plus_two)
        path = load.folder(saved_models.half_plus_two) / "saved_model.pb"
        expected = saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs[0]
        definitions = servable.signature_def_map.signature_def
        assert set(definitions) == set(expected.signature_def)
        assert "__saved_model_init_op" in definitions
        assert "__saved_model_init_op" not in servable.signatures
        for name, definition in definitions.items():
            official = type(expected.signature_def[name])
            assert (
                official.FromString(definition.SerializeToString())
                == (expected.signature_def[name])
            )

    def test_defaults_stand_in_for_inputs_left_out(self, tmp_path):
        folder = saved_models.several_tensors(tmp_path / "1")
        saved_models.with_defaults(folder, {"b": floats(10)})
        servable = LocalLoader(LocalOptions()).load("m", 1, folder)
        request = messages.PredictRequest()
        request.inputs["a"].dtype = 1
        request.inputs["a"].float_val.extend([1, 2])
        request.inputs["a"].tensor_shape.dim.add().size = 2
        arrays = inference.predict_inputs(request, servable.signatures["serving_default"])
        assert servable.run("serving_default", arrays)["sum"].tolist() == [11, 12]


def test_every_type_that_travels_is_tested():
    assert {dtype.as_datatype_enum for dtype in saved_models.TYPES.values()} == set(DTYPES)
    assert all(number_of(dtype) == number for number, dtype in DTYPES.items())
