"""Loaded SavedModels, computed by TensorFlow."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import saved_models
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from serving.backends.local import session as sessions
from serving.backends.local.loader import LocalLoader
from serving.backends.local.options import LocalOptions
from serving.backends.local.saved_model import open_saved_model
from serving.backends.local.session_config import session_config
from serving.wire import inference, messages
from serving.wire.errors import ServingError, StatusCode
from serving.wire.tensors import DTYPES, number_of

FLOATS = [1.0, -2.5, np.inf, -np.inf, np.nan, 0.0, -0.0]


class Models:
    """Builds a model once and loads it anew each time."""

    def __init__(self, root):
        self._root = root
        self._loader = LocalLoader(LocalOptions())

    def folder(self, build):
        folder = self._root / build.__name__
        return folder if folder.exists() else build(folder)

    def __call__(self, build):
        return self._loader.load(build.__name__, 1, self.folder(build))


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    return Models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def every_type(load):
    return load(saved_models.every_type)


@pytest.fixture(scope="module")
def half_plus_two(load):
    return load(saved_models.half_plus_two)


def _export(folder, signatures):
    """Writes the graph that is the default one as a SavedModel of TF1."""
    v1 = tf.compat.v1.saved_model
    definitions = {
        name: v1.build_signature_def(
            *({alias: v1.build_tensor_info(one) for alias, one in side.items()} for side in sides)
        )
        for name, sides in signatures.items()
    }
    with tf.compat.v1.Session() as session:
        builder = v1.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=definitions)
        builder.save()


def _floats(*values):
    return np.array(values, np.float32)


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
        np.testing.assert_array_equal(returned, _floats([2], [3], [4]), strict=True)


class TestModels:
    def test_variables_are_restored(self, half_plus_two):
        returned = half_plus_two.run("serving_default", {"x": _floats([1], [3], [-4])})
        np.testing.assert_array_equal(returned["y"], _floats([2.5], [3.5], [0]), strict=True)

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
            np.testing.assert_array_equal(outputs["outputs"], _floats([value], [value]))
        signature = servable.signatures["classify_x_to_y"]
        assert signature.method_name == inference.CLASSIFY_METHOD
        inference.check_classify(signature, check_method_name=True)
        outputs = servable.run("classify_x_to_y", {"inputs": examples})
        np.testing.assert_array_equal(outputs["scores"], _floats([4.5], [4.5]))

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
        assert servable.run("double", {"x": _floats(1.5)})["y"].tolist() == [3.0]
        assert servable.run("triple", {"x": _floats(1.5)})["y"].tolist() == [4.5]
        assert servable.signatures["double"].batchable

    def test_values_of_rank_0_are_arrays(self, load):
        servable = load(saved_models.unbatchable)
        outputs = servable.run("serving_default", {"x": _floats(1, 2, 4)})
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
        saved_models.with_defaults(folder, {"b": _floats(10)})
        servable = LocalLoader(LocalOptions()).load("m", 1, folder)
        request = messages.PredictRequest()
        request.inputs["a"].dtype = 1
        request.inputs["a"].float_val.extend([1, 2])
        request.inputs["a"].tensor_shape.dim.add().size = 2
        arrays = inference.predict_inputs(request, servable.signatures["serving_default"])
        assert servable.run("serving_default", arrays)["sum"].tolist() == [11, 12]


@pytest.fixture(scope="module")
def servable(load):
    return load(saved_models.several_tensors)


class TestOutputs:
    INPUTS = {"a": _floats(2, 3), "b": _floats(5, 7)}  # noqa: RUF012 (never changed)
    ALL = {"a_again": [2, 3], "product": [10, 21], "sum": [7, 10]}  # noqa: RUF012

    @pytest.mark.parametrize(
        "wanted", [(), ("sum",), ("sum", "product"), ("product", "sum"), ("a_again",)]
    )
    def test_those_wanted_are_returned(self, servable, wanted):
        outputs = servable.run("serving_default", self.INPUTS, wanted)
        expected = {name: self.ALL[name] for name in wanted or self.ALL}
        assert {name: array.tolist() for name, array in outputs.items()} == expected

    def test_those_wanted_are_returned_past_the_limit_too(self, servable, monkeypatch):
        monkeypatch.setattr(sessions, "MAX_COMBINATIONS", 1)
        fresh = ("a_again", "sum")
        outputs = servable.run("serving_default", self.INPUTS, fresh)
        assert {name: array.tolist() for name, array in outputs.items()} == {
            name: self.ALL[name] for name in fresh
        }

    def test_what_is_not_wanted_is_not_computed(self, tmp_path):
        with tf.Graph().as_default():
            x = tf.compat.v1.placeholder(tf.float32, [None], name="x")
            outputs = {"good": x + 1.0, "bad": tf.reshape(x, [7])}
            _export(tmp_path / "1", {"serving_default": ({"x": x}, outputs)})
        servable = LocalLoader(LocalOptions()).load("m", 1, tmp_path / "1")
        outputs = servable.run("serving_default", {"x": _floats(1)}, ("good",))
        assert outputs["good"].tolist() == [2.0]
        with pytest.raises(ServingError, match="reshape"):
            servable.run("serving_default", {"x": _floats(1)})


class TestErrors:
    def test_an_assertion_of_the_model_is_told(self, load):
        servable = load(saved_models.failing)
        assert servable.run("serving_default", {"x": _floats(1)})["y"].tolist() == [1.0]
        with pytest.raises(ServingError, match="x must be positive") as caught:
            servable.run("serving_default", {"x": _floats(1, -1)})
        assert caught.value.code == StatusCode.INVALID_ARGUMENT
        assert caught.value.__cause__ is not None

    def test_shapes_that_the_graph_refuses_are_told(self, load):
        servable = load(saved_models.matrix)
        with pytest.raises(ServingError, match=r"In\[0\]: \[2,3\], In\[1\]: \[2,1\]") as caught:
            servable.run("serving_default", {"x": np.ones((2, 3), np.float32)})
        assert caught.value.code == StatusCode.INVALID_ARGUMENT

    def test_examples_that_cannot_be_parsed_are_told(self, load):
        servable = load(saved_models.half_plus_two_of_tf1)
        with pytest.raises(ServingError, match="Could not parse example input") as caught:
            servable.run("regress_x_to_y", {"inputs": np.array([b"\xff"], object)})
        assert caught.value.code == StatusCode.INVALID_ARGUMENT

    @pytest.mark.parametrize("public_only", [False, True])
    def test_objects_that_are_no_texts_are_refused(self, load, public_only):
        servable = _opened(load, saved_models.echo_text, public_only=public_only)
        with pytest.raises(ServingError):
            servable.run("serving_default", {"text": np.array([b"a", 1], object)})
        again = servable.run("serving_default", {"text": np.array([b"a"], object)})
        assert again["length"].tolist() == [1]

    def test_a_signature_that_cannot_be_called_leaves_the_others(self, tmp_path, caplog):
        v1 = tf.compat.v1
        with tf.Graph().as_default():
            sparse = v1.sparse_placeholder(tf.float32, name="sparse")
            x = v1.placeholder(tf.float32, [None], name="x")
            signatures = {
                "sparse": ({"s": sparse}, {"y": tf.sparse.reduce_sum(sparse)}),
                "serving_default": ({"x": x}, {"y": x + 1}),
            }
            _export(tmp_path / "1", signatures)
        servable = LocalLoader(LocalOptions()).load("m", 1, tmp_path / "1")
        assert 'signature "sparse" of m/1 cannot be called' in caplog.text
        assert servable.run("serving_default", {"x": _floats(1)})["y"].tolist() == [2.0]
        with pytest.raises(ServingError, match="sparse or composite") as caught:
            servable.run("sparse", {"s": _floats(1)})
        assert caught.value.code == StatusCode.UNIMPLEMENTED


def _opened(load, build, **options):
    opened = open_saved_model(
        load.folder(build), frozenset({"serve"}), session_config(LocalOptions())
    )
    return sessions.SessionServable(opened._session, opened.signature_def_map, **options)


class TestWays:
    @pytest.mark.parametrize(
        "options", [{"public_only": True}, {"caller_thread": False}, {"caller_thread": True}]
    )
    def test_all_ways_to_call_give_the_same_bits(self, load, half_plus_two, options):
        other = _opened(load, saved_models.half_plus_two, **options)
        given = np.random.default_rng(3).normal(size=(100, 1)).astype(np.float32)
        returned = other.run("serving_default", {"x": given})["y"]
        expected = half_plus_two.run("serving_default", {"x": given})["y"]
        assert returned.tobytes() == expected.tobytes()

    def test_the_public_way_passes_inputs_and_scalars_on(self, load):
        several = _opened(load, saved_models.several_tensors, public_only=True)
        outputs = several.run("serving_default", TestOutputs.INPUTS, ("sum", "a_again"))
        assert {name: array.tolist() for name, array in outputs.items()} == {
            "sum": [7, 10],
            "a_again": [2, 3],
        }
        scalars = _opened(load, saved_models.unbatchable, public_only=True)
        outputs = scalars.run("serving_default", {"x": _floats(1, 2)})
        assert outputs["word"].tolist() == b"end\0"
        assert outputs["total"].tolist() == 3.0

    def test_the_public_way_stands_in_where_there_is_no_other(self, load, monkeypatch):
        base = tf.compat.v1.Session.__mro__[1]
        monkeypatch.delattr(base, "_make_callable_from_options")
        returned = load(saved_models.half_plus_two).run("serving_default", {"x": _floats([1])})
        assert returned["y"].tolist() == [[2.5]]

    def test_an_input_given_back_as_an_output_needs_no_computing(self, tmp_path):
        with tf.Graph().as_default():
            x = tf.compat.v1.placeholder(tf.string, [None], name="x")
            _export(tmp_path / "1", {"serving_default": ({"x": x}, {"y": x})})
        servable = LocalLoader(LocalOptions()).load("m", 1, tmp_path / "1")
        returned = servable.run("serving_default", {"x": np.array([b"a"], object)})
        assert returned["y"].tolist() == [b"a"]


class TestThreads:
    def test_eight_threads_each_get_their_own_answers(self, load):
        servable = load(saved_models.several_tensors)

        def compute(number):
            given = {"a": np.full(number % 5 + 1, number, np.float32), "b": _floats(1)}
            wanted = [(), ("sum",), ("product", "sum")][number % 3]
            return servable.run("serving_default", given, wanted)["sum"].tolist()

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(compute, range(2000)))
        assert answers == [[n + 1.0] * (n % 5 + 1) for n in range(2000)]

    def test_other_threads_run_while_a_model_computes(self, load):
        servable = load(saved_models.slow)
        done, turns = threading.Event(), 0

        def compute():
            servable.run("serving_default", {"x": _floats(1)})
            done.set()

        thread = threading.Thread(target=compute)
        thread.start()
        while not done.wait(0.001):
            turns += 1
        thread.join()
        # One or two turns would fit beside a call that keeps the interpreter to itself.
        assert turns > 10

    def test_models_load_side_by_side(self, load):
        builds = [saved_models.half_plus_two, saved_models.half_plus_two_of_tf1] * 4
        for build in builds[:2]:
            load(build)
        with ThreadPoolExecutor(4) as pool:
            servables = list(pool.map(load, builds))
        for servable in servables:
            returned = servable.run("serving_default", {"x": _floats([1])})
            assert returned["y"].tolist() == [[2.5]]


class TestClosing:
    def test_closing_gives_the_session_back(self, load):
        servable = load(saved_models.half_plus_two)
        servable.run("serving_default", {"x": _floats([1])})
        session = weakref.ref(servable._session)
        graph = weakref.ref(servable._session.graph)
        servable.close()
        assert session() is None
        gc.collect()
        assert graph() is None

    def test_a_call_afterwards_is_refused(self, load):
        servable = load(saved_models.half_plus_two)
        servable.close()
        servable.close()
        with pytest.raises(ServingError, match="unloaded") as caught:
            servable.run("serving_default", {"x": _floats([1])})
        assert caught.value.code == StatusCode.UNAVAILABLE


def test_every_type_that_travels_is_tested():
    assert {dtype.as_datatype_enum for dtype in saved_models.TYPES.values()} == set(DTYPES)
    assert all(number_of(dtype) == number for number, dtype in DTYPES.items())
