import dataclasses

import pytest
from skew_history import Store

from pipelines.errors import UsageError
from pipelines.lineage.records import ArtifactRecord
from pipelines.skew import baseline


@pytest.fixture
def store():
    return Store()


def chosen(store, rows, wanted=None):
    """The choice, and the baseline that it is expected to have."""
    found = baseline.choose(store.history, rows, wanted)
    assert found.reason == ""
    assert found.baseline is not None
    return found, found.baseline


def ids_of(found):
    fields = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return {name: one.id for name, one in fields.items() if isinstance(one, ArtifactRecord)}


def test_a_version_leads_to_what_it_was_trained_on(store):
    store.trained("100")
    examples, statistics, schema, model = store.trained("200")
    store.trained("300")
    found, trained_on = chosen(store, {"200": 5})
    assert found.notes == ()
    assert trained_on.version == "200"
    assert ids_of(trained_on) == {
        "examples": examples,
        "statistics": statistics,
        "schema": schema,
        "model": model,
    }


def test_of_several_versions_the_one_with_most_rows_is_chosen_and_the_others_are_named(store):
    store.trained("100")
    store.trained("200")
    found, trained_on = chosen(store, {"100": 5, "200": 2000, "999": 1, "": 3})
    assert trained_on.version == "200"
    [others, unknown] = found.notes
    assert "version 200 (2,000 rows)" in others
    assert "100: 5 rows, without a version: 3 rows, 999: 1 rows" in others
    assert "not pushed by this pipeline: without a version: 3 rows, 999: 1 rows" in unknown


def test_a_version_that_the_pipeline_pushed_comes_before_one_that_answered_more(store):
    store.trained("100")
    found, trained_on = chosen(store, {"100": 5, "999": 50})
    assert trained_on.version == "100"
    assert "999: 50 rows" in found.notes[0]


def test_the_version_that_is_asked_for_is_taken_whatever_answered(store):
    store.trained("100")
    store.trained("200")
    found, trained_on = chosen(store, {"200": 5}, "100")
    assert trained_on.version == "100"
    assert "version 100 (0 rows)" in found.notes[0]


def test_an_asked_version_that_was_never_pushed_is_refused_with_the_known_ones(store):
    store.trained("100")
    with pytest.raises(UsageError, match=r"--model-version 7.*one of: 100"):
        baseline.choose(store.history, {"100": 5}, "7")
    with pytest.raises(UsageError, match=r"\(none\)"):
        baseline.choose(None, {"100": 5}, "7")


def test_without_any_push_there_is_nothing_to_compare_with(store):
    store.trained("100", push=False)
    for history in (None, store.history):
        found = baseline.choose(history, {"100": 5}, None)
        assert found.baseline is None
        assert "no model was pushed" in found.reason


def test_versions_that_nobody_knows_are_named(store):
    store.trained("100")
    found = baseline.choose(store.history, {"999": 5, "": 2}, None)
    assert found.baseline is None
    assert "(999: 5 rows, without a version: 2 rows)" in found.reason


def test_statistics_may_be_missing(store):
    store.trained("100", statistics=False)
    _, trained_on = chosen(store, {"100": 5})
    assert trained_on.statistics is None


def test_a_model_from_elsewhere_has_no_training_data(store):
    [model] = store.made("Importer", outputs=[("Model", {})])
    pushed = {"pushed_version": "100", "pushed_destination": "/models/100"}
    store.made("Pusher", [model], [("PushedModel", pushed)])
    found = baseline.choose(store.history, {"100": 5}, None)
    assert found.baseline is None
    assert "does not tell what version 100 was trained on" in found.reason
