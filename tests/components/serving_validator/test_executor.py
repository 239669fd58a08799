"""The executor on real artifacts, with the real model server and the stock Pusher after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import validator_models as models
from tfx.components.pusher.executor import Executor as Pusher
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.proto import example_gen_pb2, pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.artifacts.example_files import first_examples
from components.serving_validator.executor import Executor

WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"
PARAMETERS = {
    "model_name": "prices",
    "split": "eval",
    "num_examples": 8,
    "start_timeout_sec": 120.0,
    "call_timeout_sec": 30.0,
    "server": "serving.server.program",
}


def examples_artifact(folder: Path, **splits: int) -> standard_artifacts.Examples:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = "[" + ", ".join(f'"{split}"' for split in splits) + "]"
    for split, count in splits.items():
        path = folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
        models.write_examples(path, models.examples(count))
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    return artifact


def model_artifact(folder: Path, make: Any) -> standard_artifacts.Model:
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    make(folder / "Format-Serving")
    return artifact


def files_under(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def run(root: Path, make: Any, *, examples: int = 20, **parameters: Any) -> Any:
    """Returns the model's artifact, and the blessing that the executor wrote."""
    model = model_artifact(root / "model", make)
    blessing = standard_artifacts.InfraBlessing()
    blessing.uri = str(root / "blessing")
    Path(blessing.uri).mkdir()
    context = BaseExecutor.Context(tmp_dir=str(root / "tmp"), unique_id="1")
    Executor(context).Do(
        {
            "model": [model],
            "examples": [examples_artifact(root / "examples", train=3, eval=examples)],
        },
        {"blessing": [blessing]},
        {**PARAMETERS, **parameters},
    )
    return model, blessing


def push(root: Path, blessing: standard_artifacts.InfraBlessing) -> Any:
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(root / "pushed")
    destination = pusher_pb2.PushDestination()
    destination.filesystem.base_directory = str(root / "models")
    Pusher(BaseExecutor.Context(tmp_dir=str(root / "tmp"), unique_id="2")).Do(
        {"infra_blessing": [blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": proto_utils.proto_to_json(destination), "custom_config": "null"},
    )
    return pushed


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    root = tmp_path_factory.mktemp("good")
    return (root, *run(root, models.prices))


def test_a_good_model_is_blessed_as_stock_infra_validator_does(good) -> None:
    _, _, blessing = good
    assert (Path(blessing.uri) / "INFRA_BLESSED").read_text() == ""
    assert not (Path(blessing.uri) / "INFRA_NOT_BLESSED").exists()
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_int_custom_property("has_model") == 1


def test_what_was_measured_is_recorded(good) -> None:
    _, _, blessing = good
    assert blessing.get_string_custom_property("cause") == ""
    assert blessing.get_int_custom_property("examples_compared") == 8
    assert blessing.get_string_custom_property("signatures_compared") == "columns, serving_default"
    assert blessing.get_string_custom_property("signatures_left_out") == "other"
    p50 = blessing.get_float_custom_property("latency_p50_ms")
    assert 0 < p50 <= blessing.get_float_custom_property("latency_p99_ms")
    assert 0 <= blessing.get_float_custom_property("max_relative_difference") <= 1e-6


def test_the_models_own_artifact_stays_as_it_was(good) -> None:
    _, model, blessing = good
    before = files_under(Path(model.uri) / "Format-Serving")
    after = files_under(Path(blessing.uri) / "stamped_model")
    assert str(WARM_UP) not in before
    assert after.pop(str(WARM_UP))
    assert after == before


def test_the_stock_pusher_pushes_the_copy_with_warm_up(good) -> None:
    root, _, blessing = good
    pushed = push(root, blessing)
    assert pushed.get_int_custom_property("pushed") == 1
    folder = Path(pushed.get_string_custom_property("pushed_destination"))
    assert files_under(folder) == files_under(Path(blessing.uri) / "stamped_model")


def test_a_bad_model_is_not_blessed_and_not_pushed(tmp_path: Path) -> None:
    _, blessing = run(tmp_path, models.random, server="validator_server")
    assert (Path(blessing.uri) / "INFRA_NOT_BLESSED").read_text() == ""
    assert not (Path(blessing.uri) / "INFRA_BLESSED").exists()
    assert not (Path(blessing.uri) / "stamped_model").exists()
    assert blessing.get_int_custom_property("blessed") == 0
    assert not blessing.has_custom_property("has_model")
    assert "output 'noise'" in blessing.get_string_custom_property("cause")
    assert not blessing.has_custom_property("latency_p99_ms")
    assert push(tmp_path, blessing).get_int_custom_property("pushed") == 0


@pytest.mark.parametrize("choice", [{"examples": 0}, {"split": "test"}])
def test_without_examples_nothing_is_blessed(tmp_path: Path, choice: dict[str, Any]) -> None:
    _, blessing = run(tmp_path, models.prices, server="validator_server", **choice)
    assert blessing.get_int_custom_property("blessed") == 0
    assert "Nothing was compared" in blessing.get_string_custom_property("cause")


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Expected a SavedModel in .*Format-Serving"):
        run(tmp_path, str)  # which makes nothing


def test_examples_are_the_first_of_the_split_over_all_artifacts(tmp_path: Path) -> None:
    first = examples_artifact(tmp_path / "1", train=2, eval=3)
    second = examples_artifact(tmp_path / "2", eval=4)
    expected = [*models.examples(3), *models.examples(4)]
    assert first_examples([first, second], "eval", 100) == expected
    assert first_examples([first, second], "eval", 5) == expected[:5]
    assert first_examples([first, second], "eval", 2) == expected[:2]


def test_examples_of_another_format_are_refused(tmp_path: Path) -> None:
    artifact = examples_artifact(tmp_path, eval=1)
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_PARQUET)
    with pytest.raises(ValueError, match="received FORMAT_PARQUET"):
        first_examples([artifact], "eval", 1)
