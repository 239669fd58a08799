"""How SavedModels are called and closed: outputs, errors, ways and threads."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import saved_models
import tensorflow as tf
from local_servables import export, floats, opened

from serving.backends.local import session as sessions
from serving.backends.local.loader import LocalLoader
from serving.backends.local.options import LocalOptions
from serving.wire.errors import ServingError, StatusCode


@pytest.fixture(scope="module")
def half_plus_two(load):
    return load(saved_models.half_plus_two)


@pytest.fixture(scope="module")
def servable(load):
    return load(saved_models.several_tensors)


class TestOutputs:
    INPUTS = {"a": floats(2, 3), "b": floats(5, 7)}  # noqa: RUF012 (never changed)
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
            export(tmp_path / "1", {"serving_default": ({"x": x}, outputs)})
        servable = LocalLoader(LocalOptions()).load("m", 1, tmp_path / "1")
        outputs = servable.run("serving_default", {"x": floats(1)}, ("good",))
        assert outputs["good"].tolist() == [2.0]
        with pytest.raises(ServingError, match="reshape"):
            servable.run("serving_default", {"x": floats(1)})


class TestErrors:
    def test_an_assertion_of_the_model_is_told(self, load):
        servable = load(saved_models.failing)
        assert servable.run("serving_default", {"x": floats(1)})["y"].tolist() == [1.0]
        with pytest.raises(ServingError, match="x must be positive") as caught:
            servable.run("serving_default", {"x": floats(1, -1)})
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
        servable = opened(load, saved_models.echo_text, public_only=public_only)
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
            export(tmp_path / "1", signatures)
        servable = LocalLoader(LocalOptions()).load("m", 1, tmp_path / "1")
        assert 'signature "sparse" of m/1 cannot be called' in caplog.text
        assert servable.run("serving_default", {"x": floats(1)})["y"].tolist() == [2.0]
        with pytest.raises(ServingError, match="sparse or composite") as caught:
            servable.run("sparse", {"s": floats(1)})
        assert caught.value.code == StatusCode.UNIMPLEMENTED


class TestWays:
    @pytest.mark.parametrize(
        "options", [{"public_only": True}, {"caller_thread": False}, {"caller_thread": True}]
    )
    def test_all_ways_to_call_give_the_same_bits(self, load, half_plus_two, options):
        other = opened(load, saved_models.half_plus_two, **options)
        given = np.random.default_rng(3).normal(size=(100, 1)).astype(np.float32)
        returned = other.run("serving_default", {"x": given})["y"]
        expected = half_plus_two.run("serving_default", {"x": given})["y"]
        assert returned.tobytes() == expected.tobytes()

    def test_the_public_way_passes_inputs_and_scalars_on(self, load):
        several = opened(load, saved_models.several_tensors, public_only=True)
        outputs = several.run("serving_default", TestOutputs.INPUTS, ("sum", "a_again"))
        assert {name: array.tolist() for name, array in outputs.items()} == {
            "sum": [7, 10],
            "a_again": [2, 3],
        }
        scalars = opened(load, saved_models.unbatchable, public_only=True)
        outputs = scalars.run("serving_default", {"x": floats(1, 2)})
        assert outputs["word"].tolist() == b"end\0"
        assert outputs["total"].tolist() == 3.0

    def test_the_public_way_stands_in_where_there_is_no_other(self, load, monkeypatch):
        base = tf.compat.v1.Session.__mro__[1]
        monkeypatch.delattr(base, "_make_callable_from_options")
        returned = load(saved_models.half_plus_two).run("serving_default", {"x": floats([1])})
        assert returned["y"].tolist() == [[2.5]]

    def test_an_input_given_back_as_an_output_needs_no_computing(self, tmp_path):
        with tf.Graph().as_default():
            x = tf.compat.v1.placeholder(tf.string, [None], name="x")
            export(tmp_path / "1", {"serving_default": ({"x": x}, {"y": x})})
        servable = LocalLoader(LocalOptions()).load("m", 1, tmp_path / "1")
        returned = servable.run("serving_default", {"x": np.array([b"a"], object)})
        assert returned["y"].tolist() == [b"a"]


class TestThreads:
    def test_eight_threads_each_get_their_own_answers(self, load):
        servable = load(saved_models.several_tensors)

        def compute(number):
            given = {"a": np.full(number % 5 + 1, number, np.float32), "b": floats(1)}
            wanted = [(), ("sum",), ("product", "sum")][number % 3]
            return servable.run("serving_default", given, wanted)["sum"].tolist()

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(compute, range(2000)))
        assert answers == [[n + 1.0] * (n % 5 + 1) for n in range(2000)]

    def test_other_threads_run_while_a_model_computes(self, load):
        servable = load(saved_models.slow)
        done, turns = threading.Event(), 0

        def compute():
            servable.run("serving_default", {"x": floats(1)})
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
            returned = servable.run("serving_default", {"x": floats([1])})
            assert returned["y"].tolist() == [[2.5]]


class TestClosing:
    def test_closing_gives_the_session_back(self, load):
        servable = load(saved_models.half_plus_two)
        servable.run("serving_default", {"x": floats([1])})
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
            servable.run("serving_default", {"x": floats([1])})
        assert caught.value.code == StatusCode.UNAVAILABLE
