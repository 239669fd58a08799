"""Compares an exported model with the majority class and with logistic regression.

    python -m benchmarks.model_quality --model MODEL_DIR --examples EXAMPLES_DIR [--seeds 5]
    python -m benchmarks.model_quality --pipeline flights --model MODEL_DIR --examples EXAMPLES_DIR
        --held-out .ringway/data/flights/span-{49,50,51,52,53}/flights.csv

MODEL_DIR is a pushed SavedModel, EXAMPLES_DIR the ExampleGen artifact of its run, with
`Split-train` and `Split-eval`. All learn from the training split and are measured on the held-out
rows: the other split, or those of CSV files that the run did not read. Flights are measured on
weeks that follow (`ringway run flights --span-range 41:48` before the line above): an hour's
weather is shared by all its departures, so that a random split knows it already.

- the exported model, as it is;
- its network, trained anew with several seeds on what its own `transform_features` makes;
- the majority class, whose probability is the training split's share of the label 1;
- logistic regression on the same columns, in two forms: numeric ones standardised after a
  logarithm, or cut into ten quantile buckets; categorical ones one-hot. Its penalty is chosen by
  cross-validation on the training split. The seeds draw the folds.

A spread is the standard deviation over seeds. Below stands the difference between the exported
model and the better regression, with a 95 % interval from resampling the held-out rows in pairs.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    StandardScaler,
)

from components.arrow_example_gen import csv_source, encoding
from pipelines import config
from pipelines.tabular import network
from pipelines.tabular.columns import SERVING_DEFAULT, TRANSFORM_FEATURES, Columns
from pipelines.tabular.dataset import Rows
from pipelines.tabular.task import Task

_PENALTIES = np.logspace(-2, 1, 7)
_RESAMPLES = 1000
_BATCH_SIZE = 4096

EXPORTED, REGRESSION = "exported model", "logistic regression"

# What each kind of model says of the held-out rows, a vector for each seed.
Predictions = dict[str, list[np.ndarray]]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipeline", default="taxi", choices=config.names())
    parser.add_argument("--model", type=Path, required=True, help="folder of the SavedModel")
    parser.add_argument("--examples", type=Path, required=True, help="folder of the splits")
    parser.add_argument("--held-out", type=Path, nargs="+", help="CSV files [the split eval]")
    parser.add_argument("--seeds", type=int, default=5, help="how often each is trained anew")
    args = parser.parse_args()
    task: Task = importlib.import_module(f"pipelines.{args.pipeline}.task").TASK
    exported = tf.saved_model.load(str(args.model))
    train = read_split(args.examples, "train")
    held_out = read_csv(args.held_out) if args.held_out else read_split(args.examples, "eval")
    label = transformed(exported, held_out, task.columns).label
    predictions = {
        **networks(args.pipeline, task, exported, (train, held_out), range(args.seeds)),
        **regressions(exported, task.columns, (train, held_out), range(args.seeds)),
    }
    share = transformed(exported, train, task.columns).label.mean()
    predictions["majority class"] = [np.full(len(label), share)]
    report(label, predictions, f"{len(train):,} rows trained on; {args.seeds} seeds")


def networks(
    pipeline: str, task: Task, exported: Any, rows: tuple[list[bytes], list[bytes]], seeds: range
) -> Predictions:
    """Returns what the exported model, and its network trained anew, say of the held-out rows."""
    train, held_out = (transformed(exported, part, task.columns) for part in rows)
    settings = config.named(pipeline)
    served = [
        exported.signatures[SERVING_DEFAULT](examples=tf.constant(batch))["outputs"].numpy()
        for batch in batches(rows[1])
    ]
    return {
        EXPORTED: [np.concatenate(served).reshape(-1)],
        "network, trained anew": [
            network.train(
                task,
                train,
                schedule=network.Schedule(
                    epochs=settings.epochs, batch_size=settings.batch_size, seed=seed
                ),
            )
            .predict(held_out.inputs(), batch_size=_BATCH_SIZE, verbose=0)
            .reshape(-1)
            for seed in seeds
        ],
    }


def regressions(
    exported: Any, columns: Columns, rows: tuple[list[bytes], list[bytes]], seeds: range
) -> Predictions:
    """Returns what logistic regressions say of the held-out rows, by the name of their form."""
    train, held_out = (raw_columns(part, columns) for part in rows)
    label = transformed(exported, rows[0], columns).label
    return {
        f"{REGRESSION}, {form}": [
            regression(form, seed, columns).fit(train, label).predict_proba(held_out)[:, 1]
            for seed in seeds
        ]
        for form in ("logarithm", "buckets")
    }


def report(label: np.ndarray, predictions: Predictions, trained_on: str) -> None:
    """Prints a table of all, and how far the exported model is from the better regression."""
    print(f"{trained_on}; {len(label):,} rows held out, {label.mean():.1%} of them with label 1\n")
    print(f"{'':34}{'AUC':>17}{'accuracy':>17}{'log loss':>17}")
    for name, runs in predictions.items():
        figures = np.array([metrics(label, run) for run in runs])
        cells = [
            f"{mean:.4f}" + (f" ± {spread:.4f}" if len(runs) > 1 else " " * 9)
            for mean, spread in zip(figures.mean(axis=0), figures.std(axis=0), strict=True)
        ]
        print(f"{name:34}" + "".join(f"{cell:>17}" for cell in cells))

    best = max(
        (name for name in predictions if name.startswith(REGRESSION)),
        key=lambda name: roc_auc_score(label, predictions[name][0]),
    )
    low, high = paired_interval(label, predictions[EXPORTED][0], predictions[best][0])
    print(f"\nAUC of the exported model less that of {best}: 95 % within {low:+.4f} to {high:+.4f}")


def read_split(folder: Path, split: str) -> list[bytes]:
    """Returns the serialized examples of one split."""
    files = sorted(str(path) for path in (folder / f"Split-{split}").iterdir() if path.is_file())
    if not files:
        raise FileNotFoundError(f"{folder}/Split-{split}: expected TFRecord files, received none")
    return list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())


def read_csv(paths: list[Path]) -> list[bytes]:
    """Returns the rows of CSV files as serialized examples, as ArrowExampleGen makes them."""
    return [
        serialized
        for batch in csv_source.read([str(path) for path in paths])
        for serialized in encoding.examples(batch).to_pylist()
    ]


def transformed(exported: Any, rows: list[bytes], columns: Columns) -> Rows:
    """Returns what the exported model's own preprocessing makes of the rows."""
    signature = exported.signatures[TRANSFORM_FEATURES]
    parts = [signature(examples=tf.constant(batch)) for batch in batches(rows)]
    return Rows.from_columns(
        {
            name: np.concatenate([part[name].numpy().reshape(-1) for part in parts])
            for name in parts[0]
        },
        columns,
    )


def batches(rows: list[bytes]) -> Iterator[list[bytes]]:
    """Yields the rows by as many as fit into memory with all that is made of them."""
    for start in range(0, len(rows), _BATCH_SIZE):
        yield rows[start : start + _BATCH_SIZE]


def raw_columns(rows: list[bytes], columns: Columns) -> np.ndarray:
    """Returns the model's raw inputs as objects; the model's own values stand for missing ones."""
    table = np.empty((len(rows), len(columns.inputs)), dtype=object)
    for row, serialized in enumerate(rows):
        values = tf.train.Example.FromString(serialized).features.feature
        for column, name in enumerate(columns.inputs):
            table[row, column] = _value(values, name, columns)
    return table


def regression(form: str, seed: int, columns: Columns) -> Pipeline:
    """Returns an unfitted logistic regression over raw columns, its penalty to be chosen."""
    numeric = list(range(len(columns.numeric)))
    if form == "logarithm":
        encode = make_pipeline(FunctionTransformer(_log), StandardScaler())
    else:
        encode = make_pipeline(
            FunctionTransformer(_as_float), KBinsDiscretizer(10, encode="onehot", subsample=None)
        )
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return make_pipeline(
        ColumnTransformer(
            [
                ("numeric", encode, numeric),
                (
                    "categorical",
                    OneHotEncoder(handle_unknown="ignore"),
                    list(range(len(numeric), len(columns.inputs))),
                ),
            ]
        ),
        LogisticRegressionCV(Cs=_PENALTIES, cv=folds, scoring="neg_log_loss", max_iter=2000),
    )


def metrics(label: np.ndarray, probability: np.ndarray) -> tuple[float, float, float]:
    """Returns area under the ROC curve, accuracy at one half, and log loss in nats."""
    clipped = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return (
        float(roc_auc_score(label, clipped)),
        float(accuracy_score(label, clipped > 0.5)),
        float(log_loss(label, clipped)),
    )


def paired_interval(
    label: np.ndarray, left: np.ndarray, right: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """Returns the 95 % bootstrap interval of the difference of two areas over the same rows."""
    generator = np.random.default_rng(seed)
    differences = []
    for _ in range(_RESAMPLES):
        rows = generator.integers(0, len(label), len(label))
        differences.append(
            roc_auc_score(label[rows], left[rows]) - roc_auc_score(label[rows], right[rows])
        )
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def _value(values: Mapping[str, tf.train.Feature], name: str, columns: Columns) -> object:
    feature = values[name]
    kind = feature.WhichOneof("kind")
    found = getattr(feature, kind).value if kind else []
    if not found:
        empty: object = "" if name in columns.vocabulary or name in columns.hashed else 0
        return columns.numeric.get(name, empty)
    return found[0].decode() if isinstance(found[0], bytes) else found[0]


def _as_float(table: np.ndarray) -> np.ndarray:
    return table.astype(np.float64)


def _log(table: np.ndarray) -> np.ndarray:
    values = _as_float(table)
    return np.sign(values) * np.log1p(np.abs(values))  # degrees may be below zero


if __name__ == "__main__":
    main()
