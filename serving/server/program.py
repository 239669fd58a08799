"""`ringway-model-server`: takes the place of `tensorflow_model_server`, flags and exit codes alike.

SIGTERM and SIGINT let the calls that run end, for `--drain_grace_seconds`; a second SIGINT ends the
process at once. Status 0 after a stop that was asked for, 255 when the server cannot
start, or cannot unload a model.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable

import uvloop

from serving import clock
from serving.monitoring import logs
from serving.server.flags import EXIT_FAILURE, failure, parse
from serving.server.model_server import ModelServer
from serving.server.options import ServerOptions, check
from serving.wire.errors import ServingError, StatusCode, invalid

_LOGGER = logging.getLogger(__name__)
_GC_THRESHOLD = 20_000  # objects more than were freed, before the youngest are looked at

OnStarted = Callable[[ModelServer], None]


def main() -> None:
    """Entry point: reads the command line, serves until a signal, exits."""
    parsed = parse(sys.argv[1:], program=sys.argv[0])
    for message in parsed.messages:
        print(message, file=sys.stderr)
    if parsed.stdout:
        print(parsed.stdout, end="", flush=True)
    if parsed.exit_code is not None:
        sys.exit(parsed.exit_code)
    logs.configure("json")
    sys.exit(run(parsed.options))


def run(options: ServerOptions, *, on_started: OnStarted = lambda _: None) -> int:
    """Serves until SIGTERM or SIGINT.

    Args:
        options: The command line.
        on_started: Called when the ports are open.

    Returns:
        The exit status. What keeps the server from starting is printed on stdout.
    """
    logs.quiet_tensorflow()
    try:
        check(options)
        uvloop.run(_serve(options, _clock(), on_started))
    except ServingError as error:
        print(failure(error), end="", flush=True)
        return EXIT_FAILURE
    except TimeoutError:
        _LOGGER.exception("a model could not be unloaded; ending without it")
        logging.shutdown()
        os._exit(EXIT_FAILURE)  # Python would wait for the thread that hangs
    return 0


def _clock() -> clock.Clock:
    """Returns the clock that the environment names.

    Raises:
        ServingError: It cannot be read; INVALID_ARGUMENT.
    """
    try:
        return clock.from_environment(os.environ)
    except (OSError, ValueError) as error:
        raise invalid(f"{clock.VARIABLE} names no clock: {error}") from error


async def _serve(options: ServerOptions, now: clock.Clock, on_started: OnStarted) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, _on_interrupt, stop)
    server = ModelServer(options, clock=now)
    try:
        if await _started(server, stop):
            _spare_the_collector()
            _tell(server)
            on_started(server)
            await stop.wait()
            _LOGGER.info("stopping: calls that run may end, new ones are refused")
    finally:
        await server.stop()


def _spare_the_collector() -> None:
    """Leaves what was imported and loaded out of garbage collections, and has fewer of them.

    Hundreds of thousands of objects stay for good, and each collection would hold up every call to
    look at them again. What requests leave behind is freed by its reference counts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


async def _started(server: ModelServer, stop: asyncio.Event) -> bool:
    """Starts the server; False where a signal came first."""
    starting = asyncio.ensure_future(server.start())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        try:
            starting.result()
        except OSError as error:
            raise ServingError(StatusCode.UNAVAILABLE, f"Cannot listen: {error}") from error
        return True
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    return False


def _on_interrupt(stop: asyncio.Event) -> None:
    if stop.is_set():
        _LOGGER.warning("a second interrupt: ending at once")
        os._exit(EXIT_FAILURE)
    stop.set()


def _tell(server: ModelServer) -> None:
    fields = {"grpc_port": server.grpc_port, "rest_port": server.rest_port}
    _LOGGER.info("serving", extra={"fields": fields})


if __name__ == "__main__":
    main()
