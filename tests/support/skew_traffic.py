"""Traffic made of the rows that a pipeline held out, sent to a running server, as is or spoilt."""

from __future__ import annotations

import dataclasses
import gzip
import io
import math
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from serving.client import Client
from serving.request_log.tfrecord import entries
from serving.wire.messages import Example

_ROWS_OF_A_REQUEST = 64


@dataclasses.dataclass(frozen=True)
class Sent:
    """When traffic was sent: whole seconds since 1970, the second after the last excluded."""

    since: int
    until: int

    @property
    def options(self) -> list[str]:
        """These bounds, as options of `ringway skew`."""
        return ["--from", str(self.since), "--to", str(self.until)]


def rows_of(folder: Path, inputs: Iterable[str]) -> list[Any]:
    """Reads a split's tf.Examples, of each only the columns that a model takes."""
    wanted = set(inputs)
    rows = []
    for path in sorted(folder.glob("*.gz")):
        data = gzip.decompress(path.read_bytes())
        for entry in entries(io.BytesIO(data), len(data)):
            row = Example.FromString(entry.content)
            for name in set(row.features.feature) - wanted:
                del row.features.feature[name]
            rows.append(row)
    return rows


def in_cents(row: Any) -> Any:
    """A row whose fare is a hundred times what it was."""
    changed = Example()
    changed.CopyFrom(row)
    values = changed.features.feature["fare"].float_list.value
    values[:] = [100 * value for value in values]
    return changed


def without(column: str) -> Callable[[Any], Any]:
    """Takes a column out of rows."""

    def taken(row: Any) -> Any:
        changed = Example()
        changed.CopyFrom(row)
        changed.features.feature.pop(column, None)
        return changed

    return taken


def send(
    server: str, model: str, rows: Sequence[Any], change: Callable[[Any], Any] | None = None
) -> Sent:
    """Asks about all rows, in a stretch of whole seconds that is theirs alone."""
    texts = [(change(row) if change else row).SerializeToString() for row in rows]
    time.sleep(math.ceil(time.time()) - time.time())
    since = math.floor(time.time())
    with Client(server) as client:
        for first in range(0, len(texts), _ROWS_OF_A_REQUEST):
            client.predict(model, examples=texts[first : first + _ROWS_OF_A_REQUEST])
    until = math.floor(time.time()) + 1
    time.sleep(until - time.time())
    return Sent(since, until)


def inputs_of(server: str, model: str) -> list[str]:
    """Returns the columns that a model takes, as its signature of tensors names them."""
    with Client(server) as client:
        return sorted(client.metadata(model).signatures["serving_tensors"].inputs)
