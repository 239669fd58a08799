"""Loopback HTTP of the Kubeflow server in tests: strict bodies, uploads, pages, faults, errors.

What is answered is left to `kubeflow_server`.
"""

import base64
import dataclasses
import datetime
import email.parser
import email.policy
import json
import re
import socket
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from urllib.parse import urlsplit

import kfp_server_api
from kubeflow_template import InvalidError

_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 500: 13, 502: 14, 503: 14}


class ReplyError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclasses.dataclass
class Fault:
    """What goes wrong with the next requests of a kind.

    Attributes:
        method: HTTP method.
        path: Part of the path.
        how: `drop` (nothing is done), `lost` (it is done, and no answer comes), or a status.
        times: How often.
    """

    method: str
    path: str
    how: str | int
    times: int = 1


def strict(model: str, document: Any, where: str = "") -> None:
    """Refuses a JSON document that a model of the client does not know to the last field.

    Raises:
        ReplyError: 400, with the words of protojson.
    """
    if model in ("str", "object"):
        if model == "str" and not isinstance(document, str):
            raise ReplyError(400, f"invalid value for string field {where}: {document!r}")
        return
    if model == "bool":
        if not isinstance(document, bool):
            raise ReplyError(400, f"invalid value for bool field {where}: {document!r}")
        return
    if model == "datetime":
        datetime.datetime.fromisoformat(document)
        return
    if match := re.fullmatch(r"list\[(.*)\]", model):
        for item in document:
            strict(match[1], item, where)
        return
    if match := re.fullmatch(r"dict\(str, (.*)\)", model):
        for key, item in document.items():
            strict(match[1], item, f"{where}.{key}")
        return
    _strict_model(model, document, where)


def _strict_model(model: str, document: Any, where: str) -> None:
    cls = getattr(kfp_server_api, model)
    if not cls.openapi_types:
        known = [value for name, value in vars(cls).items() if name.isupper()]
        if document not in known:
            raise ReplyError(400, f"invalid value for enum field {where}: {document!r}")
        return
    if not isinstance(document, dict):
        raise ReplyError(400, f"unexpected token {document!r} for {where}")
    kinds = {cls.attribute_map[name]: kind for name, kind in cls.openapi_types.items()}
    for key, item in document.items():
        if key not in kinds:
            raise ReplyError(400, f'proto: unknown field "{key}"')
        strict(kinds[key], item, key)


@dataclasses.dataclass
class Call:
    query: dict[str, str]
    body: bytes
    allowed: list[str] | None
    content_type: str

    def json(self, model: str) -> dict[str, Any]:
        document = json.loads(self.body or b"null")
        strict(model, document)
        return dict(document)

    def upload(self) -> tuple[str, str]:
        head = f"Content-Type: {self.content_type}\r\n\r\n".encode()
        parser = email.parser.BytesParser(policy=email.policy.HTTP)
        for part in parser.parsebytes(head + self.body).walk():
            if part.get_param("name", header="content-disposition") == "uploadfile":
                payload = part.get_payload(decode=True)
                assert isinstance(payload, bytes)
                return part.get_filename() or "", payload.decode()
        raise ReplyError(400, "Failed to read pipeline from file")


class Service(Protocol):
    """What answers."""

    def fault(self, method: str, path: str) -> str | int:
        """Returns what goes wrong with a request."""

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> Any:
        """Returns the JSON value of an answer."""


class Handler(BaseHTTPRequestHandler):
    service: Service
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        how = self.service.fault(self.command, urlsplit(self.path).path)
        if how == "drop":
            self._drop()
            return
        try:
            if isinstance(how, int):
                raise ReplyError(how, "upstream connect error or disconnect/reset before headers")
            status, content = 200, self._answer(body)
        except ReplyError as error:
            status, content = error.status, _error(error)
        if how == "lost":
            self._drop()
            return
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, body: bytes) -> Any:
        try:
            return self.service.answer(self.command, self.path, self.headers, body)
        except (InvalidError, ValueError) as error:
            raise ReplyError(400, str(error)) from error

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 (http.server's names)

    def log_message(self, *_: object) -> None:
        """Writes nothing."""


def matches(one: dict[str, Any], text: str) -> bool:
    if not text:
        return True
    document = json.loads(text)
    for predicate in document["predicates"]:
        if predicate["key"] not in ("display_name", "name", "experiment_id"):
            raise ReplyError(
                400, f'no support for filtering on unrecognized field "{predicate["key"]}"'
            )
        if predicate["operation"] not in ("EQUALS", 1):
            raise ReplyError(400, f"this test knows EQUALS alone, not {predicate['operation']}")
        if one[predicate["key"]] != predicate["stringValue"]:
            return False
    return True


def offset(token: str) -> int:
    if not token:
        return 0
    try:
        return int(json.loads(base64.b64decode(token, validate=True))["offset"])
    except (ValueError, KeyError) as error:
        raise ReplyError(400, "Invalid page token") from error


def _error(error: ReplyError) -> Any:
    code = _CODES.get(error.status, 13)
    return {
        "error": f"Wrapped: {error.message}",
        "code": code,
        "message": f"Wrapped: {error.message}",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.Status",
                "code": code,
                "message": error.message,
            }
        ],
    }
