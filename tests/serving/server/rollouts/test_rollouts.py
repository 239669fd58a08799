"""What a server is called in its reports."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from rollout_orders import MODEL, STABLE

from serving.monitoring.metrics import ServerMetrics
from serving.rollout import order as orders
from serving.rollout import report as reports
from serving.rollout.order import Order
from serving.server.options import ServerOptions
from serving.server.request_logs import RequestLogs
from serving.server.rollouts.follower import server_name
from serving.server.rollouts.rollouts import Rollouts


class One:
    """Has the stable version."""

    def pin(self, versions):
        pass

    def answers(self, model, version):
        return version == STABLE

    def available(self, model):
        return (STABLE,)

    def failure(self, model, version):
        return ""


@pytest.mark.parametrize(
    ("port", "rest_port", "named"), [(8500, 8501, 8500), (0, 8501, 8501), (0, 8502, 8502)]
)
def test_two_servers_of_a_machine_write_reports_of_their_own(tmp_path, port, rest_port, named):
    orders.write(Order(model=MODEL, serves=STABLE), tmp_path)
    options = ServerOptions(port=port, rest_api_port=rest_port, rollout_dir=str(tmp_path))

    async def run():
        rollouts = Rollouts(
            options,
            metrics=ServerMetrics(),
            logs=RequestLogs(lambda _: None, default=None, clock=time.time),  # type: ignore[arg-type,return-value]
            now=time.time,
        )
        assert await rollouts.first() == {MODEL: (STABLE,)}
        await rollouts.before(None, One())  # type: ignore[arg-type]
        await rollouts.close()

    asyncio.run(run())
    [(report, _)] = reports.read_all(tmp_path)
    assert report.server == server_name(socket.gethostname(), named)
