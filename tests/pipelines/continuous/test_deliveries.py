"""Alerts kept in a real store, sent by real channels, by senders that fail and are killed."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from continuous_receiver import Receiver, receiving
from ml_metadata.metadata_store.metadata_store import MetadataStore

from pipelines.continuous import deliveries
from pipelines.continuous.alert_log import AlertLog
from pipelines.continuous.alerts import Alert, Channel
from pipelines.continuous.attempts import DeliveryState
from pipelines.continuous.deliveries import Report
from pipelines.continuous.webhook import ID_HEADER, Webhook
from pipelines.lineage.store import open_store

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'metadata.sqlite'}"


@pytest.fixture
def store(url: str) -> MetadataStore:
    return open_store(url)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def alert(subject: str, raised_sec: float = 0.0) -> Alert:
    return Alert(
        pipeline="flights", kind="drift", subject=subject, text=f"{subject}!", raised_sec=raised_sec
    )


def token() -> str:
    return uuid.uuid4().hex


def post(store: MetadataStore, *alerts: Alert) -> None:
    for one in alerts:
        deliveries.post(store, one, token=token())


def deliver(store: MetadataStore, *channels: Channel, now: float = 0.0) -> Report:
    return deliveries.deliver(store, "flights", channels, clock=lambda: now, token=token)


def test_an_alert_is_kept_once(store: MetadataStore) -> None:
    assert deliveries.post(store, alert("a"), token="1")
    assert not deliveries.post(store, alert("a", raised_sec=9.0), token="2")
    assert deliveries.posted(store, "flights") == (alert("a"),)
    assert deliveries.posted(store, "taxi") == ()


def test_an_alert_about_something_with_a_long_name_is_kept_once(store: MetadataStore) -> None:
    long = alert("x" * 10_000)
    assert deliveries.post(store, long, token="1")
    assert deliveries.posted(store, "flights")[0].id == long.id
    assert long.id != alert("x" * 10_001).id


def test_each_alert_goes_out_once_by_each_channel_across_restarts(
    store: MetadataStore, url: str, tmp_path: Path, receiver: Receiver
) -> None:
    channels = AlertLog(path=tmp_path / "alerts.jsonl"), Webhook(url=receiver.url)
    post(store, alert("a"), alert("b", 1.0))
    assert deliver(store, *channels) == Report(delivered=4)
    for _ in range(3):
        store = open_store(url)
        post(store, alert("a"), alert("b"))
        assert deliver(store, *channels, now=100) == Report()
    assert [headers[ID_HEADER] for _, headers, _ in receiver.came] == [alert("a").id, alert("b").id]
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == 2


def test_a_failure_is_counted_and_tried_again_later(
    store: MetadataStore, url: str, receiver: Receiver
) -> None:
    receiver.statuses = [503, 500]
    hook = Webhook(url=receiver.url)
    post(store, alert("a"))
    assert deliver(store, hook, now=0) == Report(failed=1, waiting=1)
    assert deliver(store, hook, now=9.9) == Report(waiting=1)
    assert deliver(open_store(url), hook, now=10) == Report(failed=1, waiting=1)
    assert deliver(store, hook, now=29.9) == Report(waiting=1)
    assert deliver(open_store(url), hook, now=30) == Report(delivered=1)
    assert deliver(store, hook, now=99) == Report()
    [tried] = deliveries.attempts_of(store, "flights").values()
    assert [one.state.value for one in tried] == ["FAILED", "FAILED", "DELIVERED"]
    assert "answered 503" in tried[0].error
    assert len(receiver.came) == 3


def test_one_channel_that_fails_does_not_hold_up_another(
    store: MetadataStore, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.statuses = [503] * 5
    log = AlertLog(path=tmp_path / "alerts.jsonl")
    post(store, alert("a"), alert("b", 1.0), alert("c", 2.0))
    # Of a channel that fails the others wait: three times ten seconds would hold up the loop.
    assert deliver(store, Webhook(url=receiver.url), log) == Report(
        delivered=3, failed=1, waiting=3
    )
    assert len(receiver.came) == 1


@dataclasses.dataclass
class Broken:
    """A channel with a fault in it."""

    name: str = "broken"
    resend_in_doubt: bool = False
    calls: itertools.count[int] = dataclasses.field(default_factory=itertools.count)

    def send(self, alert: Alert, *, now_sec: float) -> None:
        next(self.calls)
        raise ZeroDivisionError("a fault")


def test_a_fault_in_a_channel_does_not_end_the_loop(store: MetadataStore) -> None:
    post(store, alert("a"))
    channel = Broken()
    assert deliver(store, channel) == Report(failed=1, waiting=1)
    [[tried]] = deliveries.attempts_of(store, "flights").values()
    assert (tried.state, tried.error) == (DeliveryState.FAILED, "ZeroDivisionError: a fault")


def test_what_is_given_up_is_named(store: MetadataStore) -> None:
    post(store, alert("a"))
    [text] = deliver(store, Broken(), now=4 * 86_400.0).given_up
    assert text == (
        f"{alert('a').id} by broken: it was raised at 1970-01-01T00:00:00Z, too long ago"
    )


_KILLED = """
import os, signal, sys
from pipelines.continuous import deliveries
from pipelines.continuous.alert_log import AlertLog
from pipelines.lineage.store import open_store

class Killed:
    name = sys.argv[2]
    resend_in_doubt = True
    def send(self, alert, *, now_sec):
        if len(sys.argv) > 3:
            from pathlib import Path
            AlertLog(path=Path(sys.argv[3])).send(alert, now_sec=now_sec)
        os.kill(os.getpid(), signal.SIGKILL)

deliveries.deliver(
    open_store(sys.argv[1]), "flights", [Killed()], clock=lambda: 0.0, token=lambda: "t"
)
"""


def killed_while_sending(url: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, url, *arguments], cwd=REPOSITORY, check=False
    )
    assert done.returncode == -signal.SIGKILL


def test_after_a_kill_the_log_holds_the_alert_once(
    store: MetadataStore, url: str, tmp_path: Path
) -> None:
    for number, written in enumerate(((), (str(tmp_path / "1.jsonl"),))):
        log = AlertLog(path=tmp_path / f"{number}.jsonl", name=f"log{number}")
        post(store, alert("a"))
        killed_while_sending(url, log.name, *written)
        assert deliver(store, log, now=119) == Report(waiting=1)
        assert deliver(store, log, now=120) == Report(delivered=1)
        assert len(log.path.read_text().splitlines()) == 1


def test_after_a_kill_a_webhook_sends_again_under_the_same_id(
    store: MetadataStore, url: str, receiver: Receiver
) -> None:
    post(store, alert("a"))
    killed_while_sending(url, "webhook")
    assert deliver(store, Webhook(url=receiver.url), now=120) == Report(delivered=1)
    [(_, headers, _)] = receiver.came
    assert headers[ID_HEADER] == alert("a").id


def test_after_a_kill_what_must_not_be_done_twice_is_given_up(
    store: MetadataStore, url: str
) -> None:
    post(store, alert("a"))
    killed_while_sending(url, "broken")
    channel = Broken()
    report = deliver(store, channel, now=120)
    assert report.given_up == (
        f"{alert('a').id} by broken: it may have gone out: its sender was killed",
    )
    assert next(channel.calls) == 0


_SEND = """
import sys, uuid
from pipelines.continuous import deliveries
from pipelines.continuous.webhook import Webhook
from pipelines.lineage.store import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
deliveries.deliver(
    store, "flights", [Webhook(url=sys.argv[2])], clock=lambda: 0.0, token=lambda: uuid.uuid4().hex
)
"""


def test_two_senders_at_once_send_each_alert_once(
    store: MetadataStore, url: str, receiver: Receiver
) -> None:
    post(store, *(alert(str(n), float(n)) for n in range(6)))
    senders = [
        subprocess.Popen(
            [sys.executable, "-c", _SEND, url, receiver.url],
            cwd=REPOSITORY,
            env=os.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for sender in senders:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
    for sender in senders:
        assert sender.stdin is not None
        sender.stdin.write("go\n")
        sender.stdin.flush()
    for sender in senders:
        sender.communicate(timeout=100)
        assert sender.returncode == 0
    came = [headers[ID_HEADER] for _, headers, _ in receiver.came]
    assert sorted(came) == sorted(alert(str(n)).id for n in range(6))
