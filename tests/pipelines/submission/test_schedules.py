"""One recurring run of a name fires, whatever is resubmitted, lost or killed."""

import dataclasses
import itertools

import pytest
from kubeflow_server import KubeflowServer
from kubeflow_template import TINY

from pipelines.submission import schedules, starting
from pipelines.submission.records import Recurring, Source
from pipelines.submission.schedules import NEW, Step
from pipelines.submission.server import Server

WANTED = Recurring(name="tiny", cron="0 0 3 * * *", source=Source(pipeline_id="p", version_id="v2"))
OLD = dataclasses.replace(
    WANTED, source=Source(pipeline_id="p", version_id="v1"), recurring_run_id="old"
)
SAME = dataclasses.replace(WANTED, recurring_run_id="same")


def off(one: Recurring) -> Recurring:
    return dataclasses.replace(one, enabled=False)


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        ([], ["create ", "enable "]),
        ([SAME], []),
        ([off(SAME)], ["enable same"]),
        ([OLD], ["create ", "disable old", "enable ", "delete old"]),
        ([off(OLD)], ["create ", "enable ", "delete old"]),
        ([OLD, off(SAME)], ["disable old", "enable same", "delete old"]),
        ([off(OLD), SAME], ["delete old"]),
    ],
)
def test_steps_to_the_wanted_one(existing: list[Recurring], expected: list[str]) -> None:
    done = schedules.steps(existing, WANTED)
    assert [f"{step.action} {step.recurring_run_id}" for step in done] == expected


def test_a_recurring_run_at_work_is_not_deleted() -> None:
    done = schedules.steps([OLD], WANTED, frozenset({"old"}))
    assert Step("disable", "old") in done
    assert Step("delete", "old") not in done


@pytest.mark.parametrize(
    "change",
    [
        {"cron": "0 0 4 * * *"},
        {"name": "other"},
        {"source": Source(pipeline_id="p", version_id="v2", parameters={"epochs": 1})},
        {"source": Source(pipeline_id="p", version_id="v2", root="s3://b")},
        {"source": Source(pipeline_id="p", version_id="v2", service_account="other")},
    ],
)
def test_another_schedule_is_not_met(change: dict[str, object]) -> None:
    assert WANTED.is_met_by(SAME)
    assert not dataclasses.replace(WANTED, **change).is_met_by(SAME)  # type: ignore[arg-type]


def after(existing: list[Recurring], step: Step) -> list[Recurring]:
    if step.action == "create":
        return [*existing, off(dataclasses.replace(WANTED, recurring_run_id="new"))]
    target = "new" if step.recurring_run_id == NEW else step.recurring_run_id
    if step.action == "delete":
        return [one for one in existing if one.recurring_run_id != target]
    enabled = step.action == "enable"
    return [
        dataclasses.replace(one, enabled=enabled) if one.recurring_run_id == target else one
        for one in existing
    ]


BEGINNINGS = [
    [],
    [OLD],
    [SAME],
    [off(SAME)],
    [OLD, off(SAME)],
    [off(OLD), off(SAME)],
    [off(OLD), dataclasses.replace(OLD, recurring_run_id="older"), off(SAME)],
]


@pytest.mark.parametrize("existing", BEGINNINGS)
def test_two_never_fire_and_a_stop_anywhere_is_mended(existing: list[Recurring]) -> None:
    done = schedules.steps(existing, WANTED)
    for stop in range(len(done) + 1):
        left = list(itertools.accumulate(done[:stop], after, initial=existing))
        for states in left:
            assert sum(one.enabled for one in states) <= 1
        mended = left[-1]
        for step in schedules.steps(mended, WANTED):
            mended = after(mended, step)
        assert [(WANTED.is_met_by(one), one.enabled) for one in mended] == [(True, True)]


class Bench:
    """A server with two versions of a pipeline."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.experiment_id = starting.ensure_experiment(server, "Default", "")
        self.sources = []
        for content in (TINY, TINY.replace("defaultValue: 5", "defaultValue: 6")):
            pipeline_id, version_id, _ = starting.ensure_version(server, "tiny", content, "", "")
            self.sources.append(Source(pipeline_id=pipeline_id, version_id=version_id))

    def put(self, version: int = 0, cron: str = "0 0 3 * * *") -> schedules.Scheduled:
        wanted = Recurring(name="tiny", cron=cron, source=self.sources[version])
        return schedules.put(
            self.server, wanted, self.experiment_id, "described", sleep=lambda _: None
        )


@pytest.fixture
def bench(server: Server) -> Bench:
    return Bench(server)


def test_resubmitting_changes_the_one_and_never_doubles_it(
    bench: Bench, kubeflow: KubeflowServer
) -> None:
    first = bench.put()
    assert kubeflow.firing() == [first.recurring_run_id]
    same = bench.put()
    assert (same.recurring_run_id, same.done) == (first.recurring_run_id, ())
    changed = bench.put(version=1)
    later = bench.put(version=1, cron="0 30 4 * * 1")
    assert changed.recurring_run_id != later.recurring_run_id
    [one] = kubeflow.recurring.values()
    assert one["recurring_run_id"] == later.recurring_run_id
    assert one["trigger"] == {"cron_schedule": {"cron": "0 30 4 * * 1"}}
    assert one["status"] == "ENABLED"


def test_what_it_started_outlives_a_recurring_run_that_is_changed(
    bench: Bench, kubeflow: KubeflowServer
) -> None:
    first = bench.put()
    run_id = kubeflow.add_recurring_run(first.recurring_run_id, "RUNNING")
    second = bench.put(version=1)
    assert second.left == (first.recurring_run_id,)
    assert kubeflow.firing() == [second.recurring_run_id]
    kubeflow.end(run_id, "SUCCEEDED")
    bench.put(version=1)
    assert list(kubeflow.recurring) == [second.recurring_run_id]
    assert kubeflow.deleted == [(first.recurring_run_id, "ORPHAN")]


@pytest.mark.parametrize("how", ["lost", "drop", 502])
def test_a_lost_answer_to_the_creation_doubles_nothing(
    bench: Bench, kubeflow: KubeflowServer, how: str | int
) -> None:
    bench.put()
    kubeflow.fail("POST", "/recurringruns", how)
    second = bench.put(version=1)
    assert list(kubeflow.recurring) == kubeflow.firing() == [second.recurring_run_id]


def test_one_that_somebody_disabled_fires_again(bench: Bench, kubeflow: KubeflowServer) -> None:
    first = bench.put()
    bench.server.enable_recurring(first.recurring_run_id, enabled=False)
    assert bench.put().recurring_run_id == first.recurring_run_id
    assert kubeflow.firing() == [first.recurring_run_id]


def test_removing_ends_those_of_the_name_alone(bench: Bench, kubeflow: KubeflowServer) -> None:
    bench.put()
    other = Recurring(name="other", cron="0 0 3 * * *", source=bench.sources[0])
    kept = schedules.put(bench.server, other, bench.experiment_id, "").recurring_run_id
    removed = schedules.remove(bench.server, "tiny", bench.experiment_id)
    assert [words.split()[0] for words in removed.done] == ["disabled", "deleted"]
    assert list(kubeflow.recurring) == [kept]
    assert schedules.remove(bench.server, "tiny", bench.experiment_id).done == ()
