"""A loaded SavedModel: a session, and a callable of it for each signature.

TensorFlow Serving computes with a session as well, so that what a graph does there it does here: a
signature's inputs are fed by name, whatever their shapes, and only what leads to the wanted outputs
is computed.

A session's callables (`CallableOptions`) are not public in Python. Of the ways to call a model they
are the quickest, 0.01 ms a call against 0.2 ms for a signature of `tf.saved_model.load`, and the
only one that leaves shapes to the graph. Where TensorFlow has none, `Session.run` stands in; it
refuses arrays whose shapes differ from the signature's.

Opening and restoring is for `serving.backends.local.saved_model`.
"""

from __future__ import annotations

import collections
import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from serving.backends.local import failures
from serving.backends.local.memory import give_back_freed
from serving.backends.local.signature_defs import callable_signatures
from serving.wire.errors import ServingError, StatusCode
from serving.wire.inference import check_types
from serving.wire.specs import Signature
from serving.wire.tensors import DTYPES

# A client may ask for outputs in any combination. Each costs a compilation and its memory; past
# this many all outputs are computed, and those wanted returned.
MAX_COMBINATIONS = 8

# With one batch thread for each CPU, calls run side by side already. Handing operations to another
# pool of threads then costs a third of a small call. Graphs on several devices use the pool anyway.
_CALLER_THREAD = -1
_SESSION_POOL = 0

Compute = Callable[..., Sequence[Any]]
Wanted = tuple[str, tuple[str, ...]]


class SessionServable:
    """A version of a model in a session of its own; used from several threads at once.

    Args:
        session: The model is restored in it. From here on it belongs to this object.
        definitions: Its SignatureDefMap.
        caller_thread: Whether a call computes in the thread that makes it, or in the session's.
        public_only: Whether to call by `Session.run`.
    """

    def __init__(
        self,
        session: tf.compat.v1.Session,
        definitions: Any,
        *,
        caller_thread: bool = True,
        public_only: bool = False,
    ) -> None:
        self._session: tf.compat.v1.Session | None = session
        self._definitions = definitions
        self._signatures = callable_signatures(definitions)
        self._pool = _CALLER_THREAD if caller_thread else _SESSION_POOL
        self._public = public_only or not hasattr(session, "_make_callable_from_options")
        self._compiled: dict[Wanted, _Compiled] = {}
        self._combinations = collections.Counter[str]()
        self._compiling = threading.Lock()

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What can be called, by name."""
        return self._signatures

    @property
    def signature_def_map(self) -> Any:
        """The message SignatureDefMap, as the SavedModel has it."""
        return self._definitions

    def compile_all(self) -> dict[str, ServingError]:
        """Prepares every signature for its first call.

        Returns:
            The errors of those that cannot be called, by name.
        """
        errors = {}
        for name in self._signatures:
            try:
                self._compiled_for(name, ())
            except ServingError as error:
                errors[name] = error
        return errors

    def run(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str] = ()
    ) -> dict[str, np.ndarray]:
        """Computes a signature; blocks, and lets other threads run meanwhile.

        Args:
            signature: One of `signatures`.
            inputs: Exactly its inputs, of the right types; shapes are for the model to check.
            outputs: Those wanted; none means all.

        Returns:
            The outputs by name.

        Raises:
            ServingError: With TensorFlow's own code and message; INVALID_ARGUMENT for types that
                are not the signature's.
        """
        found = self._signatures[signature]
        check_types(inputs, found)
        compiled = self._compiled_for(signature, tuple(outputs))
        try:
            computed = compiled.compute(*[inputs[alias] for alias in compiled.inputs])
        except failures.COMPUTING as error:
            raise failures.of_computing(error) from error
        return {
            alias: _array(computed[at], found.outputs[alias].dtype)
            for alias, at in compiled.outputs.items()
            if not outputs or alias in outputs
        } | {
            alias: inputs[source]
            for alias, source in compiled.passed_on.items()
            if not outputs or alias in outputs
        }

    def close(self) -> None:
        """Gives the model's memory back; no call is in flight any more."""
        with self._compiling:
            self._compiled.clear()
            if self._session is not None:
                self._session.close()
            self._session = None
        give_back_freed()

    def _compiled_for(self, signature: str, outputs: tuple[str, ...]) -> _Compiled:
        everything = (signature, tuple(self._signatures[signature].outputs))
        wanted = (signature, tuple(sorted(outputs))) if outputs else everything
        if wanted not in self._compiled and self._combinations[signature] >= MAX_COMBINATIONS:
            wanted = everything
        found = self._compiled.get(wanted)
        if found is not None:
            return found
        with self._compiling:
            if wanted not in self._compiled:
                self._compiled[wanted] = self._compile(*wanted)
                self._combinations[signature] += 1
            return self._compiled[wanted]

    def _compile(self, signature: str, outputs: tuple[str, ...]) -> _Compiled:
        if self._session is None:
            raise ServingError(StatusCode.UNAVAILABLE, "The model was unloaded before this call.")
        definition = self._definitions.signature_def[signature]
        feeds = _tensor_names(signature, definition.inputs)
        fetches = _tensor_names(signature, {name: definition.outputs[name] for name in outputs})
        fed = {tensor: alias for alias, tensor in feeds.items()}
        # A session refuses to fetch what it is fed, or the same tensor twice in some releases.
        distinct = list(dict.fromkeys(tensor for tensor in fetches.values() if tensor not in fed))
        return _Compiled(
            inputs=tuple(feeds),
            outputs={
                alias: distinct.index(tensor)
                for alias, tensor in fetches.items()
                if tensor not in fed
            },
            passed_on={alias: fed[tensor] for alias, tensor in fetches.items() if tensor in fed},
            compute=self._callable(self._session, list(feeds.values()), distinct),
        )

    def _callable(
        self, session: tf.compat.v1.Session, feeds: list[str], fetches: list[str]
    ) -> Compute:
        if not fetches:
            return _nothing
        if self._public:
            return lambda *arrays: session.run(fetches, dict(zip(feeds, arrays, strict=True)))
        options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
        options.run_options.inter_op_thread_pool = self._pool
        try:
            return session._make_callable_from_options(options)
        except failures.COMPUTING as error:
            raise failures.of_computing(error) from error


@dataclasses.dataclass(frozen=True, slots=True)
class _Compiled:
    """A way from a signature's inputs to some of its outputs.

    Attributes:
        inputs: In the order in which `compute` takes them.
        outputs: Where each is in what `compute` returns.
        passed_on: Outputs that are an input themselves, and which.
        compute: Takes arrays and returns arrays or, for a tensor of rank 0, scalars.
    """

    inputs: tuple[str, ...]
    outputs: dict[str, int]
    passed_on: dict[str, str]
    compute: Compute


def _nothing(*_: np.ndarray) -> Sequence[Any]:
    return ()


def _tensor_names(signature: str, infos: Mapping[str, Any]) -> dict[str, str]:
    for alias, info in infos.items():
        if not info.name:
            raise ServingError(
                StatusCode.UNIMPLEMENTED,
                f'Signature "{signature}" cannot be called, for "{alias}" is a sparse or composite '
                "tensor. Export the model with dense ones.",
            )
    return {alias: info.name for alias, info in infos.items()}


def _array(value: Any, dtype: int) -> np.ndarray:
    # A session returns tensors of rank 0 as scalars; texts as `bytes`, whose last NULs NumPy drops
    # unless they are objects.
    return value if isinstance(value, np.ndarray) else np.array(value, DTYPES.get(dtype))
