"""Calls of the generated client (`kfp_server_api`): tokens, repeats, and errors as ours.

Each release of that client belongs to a release of the server and speaks with others as well; what
differs between the two that the stacks have is kept out by handing bodies over by position. The
calls themselves stand in `server`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import kfp_server_api
import urllib3
from kfp_server_api.exceptions import ApiException
from urllib3 import exceptions as http_errors

from pipelines.submission.credentials import Access
from pipelines.submission.server_errors import (
    AnswerLostError,
    NoAccessError,
    NotThereError,
    ServerError,
    UnreachableError,
)

# In seconds: to connect, and between two bytes of an answer. A server that compiles a large
# pipeline takes a while.
TIMEOUT_SEC = (10, 60)
_PAUSES_SEC = (0.5, 1, 2, 4)
# Nothing was sent, so nothing was done.
_NOT_SENT = (http_errors.NewConnectionError, http_errors.ConnectTimeoutError)
_TOO_MANY = 429
_MASKED = re.compile(r"(Bearer|bearer) \S+")


class Transport:
    """Makes calls on one server."""

    def __init__(self, access: Access, sleep: Callable[[float], None]) -> None:
        self.access = access
        self._sleep = sleep
        configuration = kfp_server_api.Configuration(host=access.host)
        # Repeats are ours to make: urllib3 does not know which calls may be made twice.
        configuration.retries = False
        if access.ca_file is not None:
            configuration.ssl_ca_cert = str(access.ca_file)
        self._configuration = configuration
        self.api_client = kfp_server_api.ApiClient(configuration)

    def ask(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Makes a call that may be made twice; a lost connection is tried again.

        Raises:
            ServerError: The server refused, or did not answer the last time either.
        """
        for pause_sec in _PAUSES_SEC:
            try:
                return self._once(call, *args, **kwargs)
            except UnreachableError:
                self._sleep(pause_sec)
        return self._once(call, *args, **kwargs)

    def ask_once(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Makes a call that asks only, one time; who calls does the repeating."""
        return self._once(call, *args, **kwargs)

    def change(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Makes a call that must not be made twice unawares.

        Raises:
            AnswerLostError: It may have been done; ask before making it again.
            ServerError: It was refused, or surely not done.
        """
        for pause_sec in (*_PAUSES_SEC, None):
            try:
                return self._once(call, *args, **kwargs)
            except UnreachableError as error:
                if not isinstance(error.__cause__, _NOT_SENT):
                    raise AnswerLostError(str(error), status=error.status) from error
                if pause_sec is None:
                    raise
                self._sleep(pause_sec)
        raise AssertionError("the last turn returns or raises")

    def _once(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        token = self.access.current_token()
        try:
            return self._with_token(token, call, *args, **kwargs)
        except NoAccessError as error:
            # It may have been replaced since it was read, and a refusal has done nothing.
            fresh = self.access.current_token()
            if error.status != 401 or fresh == token:
                raise
            return self._with_token(fresh, call, *args, **kwargs)

    def _with_token(self, token: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if token:
            self._configuration.api_key["authorization"] = token
            self._configuration.api_key_prefix["authorization"] = "Bearer"
        try:
            return call(*args, **kwargs, _request_timeout=TIMEOUT_SEC)
        except ApiException as error:
            raise _refusal(self.access, error) from error
        except http_errors.LocationValueError as error:
            raise ServerError(f"{self.access.host} is no address: {error}") from error
        except http_errors.SSLError as error:
            raise _untrusted(self.access, str(error)) from error
        except http_errors.HTTPError as error:
            raise _no_answer(self.access, error) from error
        except AttributeError as error:
            # The generated client stumbles over a failed handshake, which has no body to decode.
            if isinstance(error.__context__, ApiException):
                raise _untrusted(self.access, str(error.__context__.reason)) from error
            raise


def _refusal(access: Access, error: ApiException) -> ServerError:
    status = int(error.status or 0)
    text = _message(error)
    if status == 0:
        return _untrusted(access, text)
    if status == 401:
        remedy = (
            "The token has expired or is not the server's; put a fresh one into "
            + (f"{access.token_file}." if access.renews else "the variable, or use --token-file.")
            if access.sends_token
            else "Give a token: --token-file FILE, or the variable KF_PIPELINES_TOKEN."
        )
        return NoAccessError(
            f"{access.host} does not know who asks (401): {text}", status=status, remedy=remedy
        )
    if status == 403:
        return NoAccessError(
            f"{access.host} does not allow it (403): {text}",
            status=status,
            remedy="Ask for the right in that namespace, or name another: --namespace NAME",
        )
    if status == 404:
        return NotThereError(f"{access.host}: {text}", status=status)
    if status >= 500 or status == _TOO_MANY:
        return UnreachableError(f"{access.host} answered {status}: {text}", status=status)
    remedy = "Is a login page before it? Give a token: --token-file FILE" if status < 400 else ""
    return ServerError(f"{access.host} refused it ({status}): {text}", status=status, remedy=remedy)


def _untrusted(access: Access, text: str) -> ServerError:
    return ServerError(
        f"{access.host}: no trusted connection: {text}",
        remedy="Name the authority that signed its certificate: --ca-file FILE",
    )


def _no_answer(access: Access, error: http_errors.HTTPError) -> UnreachableError:
    text = _MASKED.sub(r"\1 ***", str(error))
    return UnreachableError(
        f"{access.host} does not answer: {text}",
        remedy="Is the address right, and the server up? A port-forward ends with its shell.",
    )


def _message(error: ApiException) -> str:
    """Returns what the server says for readers: the last part of a wrapped error."""
    body = error.body if isinstance(error.body, str) else ""
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    for detail in document.get("details") or []:
        if isinstance(detail, dict) and detail.get("message"):
            return str(detail["message"])
    text = str(document.get("message") or document.get("error_message") or body or error.reason)
    return _MASKED.sub(r"\1 ***", text.strip())[:600]


def raw_get(transport: Transport, path: str) -> dict[str, Any]:
    """Returns the JSON object at a path that the generated client reads only in part."""
    response: urllib3.HTTPResponse = transport.ask_once(
        transport.api_client.call_api,
        path,
        "GET",
        header_params={"Accept": "application/json"},
        auth_settings=["Bearer"],
        _preload_content=False,
    )
    try:
        document = json.loads(response.data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ServerError(
            f"{transport.access.host} is no Kubeflow Pipelines: {path} is not JSON.",
            remedy="Is a login page before it? Give its API's address, and a token.",
        )
    return document
