from collections.abc import Callable
from typing import Any

from skew_history import Store

from pipelines.reuse.candidates import candidates


def _store(*versions: tuple[int, bool | None]) -> Store:
    """Runs that pushed these versions, each blessed, rejected or never evaluated."""
    store = Store()
    for version, blessed in versions:
        *_, model = store.trained(str(version))
        if blessed is not None:
            store.made("Evaluator", [model], [("ModelBlessing", {"blessed": int(blessed)})])
    return store


def _always(_: int) -> bool:
    return True


def _asked(
    store: Store, *, on_disk: Callable[[int], bool] = _always, **changed: Any
) -> tuple[tuple[int, ...], dict[int, str]]:
    given: dict[str, Any] = {"serving": 4, "rolled_back": frozenset[int]()} | changed
    found = candidates(store.history, on_disk=on_disk, **given)
    return found.asked, dict(found.passed_over)


def test_blessed_versions_that_do_not_serve_are_asked() -> None:
    assert _asked(_store((1, True), (3, True), (4, True))) == ((1, 3), {})


def test_others_are_passed_over_with_a_reason() -> None:
    store = _store((1, None), (2, True), (3, True), (4, True), (5, False), (6, True))
    asked, passed_over = _asked(store, rolled_back={2}, on_disk=lambda version: version != 3)
    assert asked == (6,)
    assert passed_over == {
        1: "was never blessed",
        2: "was rolled back",
        3: "is no longer on disk",
        5: "was never blessed",
    }


def test_of_many_the_newest_are_asked() -> None:
    store = _store((1, True), (2, True), (3, True), (4, True))
    asked, passed_over = _asked(store, most=2)
    assert asked == (2, 3)
    assert passed_over == {1: "is older than the 2 newest"}


def test_a_model_that_was_pushed_twice_is_asked_once() -> None:
    store = _store((1, True), (4, True))
    for model, version in zip(_models(store), (2, 5), strict=True):
        store.made("Pusher", [model], [("PushedModel", {"pushed_version": str(version)})])
    asked, passed_over = _asked(store)
    assert asked == (2,)
    assert passed_over == {1: "is the model of version 2", 5: "is the model of version 4"}


def _models(store: Store) -> list[int]:
    return [artifact.id for artifact in store.history.of_type("Model")]


def test_models_that_were_never_pushed_do_not_count() -> None:
    store = _store((4, True))
    store.trained("5", push=False)
    assert _asked(store) == ((), {})


def test_the_artifacts_of_pushed_versions_are_known() -> None:
    found = candidates(
        _store((1, True), (4, True)).history, serving=4, rolled_back=(), on_disk=_always
    )
    assert {v: a.properties["pushed_version"] for v, a in found.pushed.items()} == {1: "1", 4: "4"}
