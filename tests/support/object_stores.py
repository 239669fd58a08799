"""An S3 server on loopback, moto's, and the environment of a task that uses it."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "bucket"


class ObjectStore:
    """A running server.

    Attributes:
        environment: What a task needs to reach it.
        client: A client that is not ours, to look with.
    """

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            region_name="us-east-1",
        )

    def stop(self) -> None:
        """Stops the server; what it kept is lost."""
        self._server.stop()

    def put(self, key: str, content: bytes) -> None:
        """Writes an object, as somebody else would."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def object_keys(self, prefix: str = "") -> list[str]:
        """Returns the keys of all objects under a prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


@contextlib.contextmanager
def running() -> Iterator[ObjectStore]:
    """Runs a server with an empty bucket."""
    store = ObjectStore()
    try:
        store.client.create_bucket(Bucket=BUCKET)
        yield store
    finally:
        store.client.close()
        store.stop()
