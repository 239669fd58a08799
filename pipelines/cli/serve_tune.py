"""`ringway serve tune`: measures a pushed model and writes a batching parameters file for it.

The measuring is `serving.server.tune`; here a version is loaded and requests to repeat are found.
"""

from __future__ import annotations

import itertools
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from pipelines.errors import DataError, RingwayError, UsageError
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from serving.wire.specs import Signature

_WARM_UP_REQUESTS = Path("assets.extra") / "tf_serving_warmup_requests"
_MOST_REQUESTS = 1000


@click.command(
    name="tune",
    epilog="""\b
Examples:
  ringway serve tune taxi
  ringway serve tune taxi --output batching.pbtxt
  ringway serve tune taxi --device gpu:0 --max-p99-ms 5
  ringway serve tune taxi --requests .ringway/requests/taxi/taxi-20261121T163000Z-host-1-0.tfrecord
""",
)
@click.argument("name")
@click.option("--version", type=int, help="Version to measure [newest].")
@click.option("--signature", default="serving_default", show_default=True)
@click.option(
    "--requests",
    type=click.Path(path_type=Path),
    help="PredictionLogs whose inputs are repeated [the version's warm-up requests].",
)
@click.option("--device", default="", help="Where to compute: cpu, gpu:0 [what there is].")
@click.option("--max-p99-ms", type=float, help="Leave out sizes whose calls take longer.")
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), default=1.0, help="Per size [1]."
)
@click.option(
    "--threads", type=click.IntRange(1), default=1, help="num_batch_threads to write [1]."
)
@click.option("--output", type=click.Path(path_type=Path), help="Write here [standard output].")
def tune(  # noqa: PLR0913 (one per option)
    name: str,
    version: int | None,
    signature: str,
    requests: Path | None,
    device: str,
    max_p99_ms: float | None,
    seconds: float,
    threads: int,
    output: Path | None,
) -> None:
    """Measure the pushed model NAME at growing batch sizes and write a batching parameters file.

    `ringway serve NAME --batching FILE` uses it, as does TensorFlow Serving with
    --enable_batching=true --batching_parameters_file=FILE.
    """
    from serving.backends.local.options import LocalOptions
    from serving.monitoring import logs
    from serving.server import tune as tuning
    from serving.wire.errors import ServingError

    logs.quiet_tensorflow()
    folder = _version_folder(Workspace.from_environment(os.environ).model_root(name), name, version)
    from serving.backends.local.loader import LocalLoader  # imports TensorFlow

    try:
        loader = LocalLoader(LocalOptions(device=device))
        servable = loader.load(name, int(folder.name), folder)
        if signature not in servable.signatures:
            names = ", ".join(sorted(servable.signatures))
            raise UsageError(f"{folder} has no signature {signature!r}; it has {names}")
        inputs = _inputs(requests or folder / _WARM_UP_REQUESTS, servable.signatures[signature])
        click.echo(f"Measuring {signature} of {name} {folder.name} …", err=True)
        figures = tuning.measure(servable, signature, inputs, seconds_per_size=seconds)
        chosen = tuning.recommend(figures, max_p99_ms=max_p99_ms)
    except ServingError as error:
        raise DataError(f"{folder} cannot be measured: {error}") from error
    except ValueError as error:
        raise RingwayError(str(error)) from error
    title = f"{signature} of {name} {folder.name} on {device or 'the default device'}"
    text = tuning.render(
        figures, chosen, title=f"{title} of {platform.node()}", batch_threads=threads
    )
    if output is None:
        click.echo(text, nl=False)
        return
    output.write_text(text, "utf-8")
    click.echo("\n".join([*tuning.table(figures), chosen.reason, f"Wrote {output}."]))


def _version_folder(root: Path, name: str, version: int | None) -> Path:
    from serving.server.models import storage

    found = storage.find(name, str(root)) if root.is_dir() else {}
    if not found:
        raise DataError(
            f"nothing is pushed to {root}", remedy=f"`ringway run {name}` trains and pushes."
        )
    if version is not None and version not in found:
        known = ", ".join(map(str, sorted(found)))
        raise UsageError(f"{root} has no version {version}; it has {known}")
    return found[max(found) if version is None else version]


def _inputs(path: Path, signature: Signature) -> Mapping[str, np.ndarray]:
    """Returns the inputs of recorded requests for a signature, one below the other."""
    from serving.request_log.tfrecord import read_records
    from serving.wire import inference
    from serving.wire.messages import PredictionLog

    if not path.is_file():
        raise DataError(
            f"there are no requests to repeat: {path} is not there",
            remedy="Name a file of PredictionLogs, as a shard of a request log, with --requests.",
        )
    logs = map(PredictionLog.FromString, itertools.islice(read_records(path), _MOST_REQUESTS))
    recorded = [
        inference.predict_inputs(log.predict_log.request, signature)
        for log in logs
        if log.HasField("predict_log")
        and inference.signature_name(log.predict_log.request.model_spec) == signature.name
    ]
    if not recorded:
        raise DataError(
            f"{path} holds no Predict request for {signature.name!r}",
            remedy="Name another file with --requests, or another signature with --signature.",
        )
    return {input_name: _joined(recorded, input_name) for input_name in signature.inputs}


def _joined(recorded: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.concatenate([inputs[name] for inputs in recorded])
