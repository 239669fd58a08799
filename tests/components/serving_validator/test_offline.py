from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import saved_models
import tensorflow as tf

from components.serving_validator.feeds import Feed
from components.serving_validator.offline import LoadedByTF1, LoadedByTF2, read_signatures
from components.serving_validator.verdict import NotServableError


def computed(folder: Path, feed: Feed) -> list[dict[str, np.ndarray]]:
    with LoadedByTF1(folder) as by_tf1:
        return [LoadedByTF2(folder).run(feed), by_tf1.run(feed)]


@pytest.mark.parametrize("build", [saved_models.half_plus_two, saved_models.half_plus_two_of_tf1])
def test_both_loaders_compute_models_of_either_tensorflow(
    tmp_path: Path, build: Callable[[Path], Path]
) -> None:
    feed = Feed("serving_default", {"x": np.array([[1.0], [3.0]], "float32")})
    for outputs in computed(build(tmp_path / "m"), feed):
        assert {name: array.tolist() for name, array in outputs.items()} == {"y": [[2.5], [3.5]]}


def test_scalars_and_texts_come_as_arrays(tmp_path: Path) -> None:
    feed = Feed("serving_default", {"x": np.array([1.0, 2.0], "float32")})
    for outputs in computed(saved_models.unbatchable(tmp_path / "m"), feed):
        assert outputs["total"].shape == outputs["word"].shape == ()
        assert outputs["total"] == 3.0
        assert outputs["word"].item() == b"end\0"


def test_an_input_may_be_an_output_as_well(tmp_path: Path) -> None:
    feed = Feed("serving_default", {name: np.array([2.0], "float32") for name in ("a", "b")})
    for outputs in computed(saved_models.several_tensors(tmp_path / "m"), feed):
        assert {name: array.tolist() for name, array in outputs.items()} == {
            "sum": [4.0],
            "product": [4.0],
            "a_again": [2.0],
        }


def test_what_a_model_says_of_bad_inputs_is_told(tmp_path: Path) -> None:
    feed = Feed("serving_default", {"x": np.array([-1.0], "float32")})
    with pytest.raises(
        NotServableError, match=r"'serving_default' fails on 1 examples.*InvalidArgumentError"
    ):
        LoadedByTF2(saved_models.failing(tmp_path / "m")).run(feed)


def test_signatures_are_read_with_types_and_shapes(tmp_path: Path) -> None:
    signatures, left_out = read_signatures(saved_models.matrix(tmp_path / "m"))
    assert not left_out
    assert list(signatures) == ["serving_default"]
    assert signatures["serving_default"].inputs["x"].shape == (-1, 2)


def test_signatures_of_sparse_tensors_are_left_out(tmp_path: Path) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.sparse_placeholder(tf.float32, [None, 2], name="x")
        total = tf.sparse.reduce_sum(x, axis=1)
        v1.saved_model.simple_save(session, str(tmp_path / "m"), {"x": x}, {"total": total})
    signatures, left_out = read_signatures(tmp_path / "m")
    assert not signatures
    assert left_out == {"serving_default": "it has a sparse or composite tensor"}


def test_a_graph_of_other_tags_cannot_be_served(tmp_path: Path) -> None:
    folder = saved_models.flowers(tmp_path / "m", tags=["train", "gpu"])
    with pytest.raises(NotServableError, match=r"\['serve'\], received \[\['gpu', 'train'\]\]"):
        read_signatures(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("readme.txt", b"no model"),
        ("saved_model.pb", b"\xff" * 50),
        ("saved_model.pbtxt", b"meta_graphs {"),
        ("saved_model.pbtxt", b"\xff\xfe"),
        ("saved_model.pb", None),
    ],
)
def test_what_is_no_model_is_told(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(NotServableError, match="The model cannot be read as a SavedModel"):
        read_signatures(tmp_path)
