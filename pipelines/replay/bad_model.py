"""Makes a model that is bad: trained like the newest good one, with one feature scrambled.

The scheduled minute of departure is turned round: where the day begins, training sees its end. The
hour and the minute of arrival say otherwise, so the model learns to weigh them against each other,
and where it is served, all three agree again and it is far off. (Permuting the rows of one column
harms next to nothing here, as other columns say the same.)

It is saved and put among the pushed versions like any model. No evaluation has seen it: it stands
for one that somebody pushes by hand.

    python -m pipelines.replay.bad_model flights
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipelines.errors import MetadataError
from pipelines.lineage import graph, keys
from pipelines.lineage.records import History, Run
from pipelines.lineage.store import open_store
from pipelines.workspace import Workspace

SCRAMBLED: Final = "sched_dep_minute"
_READ_BATCH_SIZE = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """What the newest good model was made of.

    Attributes:
        run: Its run.
        examples: Folder of the transformed examples.
        transform: Folder of the transform graph.
        hyperparameters: File that Tuner wrote.
    """

    run: Run
    examples: Path
    transform: Path
    hyperparameters: Path


def newest_blessed(history: History) -> Origin:
    """Returns what the newest blessed model was made of.

    Raises:
        MetadataError: No run has blessed a model.
    """
    blessed = [run for run in history.runs if run.state == keys.RunState.BLESSED]
    if not blessed:
        raise MetadataError(f"pipeline {history.pipeline}: no run has blessed a model yet")
    run = blessed[-1]
    folders = {
        link.key: Path(artifact.uri)
        for execution in history.executions_in(run.name)
        if execution.node in ("Transform", "Tuner")
        for link in execution.outputs
        for artifact in history.linked([link])
    }
    return Origin(
        run=run,
        examples=folders["transformed_examples"],
        transform=folders["transform_graph"],
        hyperparameters=folders["best_hyperparameters"] / "best_hyperparameters.txt",
    )


def turned_round(places: np.ndarray, column: int) -> np.ndarray:
    """Returns places in [0, 1], shape `(rows, columns)`, with one column counted from its end."""
    changed = places.copy()
    changed[:, column] = 1 - changed[:, column]
    return changed


def push(origin: Origin, model_root: Path, now_sec: float) -> int:
    """Trains the bad model, puts it among the pushed versions, and returns its version."""
    # What TensorFlow says as it is imported is no news.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow_transform as tft

    from pipelines.flights.task import TASK
    from pipelines.tabular import export, network

    transform_output = tft.TFTransformOutput(str(origin.transform))
    rows = _rows(origin, transform_output)
    column = tuple(TASK.columns.numeric).index(SCRAMBLED)
    rows = dataclasses.replace(rows, numeric=turned_round(rows.numeric, column))
    config = origin.run.config
    model = network.train(
        TASK,
        rows,
        schedule=network.Schedule(
            epochs=config["epochs"], batch_size=config["batch_size"], seed=config["seed"]
        ),
        hyperparameters=hyperparameters(origin.hyperparameters),
    )
    version = max([int(now_sec), *(number + 1 for number in _versions(model_root))])
    partial = model_root.parent / f".{model_root.name}-{version}"
    export.save(model, transform_output, TASK.columns, str(partial))
    partial.rename(model_root / str(version))
    return version


def hyperparameters(path: Path) -> dict[str, float]:
    """Returns the values that Tuner chose, from the file that it wrote."""
    import json

    values: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))["values"]
    return values


def _rows(origin: Origin, transform_output: Any) -> Any:
    import tensorflow as tf

    from pipelines.flights.features import COLUMNS
    from pipelines.tabular.dataset import Rows

    files = sorted(str(path) for path in (origin.examples / "Split-train").glob("*.gz"))
    spec = transform_output.transformed_feature_spec()
    batches = [
        {
            name: value.numpy().reshape(-1)
            for name, value in tf.io.parse_example(batch, spec).items()
        }
        for batch in tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_READ_BATCH_SIZE)
    ]
    return Rows.from_columns(
        {name: np.concatenate([batch[name] for batch in batches]) for name in spec}, COLUMNS
    )


def _versions(model_root: Path) -> list[int]:
    return [int(path.name) for path in model_root.iterdir() if path.name.isdecimal()]


def main(name: str) -> None:
    """Makes and pushes it in the workspace that the environment names; prints its version."""
    import time

    workspace = Workspace.from_environment(os.environ)
    history = graph.load(open_store(workspace.metadata_url), name)
    print(push(newest_blessed(history), workspace.model_root(name), time.time()))


if __name__ == "__main__":
    main(sys.argv[1])
