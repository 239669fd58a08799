"""Runs a command for each alert, which stands on its standard input as JSON.

The environment names it too: `RINGWAY_ALERT_ID`, `RINGWAY_ALERT_KIND`, `RINGWAY_ALERT_TEXT`. No
shell is involved. The command succeeds by ending with 0.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping

from pipelines.continuous.alerts import Alert, DeliveryError

_MAX_ERROR_BYTES = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlertCommand:
    """A command that delivers alerts.

    Attributes:
        command: The program and its arguments.
        environment: What it finds in its environment, beside the alert.
        timeout_sec: After this it is killed, with what it started, and has failed.
        name: As in `Channel`.
        resend_in_doubt: As in `Channel`; whether running it twice does no harm is not known here.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    timeout_sec: float = 30.0
    name: str = "command"
    resend_in_doubt: bool = False

    def send(self, alert: Alert, *, now_sec: float) -> None:
        """Runs the command.

        Raises:
            DeliveryError: It cannot be started, takes too long, or ends with another code than 0.
        """
        document = json.dumps(alert.document(), ensure_ascii=False).encode()
        # A file, not a pipe: what the command leaves behind may hold a pipe open for ever.
        with tempfile.TemporaryFile() as errors:
            code = self._run(alert, document, errors.fileno())
            if code != 0:
                errors.seek(max(0, errors.tell() - _MAX_ERROR_BYTES))
                said = errors.read().decode(errors="replace").strip().splitlines()
                what = f"ended with {code}" + (f": {said[-1]}" if said else "")
                raise DeliveryError(f"{self.command[0]} {what}")

    def _run(self, alert: Alert, document: bytes, errors: int) -> int:
        try:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**self.environment, **_variables(alert)},
                start_new_session=True,
            )
        except OSError as error:
            raise DeliveryError(f"{self.command[0]} cannot be run: {error.strerror}") from error
        try:
            process.communicate(document, timeout=self.timeout_sec)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise DeliveryError(
                f"{self.command[0]} took longer than {self.timeout_sec:g} s and was killed"
            ) from error
        finally:
            if process.stdin is not None:
                process.stdin.close()
        return process.returncode


def _variables(alert: Alert) -> dict[str, str]:
    return {
        "RINGWAY_ALERT_ID": alert.id,
        "RINGWAY_ALERT_KIND": alert.kind,
        "RINGWAY_ALERT_TEXT": alert.text.replace("\0", ""),
    }
