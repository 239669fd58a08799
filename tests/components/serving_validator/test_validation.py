"""The validation with real models and the real model server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import validator_models as models

from components.serving_validator.validation import Terms, validate
from components.serving_validator.verdict import Verdict

TERMS = Terms(model_name="prices")
NO_SERVER = Terms(model_name="crash", server="validator_server")
WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Verdict]:
    """A good model with a bound on its latency that no server keeps: all but the last step pass."""
    folder = models.prices(tmp_path_factory.mktemp("prices"))
    terms = Terms(model_name="prices", max_p99_ms=1e-6)
    return folder, validate(folder, models.examples(16), terms)


def test_every_signature_that_examples_can_feed_is_compared(served) -> None:
    _, verdict = served
    assert verdict.signatures == ("columns", "serving_default")
    assert verdict.left_out == (("other", "no example has a value for its input 'weight'"),)
    assert verdict.examples == 16
    assert verdict.max_relative_difference is not None
    assert 0 <= verdict.max_relative_difference <= 1e-6


def test_latencies_above_their_bound_are_a_cause(served) -> None:
    _, verdict = served
    assert not verdict.blessed
    assert 0 < verdict.p50_ms <= verdict.p99_ms
    assert "99th percentile to be at most 1e-06 ms, received" in verdict.cause
    assert "over 16 calls" in verdict.cause


def test_the_model_was_given_warm_up_requests(served) -> None:
    folder, _ = served
    assert (folder / WARM_UP).is_file()


def test_a_model_that_answers_otherwise_in_the_server_is_not_blessed(tmp_path: Path) -> None:
    # It counts its calls, and the server has had those of the warm-up.
    verdict = validate(models.counting(tmp_path / "m"), models.examples(4), TERMS)
    assert not verdict.blessed
    assert "Signature 'serving_default' answers otherwise in the server than offline" in (
        verdict.cause
    )
    assert "output 'calls', example 0: expected 1.0, received 3.0" in verdict.cause
    assert verdict.max_relative_difference == pytest.approx(2 / 3)


def test_a_model_that_the_server_cannot_load_is_not_blessed(tmp_path: Path) -> None:
    folder = models.prices(tmp_path / "m")
    (folder / WARM_UP).parent.mkdir()
    (folder / WARM_UP).write_bytes(b"no TFRecord")
    verdict = validate(folder, models.examples(4), TERMS)
    assert not verdict.blessed
    assert "The model server could not start with this model" in verdict.cause
    assert "Please verify your warmup data is in TFRecord format" in verdict.cause
    assert verdict.examples == 0


def test_a_server_that_does_not_answer_in_time_is_a_cause(tmp_path: Path) -> None:
    terms = Terms(model_name="prices", call_timeout_sec=1e-4)
    verdict = validate(models.prices(tmp_path / "m"), models.examples(4), terms)
    assert "expected the server to answer a request of 4 example(s) within 0.0001 s" in (
        verdict.cause
    )
    assert "DEADLINE_EXCEEDED" in verdict.cause


def test_a_model_that_tensorflow_1_cannot_load_is_not_blessed(tmp_path: Path) -> None:
    verdict = validate(models.keras_as_it_is(tmp_path / "m"), models.examples(4), NO_SERVER)
    assert not verdict.blessed
    assert "TensorFlow 1's loader, which TensorFlow Serving follows" in verdict.cause
    assert "Could not find variable" in verdict.cause


def test_loaders_that_disagree_are_a_cause(tmp_path: Path) -> None:
    verdict = validate(models.random(tmp_path / "m"), models.examples(4), NO_SERVER)
    assert "answers otherwise when loaded with TensorFlow 1's loader" in verdict.cause
    assert "output 'noise', example 0: expected" in verdict.cause


def test_a_server_that_does_not_start_is_a_cause(tmp_path: Path) -> None:
    folder = models.prices(tmp_path / "m")
    crashed = validate(folder, models.examples(4), NO_SERVER)
    assert "no such op: Frobnicate" in crashed.cause
    before = psutil.Process().children(recursive=True)
    terms = Terms(model_name="hang", server="validator_server", start_timeout_sec=0.1)
    assert "expected it to listen within 0.1 s" in validate(folder, models.examples(4), terms).cause
    assert psutil.Process().children(recursive=True) == before


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def broken(folder: Path) -> Path:
    models.prices(folder)
    (folder / "saved_model.pb").write_bytes(b"\xff\xff\xff")
    return folder


def without_variables(folder: Path) -> Path:
    models.prices(folder)
    (folder / "variables" / "variables.index").unlink()
    return folder


@pytest.mark.parametrize(
    ("make", "examples", "cause"),
    [
        (models.prices, 0, "Nothing was compared: expected at least one example"),
        (models.by_weight, 4, "Nothing was compared: expected a signature that takes"),
        (empty, 4, "The model cannot be read as a SavedModel"),
        (broken, 4, "The model cannot be read as a SavedModel"),
        (without_variables, 4, "The model does not load with tf.saved_model.load"),
    ],
)
def test_what_cannot_be_compared_is_not_blessed(
    tmp_path: Path, make: Callable[[Path], Path], examples: int, cause: str
) -> None:
    verdict = validate(make(tmp_path / "m"), models.examples(examples), NO_SERVER)
    assert not verdict.blessed
    assert verdict.cause.startswith(cause)
    assert verdict.examples == 0
    assert verdict.p99_ms is None


def test_examples_of_another_kind_are_an_error_and_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Expected examples as tf\.Example"):
        validate(models.prices(tmp_path / "m"), [b"\xff\xff"], NO_SERVER)
