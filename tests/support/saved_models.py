"""Small models for tests of serving, each written into a folder of its own by TensorFlow.

A builder takes the folder of a version, makes it and returns it. Imports TensorFlow, which takes
seconds: tests of the server that need a model should share one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from flatbuffers import Builder, flexbuffers
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.lite.python import schema_py_generated as schema

from serving.request_log.tfrecord import write_records

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
PREDICT = "tensorflow/serving/predict"

# Types that a tensor of a request can have, by the name that `every_type` gives to its tensors.
TYPES = {
    dtype.name: dtype
    for dtype in (
        *(tf.float16, tf.bfloat16, tf.float32, tf.float64),
        *(tf.int8, tf.int16, tf.int32, tf.int64),
        *(tf.uint8, tf.uint16, tf.uint32, tf.uint64),
        *(tf.complex64, tf.complex128, tf.bool, tf.string),
    )
}


def half_plus_two(folder: Path) -> Path:
    """TF2; `serving_default`: `x` float [-1, 1] → `y` = 0.5 x + 2, by variables."""

    class HalfPlusTwo(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = tf.Variable(0.5)
            self.b = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")])
        def serve(self, x: Any) -> Any:
            return {"y": self.a * x + self.b}

    return _save(folder, HalfPlusTwo(), lambda module: module.serve)


def half_plus_two_of_tf1(folder: Path) -> Path:
    """TF1, as TensorFlow Serving's own test model.

    `serving_default`: `x` float [-1, 1] → `y` = 0.5 x + 2. With Examples of the features `x` and,
    optionally, `x2` (0): `regress_x_to_y`, `regress_x_to_y2` (0.5 x + 3), `regress_x2_to_y3`
    (0.5 x2 + 4), `classify_x_to_y` (scores only).
    """
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        examples = v1.placeholder(tf.string, [None], name="tf_example")
        features = {
            "x": tf.io.FixedLenFeature([1], tf.float32),
            "x2": tf.io.FixedLenFeature([1], tf.float32, default_value=[0.0]),
        }
        parsed = tf.io.parse_example(examples, features)
        x = tf.identity(parsed["x"], name="x")
        a = v1.Variable(0.5, name="a", use_resource=False)
        y, y2 = tf.add(a * x, 2.0, name="y"), tf.add(a * x, 3.0, name="y2")
        y3 = tf.add(a * parsed["x2"], 4.0, name="y3")
        session.run(v1.global_variables_initializer())
        signatures = {
            "serving_default": ({"x": x}, {"y": y}, PREDICT),
            "regress_x_to_y": ({"inputs": examples}, {"outputs": y}, REGRESS),
            "regress_x_to_y2": ({"inputs": examples}, {"outputs": y2}, REGRESS),
            "regress_x2_to_y3": ({"inputs": examples}, {"outputs": y3}, REGRESS),
            "classify_x_to_y": ({"inputs": examples}, {"scores": y}, CLASSIFY),
        }
        _save_tf1(folder, session, signatures)
    return folder


def flowers(folder: Path, tags: Iterable[str] = ("serve",)) -> Path:
    """TF1; `serving_default` classifies Examples by `size`: classes small, large and their scores.

    Scores are `1 - size` and `size`. A table, filled by the init op, finds the classes.
    """
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        examples = v1.placeholder(tf.string, [None], name="examples")
        size = tf.io.parse_example(examples, {"size": tf.io.FixedLenFeature([1], tf.float32)})
        scores = tf.concat([1.0 - size["size"], size["size"]], axis=1)
        table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant([0, 1], tf.int64), tf.constant(["small", "large"])
            ),
            "?",
        )
        classes = table.lookup(tf.tile(tf.constant([[0, 1]], tf.int64), [tf.shape(scores)[0], 1]))
        outputs = {"classes": classes, "scores": scores}
        signatures = {"serving_default": ({"inputs": examples}, outputs, CLASSIFY)}
        _save_tf1(folder, session, signatures, tags=tags, main_op=v1.tables_initializer())
    return folder


def every_type(folder: Path) -> Path:
    """TF2; a signature for each of `TYPES`: `x` of any shape → `y`, the same values."""
    module = tf.Module()

    def echo(dtype: tf.DType) -> Any:
        spec = tf.TensorSpec(None, dtype, name="x")
        return tf.function(lambda x: {"y": tf.identity(x)}, input_signature=[spec])

    module.functions = {name: echo(dtype) for name, dtype in TYPES.items()}
    return _save(folder, module, lambda module: dict(module.functions))


def echo_text(folder: Path) -> Path:
    """TF2; `text` string [-1] → `text_bytes`, the same, and `length` int32, in bytes."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(text: Any) -> Any:
        return {"text_bytes": tf.identity(text), "length": tf.strings.length(text)}

    return _save_function(folder, serve)


def vocabulary(folder: Path) -> Path:
    """TF2; `word` string [-1] → `id` int64, by a table that a file among the assets fills.

    The words are red 0, green 1, blue 2, and -1 for any other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = folder.parent / f"{folder.name}.words.txt"
    source.write_text("red\ngreen\nblue\n", encoding="utf-8")

    class Vocabulary(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            by_line = tf.lookup.TextFileInitializer(
                str(source),
                *(tf.string, tf.lookup.TextFileIndex.WHOLE_LINE),
                *(tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER),
            )
            self.table = tf.lookup.StaticHashTable(by_line, -1)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="word")])
        def serve(self, word: Any) -> Any:
            return {"id": self.table.lookup(word)}

    _save(folder, Vocabulary(), lambda module: module.serve)
    source.unlink()
    return folder


def several_signatures(folder: Path) -> Path:
    """TF2; `double` and `triple`: `x` float [-1] → `y`; no `serving_default`."""
    module = tf.Module()

    def times(factor: float) -> Any:
        spec = tf.TensorSpec([None], tf.float32, name="x")
        return tf.function(lambda x: {"y": x * factor}, input_signature=[spec])

    module.functions = {"double": times(2.0), "triple": times(3.0)}
    return _save(folder, module, lambda module: dict(module.functions))


def several_tensors(folder: Path) -> Path:
    """TF2; `a`, `b` float [-1] → `sum`, `product`, and `a_again`, the input itself."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="a"),
            tf.TensorSpec([None], tf.float32, name="b"),
        ]
    )
    def serve(a: Any, b: Any) -> Any:
        return {"sum": a + b, "product": a * b, "a_again": a}

    return _save_function(folder, serve)


def unbatchable(folder: Path) -> Path:
    """TF2; `x` float [-1] → `total` float [] and `word` string []."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def serve(x: Any) -> Any:
        return {"total": tf.reduce_sum(x), "word": tf.constant(b"end\0")}

    return _save_function(folder, serve)


def unknown_rank(folder: Path) -> Path:
    """TF2; `x` float of any shape → `y` = x + 1, of its shape."""

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def serve(x: Any) -> Any:
        return {"y": x + 1.0}

    return _save_function(folder, serve)


def matrix(folder: Path) -> Path:
    """TF2; `x` float [-1, 2] → `y` float [-1, 1], their sum, by a product of matrices."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def serve(x: Any) -> Any:
        return {"y": tf.matmul(x, tf.ones([2, 1]))}

    return _save_function(folder, serve)


def slow(folder: Path, steps: int = 300_000) -> Path:
    """TF2; `x` float [-1] → `y` = x, after counting to `steps`: about two seconds for a million."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def serve(x: Any) -> Any:
        count = tf.while_loop(lambda i: i < steps, lambda i: (i + 1,), (tf.constant(0),))[0]
        return {"y": x + tf.cast(count - steps, tf.float32)}

    return _save_function(folder, serve)


def failing(folder: Path) -> Path:
    """TF2; `x` float [-1] → `y` = x, and INVALID_ARGUMENT "x must be positive" where it is not."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def serve(x: Any) -> Any:
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(x > 0), [_POSITIVE])]):
            return {"y": tf.identity(x)}

    return _save_function(folder, serve)


_POSITIVE = "x must be positive"


def with_defaults(folder: Path, defaults: Mapping[str, Any]) -> Path:
    """Gives inputs of a SavedModel's `serving_default` values for requests that leave them out."""
    path = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for name, value in defaults.items():
        proto = tf.make_tensor_proto(value)
        saved.meta_graphs[0].signature_def["serving_default"].defaults[name].CopyFrom(proto)
    path.write_bytes(saved.SerializeToString())
    return folder


def with_warmup(folder: Path, logs: Iterable[Any]) -> Path:
    """Adds warm-up requests, PredictionLogs, to a version."""
    records = [log.SerializeToString() for log in logs]
    write_records(folder / "assets.extra" / "tf_serving_warmup_requests", records)
    return folder


def half_plus_two_of_tflite(folder: Path, signature_def: Any = None) -> Path:
    """`model.tflite`: `x` float [-1, 1] → `y` = 0.5 x + 2.

    Args:
        folder: Of the version.
        signature_def: A SignatureDef for the model's metadata; without it tensors have their own
            names, `x` and `Identity`.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")])
    def serve(x: Any) -> Any:
        return {"y": 0.5 * x + 2.0}

    return _convert(folder, serve, signature_def)


def echo_text_of_tflite(folder: Path) -> Path:
    """`model.tflite`: `text` string [-1] → the same, `Identity`."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(text: Any) -> Any:
        return tf.reshape(text, [-1])

    return _convert(folder, serve, None)


def matrix_of_tflite(folder: Path) -> Path:
    """`model.tflite`: `x` float [-1, 2] → `Identity` float [-1, 1], their sum, as `matrix`."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def serve(x: Any) -> Any:
        return tf.matmul(x, tf.ones([2, 1]))

    return _convert(folder, serve, None)


def product_of_tflite(folder: Path) -> Path:
    """`model.tflite`: `a`, `b` float [-1, -1] → `Identity`, their product as matrices."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.float32, name="a"),
            tf.TensorSpec([None, None], tf.float32, name="b"),
        ]
    )
    def serve(a: Any, b: Any) -> Any:
        return tf.matmul(a, b)

    return _convert(folder, serve, None)


def _convert(folder: Path, serve: Any, signature_def: Any) -> Path:
    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()])
    content = bytes(converter.convert())
    if signature_def is not None:
        content = _with_metadata(content, {"serving_default": signature_def})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(content)
    return folder


def _with_metadata(content: bytes, signature_defs: Mapping[str, Any]) -> bytes:
    stored = flexbuffers.Builder()
    with stored.Map():
        for key, definition in sorted(signature_defs.items()):
            stored.Key(key)
            # As C++ writes it: the bytes of the message, called a string. These are ASCII.
            stored.String(definition.SerializeToString().decode())
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    buffer, metadata = schema.BufferT(), schema.MetadataT()
    buffer.data = list(stored.Finish())
    metadata.name, metadata.buffer = "signature_defs_metadata", len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), metadata]
    builder = Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _save_function(folder: Path, serve: Any) -> Path:
    module = tf.Module()
    module.serve = serve
    return _save(folder, module, lambda module: module.serve)


def _save(folder: Path, module: tf.Module, signatures: Callable[[Any], Any]) -> Path:
    tf.saved_model.save(module, str(folder), signatures=signatures(module))
    return folder


def _save_tf1(
    folder: Path,
    session: tf.compat.v1.Session,
    signatures: Mapping[str, tuple[Mapping[str, tf.Tensor], Mapping[str, tf.Tensor], str]],
    tags: Iterable[str] = ("serve",),
    main_op: Any = None,
) -> None:
    v1 = tf.compat.v1.saved_model
    definitions = {
        name: v1.build_signature_def(
            {alias: v1.build_tensor_info(tensor) for alias, tensor in inputs.items()},
            {alias: v1.build_tensor_info(tensor) for alias, tensor in outputs.items()},
            method,
        )
        for name, (inputs, outputs, method) in signatures.items()
    }
    builder = v1.Builder(str(folder))
    builder.add_meta_graph_and_variables(
        session, list(tags), signature_def_map=definitions, main_op=main_op
    )
    builder.save()
