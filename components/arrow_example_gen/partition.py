"""Which split a row goes to, exactly as in stock ExampleGen. Pure functions.

A row's bucket is the SHA-256 of its key, as a big-endian number, modulo the number of buckets. The
key is the whole serialized example, or one feature of it, serialized, if the configuration names a
partition feature: rows with the same value then stay together.

    train: 2 buckets, eval: 1     bucket 0 or 1 -> train, bucket 2 -> eval

Source: tfx/components/example_gen/base_example_gen_executor.py, `_PartitionFn`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from components.arrow_example_gen.encoding import features
from components.arrow_example_gen.errors import InputError


def by_example(serialized: Iterable[bytes], hash_buckets: Sequence[int]) -> np.ndarray:
    """Returns the place of each row's split.

    Args:
        serialized: Examples, or other keys.
        hash_buckets: How many buckets each split has, each above 0.

    Returns:
        Ints in `[0, len(hash_buckets))`, shape `(rows,)`.
    """
    ends = np.cumsum(hash_buckets)
    total = int(ends[-1])
    sha256, number = hashlib.sha256, int.from_bytes
    buckets = [number(sha256(key).digest(), "big") % total for key in serialized]
    return np.searchsorted(ends, np.array(buckets, dtype=np.int64), side="right")


def by_feature(batch: pa.RecordBatch, name: str, hash_buckets: Sequence[int]) -> np.ndarray:
    """Returns the place of each row's split, by one of its features.

    Args:
        batch: Columns as `encoding.examples` takes them.
        name: The feature.
        hash_buckets: How many buckets each split has, each above 0.

    Returns:
        Ints in `[0, len(hash_buckets))`, shape `(rows,)`.

    Raises:
        InputError: There is no such column, or it holds floats or nothing at all.
    """
    if name not in batch.schema.names:
        raise InputError(
            f"partition_feature_name: expected one of the columns {sorted(batch.schema.names)}, "
            f"received {name!r}."
        )
    values = batch.column(name)
    if values.type not in {pa.int64(), pa.large_binary()}:
        found = "no values" if values.type == pa.null() else "floats"
        raise InputError(
            f"partition_feature_name: expected a column of ints or text, received {name!r}, which "
            f"has {found}."
        )
    keys = features(values).dictionary_encode()
    places = by_example(keys.dictionary.to_pylist(), hash_buckets)
    return places[keys.indices.to_numpy(zero_copy_only=False)]
