"""TensorFlow's profiler behind a channel; in a process of its own, for it cannot be stopped."""

import subprocess
import sys

# Fields of ProfileRequest: 1 duration in milliseconds, 5 folder for the trace, 6 session, 7 host.
PROGRAM = """
import asyncio
import sys

from serving.backends.local.profiler import Profiler
from serving.wire.errors import ServingError


def field(number, value):
    return bytes([number << 3 | 2, len(value)]) + value


async def main(folder):
    profiler = Profiler()
    request = (
        bytes([1 << 3, 10])
        + field(5, folder.encode())
        + field(6, b"session")
        + field(7, b"host")
    )
    print("profiled", type(await profiler.forward("Profile", request)).__name__)
    for method, body in (("Profile", bytes([255])), ("Nothing", b"")):
        try:
            await profiler.forward(method, body)
        except ServingError as error:
            print(method, error.code.name, error.message)
    await profiler.close()


asyncio.run(main(sys.argv[1]))
"""


def test_calls_are_passed_on_to_tensorflow(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    profiled, broken, unknown = done.stdout.splitlines()
    assert profiled == "profiled bytes"
    assert broken.startswith("Profile INTERNAL ")
    assert unknown == (
        "Nothing UNIMPLEMENTED tensorflow.ProfilerService has no method Nothing; it has Profile, "
        "Terminate, Monitor."
    )
    (trace,) = tmp_path.rglob("*.xplane.pb")
    assert trace.stat().st_size > 0
