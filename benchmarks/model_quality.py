"""Compares an exported taxi model with the majority class and with logistic regression.

    python -m benchmarks.model_quality --model MODEL_DIR --examples EXAMPLES_DIR [--seeds 5]

MODEL_DIR is a pushed SavedModel, EXAMPLES_DIR the ExampleGen artifact with `Split-train` and
`Split-eval`. All learn from the training split and are measured on the held-out one:

- the exported model, as it is;
- its network, trained anew with several seeds on what its own `transform_features` makes;
- the majority class, whose probability is the training split's share of big tips;
- logistic regression on the same ten features, in two forms: numeric ones standardised after a
  logarithm, or cut into ten quantile buckets; categorical ones one-hot. Its penalty is chosen by
  cross-validation on the training split. The seeds draw the folds.

A spread is the standard deviation over seeds. Below stands the difference between the exported
model and the better regression, with a 95 % interval from resampling the held-out rows in pairs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

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

from pipelines.taxi import features, model
from pipelines.taxi.dataset import Trips

_PENALTIES = np.logspace(-2, 1, 7)
_RESAMPLES = 1000


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of the SavedModel")
    parser.add_argument("--examples", type=Path, required=True, help="folder of the splits")
    parser.add_argument("--seeds", type=int, default=5, help="how often each is trained anew")
    args = parser.parse_args()
    exported = tf.saved_model.load(str(args.model))
    train, held_out = (read_split(args.examples, split) for split in ("train", "eval"))
    train_trips, held_trips = (transformed(exported, rows) for rows in (train, held_out))
    label = held_trips.big_tip
    seeds = range(args.seeds)

    served = exported.signatures[features.SERVING_DEFAULT](examples=tf.constant(held_out))
    predictions = {"exported model": [served["outputs"].numpy().reshape(-1)]}
    predictions["network, trained anew"] = [
        model.train_model(train_trips, seed=seed)
        .predict(held_trips.inputs(), batch_size=4096, verbose=0)
        .reshape(-1)
        for seed in seeds
    ]
    raw_train, raw_held = raw_columns(train), raw_columns(held_out)
    regressions = []
    for form in ("logarithm", "buckets"):
        name = f"logistic regression, {form}"
        regressions.append(name)
        predictions[name] = [
            regression(form, seed).fit(raw_train, train_trips.big_tip).predict_proba(raw_held)[:, 1]
            for seed in seeds
        ]
    predictions["majority class"] = [np.full(len(label), train_trips.big_tip.mean())]

    print(f"{len(train):,} rows trained on, {len(held_out):,} held out; {args.seeds} seeds\n")
    print(f"{'':34}{'AUC':>17}{'accuracy':>17}{'log loss':>17}")
    for name, runs in predictions.items():
        figures = np.array([metrics(label, run) for run in runs])
        cells = [
            f"{mean:.4f}" + (f" ± {spread:.4f}" if len(runs) > 1 else " " * 9)
            for mean, spread in zip(figures.mean(axis=0), figures.std(axis=0), strict=True)
        ]
        print(f"{name:34}" + "".join(f"{cell:>17}" for cell in cells))

    best = max(regressions, key=lambda name: roc_auc_score(label, predictions[name][0]))
    low, high = paired_interval(label, predictions["exported model"][0], predictions[best][0])
    print(f"\nAUC of the exported model less that of {best}: 95 % within {low:+.4f} to {high:+.4f}")


def read_split(folder: Path, split: str) -> list[bytes]:
    """Returns the serialized examples of one split."""
    files = sorted(str(path) for path in (folder / f"Split-{split}").iterdir() if path.is_file())
    if not files:
        raise FileNotFoundError(f"{folder}/Split-{split}: expected TFRecord files, received none")
    return list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())


def transformed(exported: object, rows: list[bytes]) -> Trips:
    """Returns what the exported model's own preprocessing makes of the rows."""
    signature = exported.signatures[features.TRANSFORM_FEATURES]  # type: ignore[attr-defined]
    columns = {
        name: tensor.numpy().reshape(-1)
        for name, tensor in signature(examples=tf.constant(rows)).items()
    }

    def stacked(names: tuple[str, ...], dtype: type) -> np.ndarray:
        return np.stack([columns[features.transformed_name(n)] for n in names], axis=1).astype(
            dtype
        )

    return Trips(
        numeric=stacked(features.NUMERIC, np.float32),
        ids=stacked(tuple(features.CATEGORICAL), np.int32),
        big_tip=columns[features.TRANSFORMED_LABEL].astype(np.float32),
    )


def raw_columns(rows: list[bytes]) -> np.ndarray:
    """Returns the model's raw inputs as objects, missing ones as 0 and ""."""
    table = np.empty((len(rows), len(features.INPUTS)), dtype=object)
    for row, serialized in enumerate(rows):
        values = tf.train.Example.FromString(serialized).features.feature
        for column, name in enumerate(features.INPUTS):
            table[row, column] = _value(values, name)
    return table


def regression(form: str, seed: int) -> Pipeline:
    """Returns an unfitted logistic regression over raw columns, its penalty to be chosen."""
    numeric = list(range(len(features.NUMERIC)))
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
                    list(range(len(numeric), len(features.INPUTS))),
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


def _value(values: Mapping[str, tf.train.Feature], name: str) -> object:
    feature = values[name]
    kind = feature.WhichOneof("kind")
    found = getattr(feature, kind).value if kind else []
    empty: object = "" if name in features.VOCABULARY or name in features.HASHED else 0
    if not found:
        return empty
    return found[0].decode() if isinstance(found[0], bytes) else found[0]


def _as_float(table: np.ndarray) -> np.ndarray:
    return table.astype(np.float64)


def _log(table: np.ndarray) -> np.ndarray:
    return np.log1p(_as_float(table))


if __name__ == "__main__":
    main()
