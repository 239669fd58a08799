"""Rollouts by a real server process, over real sockets."""

from __future__ import annotations

import contextlib
import functools
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import serving_requests as ask
from model_server import free_port, refused, until
from rollout_orders import (
    CANDIDATE,
    MODEL,
    NEWER,
    REFUSING,
    SLOW,
    STABLE,
    answer,
    ended,
    plan,
    running,
)

from serving.request_log.reader import LogReader
from serving.rollout import guards
from serving.rollout.order import FILE_NAME, Order
from serving.rollout.plan import Strategy
from serving.rollout.routing import Arm, arm_of
from serving.rollout.state import Outcome

USERS = [f"user-{number}" for number in range(80)]
ANSWERS = {STABLE: 0.25, CANDIDATE: 0.5, NEWER: 0.75}


def dealt(made, share, users=USERS):
    """Returns which version each user is to be answered by, by the rule that is documented."""
    arms = {user: arm_of(user.encode(), salt=made.dealt_by, share=share) for user in users}
    versions = {Arm.STABLE: made.stable_version, Arm.CANDIDATE: made.candidate_version}
    return {user: versions[arm] for user, arm in arms.items()}


def over_rest(server, user, path=MODEL):
    found = server.ask("POST", f"/v1/models/{path}:predict", {"instances": [1.0]}, {"X-User": user})
    return {chance: version for version, chance in ANSWERS.items()}[found.json["predictions"][0]]


def logged(place):
    return list(LogReader(place.root / "log"))


def test_a_canary_deals_by_the_key_over_both_transports(place):
    made = plan()
    place.push(STABLE, CANDIDATE)
    place.order(running(made))
    with place.serving() as server:
        expected = dealt(made, 0.25)
        assert {user: answer(server, user)[0] for user in USERS} == expected
        assert {user: over_rest(server, user) for user in USERS} == expected
        candidates = list(expected.values()).count(CANDIDATE)
        report = place.reports(lambda report: report.snapshot.candidate.requests == 2 * candidates)
        assert report.snapshot.stable.requests == 2 * (len(USERS) - candidates)
        assert report.available == (STABLE, CANDIDATE)
        assert report.snapshot.candidate_ready
        assert (report.rollout_id, report.done, report.broken) == (made.id, 1, "")
        assert report.snapshot.candidate.predictions.total == 2 * candidates
        # Whoever names a version gets it, and is no part of the rollout.
        assert {answer(server, user, version=STABLE)[0] for user in USERS} == {STABLE}
        place.order(running(made, step=1, done=2))
        later = place.reports(lambda report: report.done == 2)
        assert later.snapshot.step == 1
        assert later.snapshot.stable.requests == later.snapshot.candidate.requests == 0
        assert {answer(server, user)[0] for user in USERS} == {CANDIDATE}
        metrics = server.ask("GET", "/monitoring/prometheus/metrics").body.decode()
        assert (
            f':ringway:rollout:candidate_share{{model_name="{MODEL}",requests="answered"}} 1'
            in metrics
        )
        server.stop()
    records = [record.log_metadata for record in logged(place)]
    arms = Counter(
        (one.rollout_id, one.rollout_arm, one.model_spec.version.value) for one in records
    )
    assert arms == {
        (made.id, "candidate", CANDIDATE): 2 * candidates + len(USERS),
        (made.id, "stable", STABLE): 2 * (len(USERS) - candidates),
        ("", "", STABLE): len(USERS),
    }
    assert not any(
        record.predict_log.request.model_spec.HasField("version")
        for record in logged(place)
        if record.log_metadata.rollout_id
    )


def test_a_pinned_version_stays_when_newer_ones_are_pushed_until_the_order_goes(place):
    place.push(STABLE, CANDIDATE)
    place.order(Order(model=MODEL, serves=STABLE))
    with place.serving() as server:
        place.push(NEWER)
        time.sleep(2.5)  # two looks into the base path
        assert answer(server)[0] == STABLE
        assert over_rest(server, "") == STABLE
        assert place.reports(lambda report: report.available == (STABLE,)).rollout_id == ""
        (place.rollout / FILE_NAME).unlink()
        until(lambda: answer(server) == (NEWER, 0.75))


def test_without_an_order_the_latest_version_answers_and_nothing_is_reported(place):
    place.push(STABLE, CANDIDATE)
    with place.serving() as server:
        assert answer(server) == (CANDIDATE, 0.5)
        assert not place.rollout.exists()


def test_an_order_that_is_none_leaves_the_one_before_in_force(place):
    place.push(STABLE, CANDIDATE)
    place.order(Order(model=MODEL, serves=STABLE))
    with place.serving() as server:
        (place.rollout / FILE_NAME).write_text('{"format": 1, "model": ')
        until(lambda: "stays in force" in server.stderr)
        time.sleep(0.5)
        assert server.stderr.count("stays in force") == 1
        assert answer(server)[0] == STABLE
        place.order(Order(model=MODEL, serves=CANDIDATE))
        until(lambda: answer(server)[0] == CANDIDATE)


def test_a_blue_green_switch_and_the_way_back_fail_no_request(place):
    made = plan(Strategy.BLUE_GREEN)
    place.push(STABLE, CANDIDATE)
    place.order(running(made, step=-1, done=0))
    with place.serving() as server, ThreadPoolExecutor(8) as pool:
        place.reports(lambda report: report.available == (STABLE, CANDIDATE))
        going = True
        seen: list[list[int]] = [[] for _ in range(8)]

        def load(versions):
            while going:
                versions.append(answer(server)[0])

        def all_get(version):
            return all(versions[-1:] == [version] for versions in seen)

        callers = [pool.submit(load, versions) for versions in seen]
        until(functools.partial(all_get, STABLE))
        for order, version in (
            (running(made, step=0, done=1), CANDIDATE),
            (ended(made, Outcome.ROLLED_BACK, STABLE), STABLE),
            (Order(model=MODEL, serves=NEWER), NEWER),
            (Order(model=MODEL, serves=STABLE), STABLE),
        ):
            if version == NEWER:
                place.push(NEWER)
            place.order(order)
            until(functools.partial(all_get, version))
        until(lambda: place.report().available == (STABLE,))
        going = False
        for caller in callers:
            caller.result()
    for versions in seen:
        changes = [one for at, one in enumerate(versions) if at == 0 or one != versions[at - 1]]
        assert changes == [STABLE, CANDIDATE, STABLE, NEWER, STABLE]


def test_a_shadow_is_asked_the_same_and_only_the_log_gets_its_answers(place):
    made = plan(Strategy.SHADOW)
    place.push(STABLE, CANDIDATE)
    place.order(running(made))
    with place.serving() as server:
        assert {answer(server, user) for user in USERS[:40]} == {(STABLE, 0.25)}
        report = place.reports(lambda report: report.snapshot.candidate.requests == 40)
        assert report.snapshot.stable.requests == 40
        distance = report.snapshot.candidate.metrics["prediction distance"]
        assert (distance.count, distance.mean) == (40, 0.25)
        server.stop()
    records = logged(place)
    arms = {"stable": STABLE, "shadow": CANDIDATE}
    by_arm = {
        arm: {
            record.log_metadata.request_id
            for record in records
            if record.log_metadata.rollout_arm == arm
            and record.log_metadata.model_spec.version.value == version
        }
        for arm, version in arms.items()
    }
    assert len(records) == 80
    assert by_arm["stable"] == by_arm["shadow"]
    assert len(by_arm["stable"]) == 40


def test_a_shadow_that_is_slow_holds_up_nobody(place):
    made = plan(Strategy.SHADOW, candidate_version=SLOW)
    place.push(STABLE, SLOW)
    place.order(running(made))
    with place.serving("--model_workers=1") as server:
        # Each copy takes seconds on the one thread for copies, and no more than 64 wait.
        for _ in range(120):
            assert answer(server)[0] == STABLE
        report = place.reports(lambda report: report.snapshot.stable.requests == 120)
        assert report.snapshot.candidate.requests < 120
        metrics = server.ask("GET", "/monitoring/prometheus/metrics").body.decode()
        assert f':ringway:rollout:shadow_dropped_count{{model_name="{MODEL}"}}' in metrics


def test_a_shadow_that_fails_touches_nobody_and_is_counted(place):
    made = plan(Strategy.SHADOW, candidate_version=REFUSING)
    place.push(STABLE, REFUSING)
    place.order(running(made))
    with place.serving() as server:
        assert {answer(server, x=-1.0) for _ in range(30)} == {(STABLE, 0.25)}
        report = place.reports(lambda report: report.snapshot.candidate.requests == 30)
        assert (report.snapshot.candidate.errors, report.snapshot.stable.errors) == (30, 0)
        with refused(grpc.StatusCode.INVALID_ARGUMENT):
            server.prediction.Predict(ask.predict(ask.spec(MODEL), no_such_input=[1.0]))
        time.sleep(0.6)
        assert place.report().snapshot == report.snapshot  # no version could have answered that


def test_a_broken_guard_goes_back_at_once_and_stays_so_after_a_restart(place):
    made = plan(candidate_version=REFUSING, guards=(guards.ErrorRate(),))
    place.push(STABLE, REFUSING)
    place.order(running(made))
    port = free_port()
    with place.serving(grpc_port=port) as server:
        for number in range(2000):
            with contextlib.suppress(grpc.RpcError):
                answer(server, f"user-{number}", x=-1.0)
            if f"rollout {made.id}: error_rate is broken" in server.stderr:
                break
        assert {answer(server, user, x=-1.0)[0] for user in USERS} == {STABLE}
        report = place.reports(lambda report: report.broken)
        assert report.broken.startswith("error_rate: ")
        assert report.snapshot.candidate.errors == report.snapshot.candidate.requests
        # All went wrong, so the guard breaks at the first look that has enough.
        assert report.snapshot.candidate.requests <= 60
        assert report.wall_sec_to_rollback < 30
        assert report.first_candidate_sec <= report.broken_sec <= time.time()
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    with place.serving(grpc_port=port) as server:
        assert {answer(server, user, x=-1.0)[0] for user in USERS} == {STABLE}
        again = place.reports(lambda report: report.available == (STABLE, REFUSING))
        assert (again.broken, again.snapshot.candidate) == (
            report.broken,
            report.snapshot.candidate,
        )
        assert again.broken_sec == report.broken_sec
        place.order(ended(made, Outcome.ROLLED_BACK, STABLE))
        place.reports(lambda report: not report.broken and report.available == (STABLE,))


def test_what_was_counted_in_a_step_survives_a_kill(place):
    made = plan()
    place.push(STABLE, CANDIDATE)
    place.order(running(made))
    port = free_port()
    with place.serving(grpc_port=port) as server:
        versions = Counter(answer(server, user)[0] for user in USERS)
        before = place.reports(
            lambda report: (
                report.snapshot.stable.requests == versions[STABLE]
                and report.snapshot.candidate.requests == versions[CANDIDATE]
            )
        )
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    with place.serving(grpc_port=port) as server:
        for user in USERS:
            answer(server, user)
        after = place.reports(
            lambda report: report.snapshot.stable.requests == 2 * versions[STABLE]
        )
        assert after.snapshot.candidate.requests == 2 * versions[CANDIDATE]
        assert after.first_candidate_sec == before.first_candidate_sec


def test_a_candidate_that_cannot_be_loaded_is_told_and_the_stable_version_answers(place):
    made = plan()
    place.push(STABLE)
    (place.base / str(CANDIDATE)).mkdir()
    place.order(running(made, step=-1, done=0))
    with place.serving("--max_num_load_retries=0") as server:
        report = place.reports(lambda report: report.snapshot.candidate_failure)
        assert not report.snapshot.candidate_ready
        assert report.available == (STABLE,)
        place.order(running(made))
        place.reports(lambda report: report.done == 1)
        assert {answer(server, user)[0] for user in USERS} == {STABLE}


@pytest.mark.parametrize("told", [True, False])
def test_a_server_behind_gets_the_same_rollout(place, told, tmp_path):
    from model_server import ModelServer

    made = plan()
    place.push(STABLE, CANDIDATE)
    place.push(NEWER)
    models = tmp_path / "models.txt"
    policy = (
        ""
        if told
        else f"model_version_policy {{ specific {{ versions: {STABLE} versions: {CANDIDATE} }} }}"
    )
    models.write_text(
        f'model_config_list {{ config {{ name: "{MODEL}" base_path: "{place.base}" '
        f'model_platform: "tensorflow" {policy} }} }}'
    )
    place.order(running(made))
    with ModelServer(tmp_path / "behind", f"--model_config_file={models}") as behind:
        flags = [f"--backend=grpc://localhost:{behind.grpc_port}"]
        flags += [f"--backend_model_base_path={place.base}"] if told else []
        with place.serving(*flags) as server:
            place.reports(lambda report: {STABLE, CANDIDATE} <= set(report.available))
            expected = dealt(made, 0.25)
            assert {user: answer(server, user)[0] for user in USERS} == expected
            assert {user: over_rest(server, user) for user in USERS} == expected
            place.order(ended(made, Outcome.ROLLED_BACK, STABLE))
            place.reports(lambda report: report.done == 9)
            assert {answer(server, user)[0] for user in USERS} == {STABLE}
            if told:
                place.reports(lambda report: report.available == (STABLE,))
                assert {answer(server, user)[0] for user in USERS} == {STABLE}
