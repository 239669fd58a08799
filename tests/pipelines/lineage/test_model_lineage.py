from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import UsageError
from pipelines.lineage import contents, graph
from pipelines.lineage.model_lineage import (
    NOT_EVALUATED,
    ModelLineage,
    _slice_order,
    find_model,
    lineage_of,
    models_of_span,
)
from pipelines.lineage.records import ArtifactRecord


def _lineage(writer: Any, wanted: str | None = None) -> ModelLineage:
    history = graph.load(writer.store, "taxi")
    return lineage_of(history, find_model(history, wanted))


def _uses(found: ModelLineage) -> set[tuple[str, int | None, tuple[str, ...]]]:
    return {(use.purpose, use.examples.span, use.splits) for use in found.data}


def test_a_model_knows_everything_that_made_it(writer: Any, tmp_path: Path) -> None:
    made = writer.taxi_run("taxi-1", tmp_path)
    found = _lineage(writer)
    assert found.model.id == made["model"]
    assert (found.run, found.version, found.blessing) == ("taxi-1", "1767323001", "BLESSED")
    assert _uses(found) == {
        ("training", 1, ("train", "eval")),
        ("tuning", 1, ("train", "eval")),
        ("evaluation", 1, ("eval",)),
    }
    assert {use.examples.fingerprint for use in found.data} == {
        "split:single,num_files:1,total_bytes:100,xor_checksum:1"
    }
    assert {use.examples.version for use in found.data} == {1}
    tied = (found.schema, found.transform_graph, found.hyperparameters)
    assert [a.id if a else None for a in tied] == [
        made["schema"],
        made["transform_graph"],
        made["best_hyperparameters"],
    ]
    assert [a.id for a in found.statistics] == [made["statistics"]]
    assert found.code == {
        "Transform": {"pipelines.taxi.preprocessing": "aaaaaaaaaaaa"},
        "Trainer": {"pipelines.taxi.model": "bbbbbbbbbbbb"},
    }
    assert set(found.parameters) == {"custom_config", "train_args"}
    assert found.evaluations[0].metrics["overall"] == {"auc": 0.8, "loss": 0.4}
    assert found.pushes[0].destination == f"{tmp_path}/models/1767323001"


def test_span_of_old_hyperparameters_is_tuning_not_training(writer: Any, tmp_path: Path) -> None:
    first = writer.taxi_run("taxi-1", tmp_path, code="old code")
    writer.taxi_run("taxi-2", tmp_path, span=2, hyperparameters=first["best_hyperparameters"])
    found = _lineage(writer)
    assert ("training", 2, ("train", "eval")) in _uses(found)
    assert ("tuning", 1, ("train", "eval")) in _uses(found)
    assert ("training", 1, ("train", "eval")) not in _uses(found)
    assert found.code["Transform"] == {"pipelines.taxi.preprocessing": "aaaaaaaaaaaa"}
    others = [code for node, code in found.code.items() if node.startswith("Transform (")]
    assert others == [{"pipelines.taxi.preprocessing": "old code"}]


def test_a_warm_started_model_saw_its_base_s_data(writer: Any, tmp_path: Path) -> None:
    first = writer.taxi_run("taxi-1", tmp_path)
    second = writer.taxi_run("taxi-2", tmp_path, span=2, base_model=first["model"])
    writer.taxi_run("taxi-3", tmp_path, span=3, base_model=second["model"])
    found = _lineage(writer)
    bases = {use.examples.span for use in found.data if use.purpose == "base model"}
    assert bases == {1, 2}
    assert found.base_model is not None
    assert found.base_model.id == second["model"]


def test_a_baseline_is_named_and_its_own_verdicts_stay_its_own(writer: Any, tmp_path: Path) -> None:
    first = writer.taxi_run("taxi-1", tmp_path, auc=0.8)
    writer.taxi_run("taxi-2", tmp_path, span=2, blessed=False, auc=0.5, baseline=first["model"])
    rejected = _lineage(writer, "taxi-2")
    assert rejected.blessing == "REJECTED"
    assert rejected.evaluations[0].baseline_id == first["model"]
    assert rejected.pushes == ()
    assert [e.run for e in _lineage(writer, "taxi-1").evaluations] == ["taxi-1"]


def test_a_cached_trainer_leaves_the_model_with_its_first_run(writer: Any, tmp_path: Path) -> None:
    made = writer.taxi_run("taxi-1", tmp_path)
    writer.run("taxi-2")
    writer.execution(
        "taxi-2",
        "Trainer",
        state="CACHED",
        inputs={"examples": made["transformed_examples"]},
        outputs={"model": made["model"]},
    )
    writer.execution(
        "taxi-2",
        "Pusher",
        state="CACHED",
        inputs={"model": made["model"]},
        outputs={"pushed_model": made["pushed_model"]},
    )
    found = _lineage(writer)
    assert found.run == "taxi-1"
    assert [push.run for push in found.pushes] == ["taxi-1"]


def test_a_model_is_followed_through_the_validator_that_stamped_it(
    writer: Any, tmp_path: Path
) -> None:
    made = writer.taxi_run("taxi-1", tmp_path, blessed=False)
    stamped = writer.execution(
        "taxi-1",
        "ServingValidator",
        inputs={"model": made["model"], "examples": made["examples"]},
        outputs={"blessing": ("InfraBlessing", f"{tmp_path}/infra", {"blessed": 1})},
    )["blessing"]
    other = writer.execution(
        "taxi-1",
        "OtherValidator",
        outputs={"blessing": ("InfraBlessing", f"{tmp_path}/other", {"blessed": 1})},
    )["blessing"]
    pushed = {}
    for version, copy in (("7", stamped), ("8", other)):
        place = {"pushed": 1, "pushed_version": version, "pushed_destination": f"/m/{version}"}
        pushed[version] = writer.execution(
            "taxi-1",
            "Pusher",
            inputs={"model_blessing": made["blessing"], "infra_blessing": copy},
            outputs={"pushed_model": ("PushedModel", f"{tmp_path}/pushed/{version}", place)},
        )["pushed_model"]
    found = _lineage(writer, "7")
    assert found.model.id == made["model"]
    assert [push.version for push in found.pushes] == ["7"]
    assert {stamped, pushed["7"]} <= found.artifact_ids
    assert pushed["8"] not in found.artifact_ids


def test_a_model_from_elsewhere_has_a_lineage_of_one(writer: Any) -> None:
    writer.run("r")
    model = writer.artifact("Model", "/elsewhere")
    writer.execution("r", "Evaluator", inputs={"baseline_model": model})
    found = _lineage(writer)
    assert found.trainer is None
    assert (found.run, found.data, found.blessing) == ("", (), NOT_EVALUATED)
    assert found.artifact_ids == {model}


@pytest.mark.parametrize("wanted", ["1767323001", "{id}", "taxi-1"])
def test_a_model_is_found_by_version_id_and_run(writer: Any, tmp_path: Path, wanted: str) -> None:
    made = writer.taxi_run("taxi-1", tmp_path)
    writer.taxi_run("taxi-2", tmp_path, span=2)
    assert _lineage(writer, wanted.format(id=made["model"])).model.id == made["model"]


def test_the_latest_model_is_the_one_pushed_last(writer: Any, tmp_path: Path) -> None:
    pushed = writer.taxi_run("taxi-1", tmp_path)
    writer.taxi_run("taxi-2", tmp_path, span=2, blessed=False)
    assert _lineage(writer).model.id == pushed["model"]


def test_an_unknown_model_is_answered_with_the_closest(writer: Any, tmp_path: Path) -> None:
    writer.taxi_run("taxi-1", tmp_path)
    with pytest.raises(UsageError, match="did you mean 1767323001"):
        _lineage(writer, "1767323901")


def test_without_any_model_the_remedy_is_to_train_one(writer: Any) -> None:
    writer.run("r")
    with pytest.raises(UsageError) as caught:
        _lineage(writer)
    assert "ringway run taxi" in caught.value.remedy


def test_a_span_leads_to_all_models_that_saw_it(writer: Any, tmp_path: Path) -> None:
    first = writer.taxi_run("taxi-1", tmp_path)
    second = writer.taxi_run(
        "taxi-2", tmp_path, span=2, hyperparameters=first["best_hyperparameters"]
    )
    history = graph.load(writer.store, "taxi")
    uses = {use.model.id: use.purposes for use in models_of_span(history, 1)}
    assert uses == {
        first["model"]: ("training", "tuning", "evaluation"),
        second["model"]: ("tuning",),
    }
    assert [use.model.id for use in models_of_span(history, 2, 1)] == [second["model"]]
    with pytest.raises(UsageError, match="no span '2 version 7'"):
        models_of_span(history, 2, 7)
    with pytest.raises(UsageError, match=r"no span '9'.*known: 1, 2"):
        models_of_span(history, 9)


def test_contents_are_read_and_what_is_gone_is_named(writer: Any, tmp_path: Path) -> None:
    made = writer.taxi_run("taxi-1", tmp_path)
    found = _lineage(writer)
    read = contents.read(found)
    assert read.hyperparameters == {"units": 32, "rate": 0.01}
    assert read.schema_hash is not None
    assert len(read.schema_hash) == 64
    assert read.transform_hash is None
    assert found.model.uri in read.missing
    schema = tmp_path / "taxi-1" / "schema" / "schema.pbtxt"
    schema.write_text("feature { name: 'other' }\n")
    assert contents.read(found).schema_hash != read.schema_hash
    best = tmp_path / "taxi-1" / "best" / "best_hyperparameters.txt"
    best.write_text("not json")
    assert contents.read(found).hyperparameters is None
    best.unlink()
    assert contents.read(found).hyperparameters is None
    assert made["model"] == found.model.id


def test_the_whole_comes_before_its_slices_and_large_slices_before_small_ones() -> None:
    metrics = {"b=1": {"example_count": 1}, "a=2": {"example_count": 9}, "c": {}, "overall": {}}
    assert [name for name, _ in sorted(metrics.items(), key=_slice_order)] == [
        "overall",
        "a=2",
        "b=1",
        "c",
    ]


def test_a_range_of_spans_counts_for_each_of_them(writer: Any, tmp_path: Path) -> None:
    writer.taxi_run("taxi-1", tmp_path, span=2)
    second = writer.taxi_run("taxi-2", tmp_path, span=9, spans="2-4,9", versions="1,3,1,1")
    history = graph.load(writer.store, "taxi")
    assert history.artifacts[second["examples"]].spans == {2: 1, 3: 3, 4: 1, 9: 1}
    assert len(models_of_span(history, 2)) == 2
    for span, version in ((3, None), (3, 3), (9, 1)):
        (use,) = models_of_span(history, span, version)
        assert (use.model.id, use.purposes) == (
            second["model"],
            ("training", "tuning", "evaluation"),
        )
    with pytest.raises(UsageError, match="no span '3 version 1'"):
        models_of_span(history, 3, 1)
    with pytest.raises(UsageError, match=r"no span '5'.*known: 2, 3, 4, 9"):
        models_of_span(history, 5)


def test_spans_that_nobody_can_read_leave_the_newest() -> None:
    def spans(**properties: object) -> object:
        return ArtifactRecord(id=1, type="Examples", uri="", properties=properties).spans

    assert spans() == {}
    assert spans(span=3) == {3: None}
    assert spans(span=3, version=2, spans="one to three") == {3: 2}
    assert spans(span=3, spans="1-3") == {1: None, 2: None, 3: None}
