"""Models that tell versions apart, orders about them, and a server that follows those."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import saved_models
import serving_requests as ask
import tensorflow as tf
from model_server import ModelServer, until
from served_models import push

from serving.rollout import order as orders
from serving.rollout import report as reports
from serving.rollout.order import Order
from serving.rollout.plan import Plan, Strategy
from serving.rollout.report import Report
from serving.rollout.state import Outcome, State
from serving.rollout.sticky_key import StickyKey

MODEL = "chance"
STABLE, CANDIDATE, NEWER, REFUSING, SLOW = 11, 12, 13, 14, 15


def saying(folder: Path, chance: float) -> Path:
    """TF2; `x` float [-1] → `y` float [-1], always `chance`."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def serve(x: Any) -> Any:
        return {"y": 0.0 * x + chance}

    module = tf.Module()
    module.serve = serve
    tf.saved_model.save(module, str(folder), signatures=serve)
    return folder


def export(root: Path) -> Path:
    """Writes all versions into a folder, from where `push` takes them."""
    for version, chance in ((STABLE, 0.25), (CANDIDATE, 0.5), (NEWER, 0.75)):
        saying(root / str(version), chance)
    saved_models.failing(root / str(REFUSING))
    saved_models.slow(root / str(SLOW), steps=1_000_000)
    return root


def plan(strategy: Strategy = Strategy.CANARY, **others: Any) -> Plan:
    """Returns a rollout of CANDIDATE over STABLE, by the header `x-user`."""
    steps = {Strategy.CANARY: (0.25, 1.0), Strategy.SHADOW: (1.0,)}.get(strategy, ())
    usual: dict[str, Any] = {
        "id": "chance-12",
        "model": MODEL,
        "stable_version": STABLE,
        "candidate_version": CANDIDATE,
        "strategy": strategy,
        "steps": steps,
        "key": StickyKey.parse("header:x-user"),
        "min_requests": 20,
    }
    return Plan(**{**usual, **others})


def running(made: Plan, step: int = 0, done: int = 1) -> Order:
    """Returns the order for a step of a plan; -1 is before the first."""
    share = made.shares[step] if step >= 0 else 0.0
    state = State(rollout_id=made.id, step=step, share=share, done=done)
    return Order(model=made.model, serves=made.stable_version, plan=made, state=state)


def ended(made: Plan, outcome: Outcome, serves: int, done: int = 9) -> Order:
    """Returns the order after a rollout."""
    share = float(serves == made.candidate_version)
    state = State(rollout_id=made.id, step=0, share=share, outcome=outcome, done=done)
    return Order(model=made.model, serves=serves, plan=made, state=state)


@dataclasses.dataclass
class Place:
    """The folders of one server.

    Attributes:
        root: Of all.
        exports: Where versions are taken from.
    """

    root: Path
    exports: Path

    @property
    def base(self) -> Path:
        """The model's base path."""
        return self.root / MODEL

    @property
    def rollout(self) -> Path:
        """Where orders and reports are."""
        return self.root / "rollout"

    def push(self, *versions: int) -> None:
        """Has versions appear in the base path."""
        for version in versions:
            push(self.exports / str(version), self.base, version)

    def order(self, made: Order) -> None:
        """Gives an order."""
        orders.write(made, self.rollout)

    def report(self) -> Report | None:
        """Returns the one server's report, or None while there is none."""
        found = reports.read_all(self.rollout)
        return found[0][0] if found else None

    def reports(self, holds: Callable[[Report], Any]) -> Report:
        """Waits until the report is as it should be, and returns it."""

        def found() -> Report | None:
            report = self.report()
            return report if report is not None and holds(report) else None

        report: Report = until(found, told=str(self.report()))
        return report

    @contextlib.contextmanager
    def serving(self, *flags: str, **others: Any) -> Iterator[ModelServer]:
        """Starts a server of the model."""
        with ModelServer(
            self.root / f"server-{time.monotonic_ns()}",
            f"--model_name={MODEL}",
            f"--model_base_path={self.base}",
            f"--rollout_dir={self.rollout}",
            f"--request_log={self.root}/log/requests",
            "--prometheus_metrics",
            *flags,
            **others,
        ) as server:
            yield server


def answer(
    server: ModelServer, user: str = "", x: float = 1.0, version: int | None = None, **more: Any
) -> tuple[int, float]:
    """Asks over gRPC; returns which version answered, and what."""
    request = ask.predict(ask.spec(MODEL, version), x=[x])
    metadata = [("x-user", user)] if user else []
    metadata += list(more.items())
    response = server.prediction.Predict(request, timeout=60, metadata=metadata)
    return response.model_spec.version.value, ask.values(response)[0]
