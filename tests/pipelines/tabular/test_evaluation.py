from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma

from pipelines.config import load
from pipelines.tabular import export, network
from pipelines.tabular.evaluation import eval_config
from pipelines.taxi.config import CONFIG
from pipelines.taxi.features import COLUMNS
from pipelines.taxi.task import TASK

if TYPE_CHECKING:
    from transformed_rows import Transformed

# TFMA divides by the size of empty classes, and turns arrays into numbers as NumPy no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore::Warning:tensorflow_model_analysis")


@pytest.fixture(scope="module")
def evaluate(
    trips: Transformed, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., tfma.ValidationResult]:
    """Trains a model that knows the made-up rule well enough, and returns what judges it."""
    folder = tmp_path_factory.mktemp("evaluated")
    model = network.train(
        TASK, trips.stacked(COLUMNS), schedule=network.Schedule(epochs=5, batch_size=32, seed=0)
    )
    export.save(model, trips.output(), COLUMNS, str(folder / "model"))
    examples = folder / "examples"
    with tf.io.TFRecordWriter(str(examples)) as writer:
        for serialized in trips.examples:
            writer.write(serialized)

    def run(*overrides: str, baseline: bool = False) -> tfma.ValidationResult:
        bounds = ["evaluation.slices=[['payment_type'], ['company']]", *overrides]
        configured = tfma.utils.update_eval_config_with_defaults(
            eval_config(load(CONFIG, None, bounds)), has_baseline=baseline, rubber_stamp=True
        )
        models = [
            tfma.default_eval_shared_model(
                str(folder / "model"), eval_config=configured, model_name=spec.name
            )
            for spec in configured.model_specs
        ]
        results = str(folder / f"results-{len(list(folder.iterdir()))}")
        tfma.run_model_analysis(
            eval_shared_model=models if baseline else models[0],
            eval_config=configured,
            data_location=str(examples),
            output_path=results,
        )
        return tfma.load_validation_result(results)

    return run


def failures(result: tfma.ValidationResult) -> set[tuple[str, str]]:
    return {
        (
            "+".join(key.bytes_value.decode() for key in judged.slice_key.single_slice_keys),
            failure.metric_key.name,
        )
        for judged in result.metric_validations_per_slice
        for failure in judged.failures
    }


def test_a_good_model_passes_without_a_baseline(evaluate: Callable[..., Any]) -> None:
    # Two hundred companies with one trip each, and cash without a single tip, are not judged.
    result = evaluate("evaluation.min_auc=0.7", "evaluation.min_slice_auc=0.55")

    assert failures(result) == set()
    assert result.validation_ok


def test_bounds_of_the_whole_and_of_slices_are_told_apart(evaluate: Callable[..., Any]) -> None:
    # The baseline is the same model: it cannot be worse by nothing, and must not be better.
    result = evaluate(
        "evaluation.min_auc=1.0",
        "evaluation.min_slice_auc=1.0",
        "evaluation.max_auc_drop=0.0",
        "evaluation.min_slice_examples=50",
        baseline=True,
    )

    assert not result.validation_ok
    assert ("", "auc") in failures(result)
    assert ("Credit Card", "slice_auc") in failures(result)
    assert {metric for where, metric in failures(result) if where} == {"slice_auc"}
    assert not any(
        failure.metric_key.is_diff
        for judged in result.metric_validations_per_slice
        for failure in judged.failures
    )


def test_the_whole_may_fall_below_the_baseline_by_so_much() -> None:
    configured = eval_config(load(CONFIG, None, ["evaluation.max_auc_drop=0.02"]))

    (bound,) = configured.metrics_specs[0].metrics[0].per_slice_thresholds
    assert bound.threshold.change_threshold.absolute.value == -0.02
    assert [list(spec.feature_keys) for spec in bound.slicing_specs] == [[]]
    assert [spec.is_baseline for spec in configured.model_specs] == [False, True]
