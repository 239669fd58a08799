"""Configurations, and what a file and `--set` change in them."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import config
from pipelines.config import PipelineConfig
from pipelines.config_parts import EvaluationConfig, TunerConfig
from pipelines.errors import UsageError
from pipelines.runners.beam.profiles import BeamConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class BikesConfig(PipelineConfig):
    name: str = "bikes"
    data_root: str = "data/bikes"
    schema_path: str = "schemas/bikes/schema.pbtxt"
    label: str = "late"
    preprocessing_fn: str = "pipelines.bikes.preprocessing.preprocessing_fn"
    run_fn: str = "pipelines.bikes.model.run_fn"
    tuner_fn: str = "pipelines.bikes.tuning.tuner_fn"
    eval_config_fn: str = "pipelines.bikes.evaluation.eval_config"
    learning_rate: float | None = None


BASE = BikesConfig()

# Without a database, nothing is left in the working tree.
few = settings(max_examples=50, deadline=None, database=None)

text = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), min_size=1, max_size=12)
import_paths = st.from_regex(r"[a-z_]+(\.[a-z_]+){1,3}", fullmatch=True)
positive = st.integers(1, 10**9)
probability = st.floats(0, 1)
slices = st.lists(st.lists(text, min_size=1, max_size=3, unique=True).map(tuple), max_size=3)
configs = st.builds(
    BikesConfig,
    name=st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
    data_root=text,
    schema_path=text,
    label=text,
    run_fn=import_paths,
    train_buckets=positive,
    epochs=positive,
    seed=st.integers(0, 2**32 - 1),
    tuner=st.builds(
        TunerConfig,
        algorithm=st.sampled_from(["grid", "random", "bayesian"]),
        max_trials=positive,
        epochs=positive,
    ),
    evaluation=st.builds(
        EvaluationConfig,
        min_auc=probability,
        min_slice_auc=probability,
        max_auc_drop=probability,
        min_slice_examples=positive,
        slices=slices.map(tuple),
    ),
    fail_on=st.sampled_from(["error", "warning", "never"]),
    beam=st.builds(BeamConfig, profile=st.sampled_from(["direct", "flink", "spark", "dataflow"])),
    beam_args=st.lists(text.map("--x{}".format), max_size=3).map(tuple),
    learning_rate=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)


def leaves(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= leaves(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def as_toml(value: Any) -> str:
    # Strings, numbers and lists are written in JSON as they are in TOML.
    return "'none'" if value is None else json.dumps(value, ensure_ascii=False)


@few
@given(configs)
def test_overrides_made_from_a_configuration_rebuild_it(wanted: BikesConfig) -> None:
    overrides = [f"{key}={as_toml(v)}" for key, v in leaves(config.to_dict(wanted)).items()]
    assert config.load(BASE, None, overrides) == wanted


@few
@given(configs)
def test_a_file_made_from_a_configuration_rebuilds_it(
    tmp_path_factory: pytest.TempPathFactory, wanted: BikesConfig
) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip.toml"
    lines = [f"{key} = {as_toml(v)}" for key, v in leaves(config.to_dict(wanted)).items()]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert config.load(BASE, path) == wanted


@few
@given(configs, configs)
def test_fingerprints_agree_only_for_equal_configurations(a: BikesConfig, b: BikesConfig) -> None:
    assert (config.fingerprint(a) == config.fingerprint(b)) == (a == b)


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    # sha256 of the sorted JSON, computed with the sha256sum command.
    assert config.fingerprint(TunerConfig(algorithm="grid", max_trials=3, epochs=1)) == (
        "b579b465535371e5"
    )


def test_a_set_option_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("epochs = 3\n[tuner]\nmax_trials = 4\nepochs = 9\n")
    loaded = config.load(BASE, path, ["tuner.epochs=1"])
    assert (loaded.epochs, loaded.tuner.max_trials, loaded.tuner.epochs) == (3, 4, 1)
    assert loaded.tuner.algorithm == BASE.tuner.algorithm
    assert type(loaded) is BikesConfig


def test_a_byte_order_mark_before_the_file_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xef\xbb\xbfepochs = 3\r\n")
    assert config.load(BASE, path).epochs == 3


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("label=tips", "label", "tips"),
        ("label='tips'", "label", "tips"),
        ("label=2024", "label", "2024"),
        ("label=true", "label", "true"),
        ("label=[x]", "label", "[x]"),
        ("label=a=b", "label", "a=b"),
        ("data_root=/data/my trips", "data_root", "/data/my trips"),
        ("span_range=8", "span_range", "8"),
        ("span_range=5:12", "span_range", "5:12"),
        ("input_pattern=span-{SPAN}/*", "input_pattern", "span-{SPAN}/*"),
        (" epochs = 7 ", "epochs", 7),
        ("fail_on=never", "fail_on", "never"),
        ("learning_rate=1", "learning_rate", 1.0),
        ("learning_rate=none", "learning_rate", None),
        ('beam_args=["--direct_num_workers=2"]', "beam_args", ("--direct_num_workers=2",)),
    ],
)
def test_a_set_option_takes_toml_values_and_bare_words(override: str, key: str, value: Any) -> None:
    assert getattr(config.load(BASE, None, [override]), key) == value


def test_a_line_break_in_a_value_sets_nothing_else() -> None:
    loaded = config.load(BASE, None, ["label=1\nepochs=99"])
    assert loaded == dataclasses.replace(BASE, label="1\nepochs=99")


@pytest.mark.parametrize(
    ("override", "said", "remedy"),
    [
        ("tuner.max_trial=5", "unknown key 'tuner.max_trial'", "Did you mean 'tuner.max_trials'?"),
        ("epoch=5", "unknown key 'epoch'", "Did you mean 'epochs'?"),
        ("epochs.x=5", "unknown key 'epochs.x'", "Did you mean"),
        ("epochs=many", "epochs: expected an integer of at least 1, received 'many'", ""),
        ("epochs=0", "epochs: expected an integer of at least 1, received 0", ""),
        ("seed=-1", "seed: expected an integer from 0 to 4294967295, received -1", ""),
        ("span_range=12:5", "span_range: expected a number of spans such as 8, or a first", ""),
        ("span_range=0", "such as 5:12, received '0'", ""),
        ("evaluation.min_auc=1.01", "evaluation.min_auc: expected a number from 0 to 1", ""),
        ("tuner.algorithm=gird", "expected one of grid, random, bayesian", "Did you mean 'grid'?"),
        ("tuner=5", "tuner: expected a table with the keys algorithm, max_trials, epochs", ""),
        (
            "evaluation.slices=[[]]",
            "evaluation.slices[0]: expected distinct feature names",
            "whole",
        ),
        ('evaluation.slices=[["a"', "a text that is not valid TOML", "Quote the whole option"),
        ("name=Big Bikes", "name: expected up to 128 small letters", ""),
        ("run_fn=train", "run_fn: expected an import path", ""),
        ("label=''", "label: expected a string with at least one character", ""),
        ("epochs", "expected key=value, received 'epochs'", "--set tuner.max_trials=5"),
        ("=5", "expected key=value", ""),
    ],
)
def test_a_wrong_set_option_is_explained(override: str, said: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        config.load(BASE, None, [override])
    assert str(caught.value).startswith(f"--set {override}: ")
    assert said in str(caught.value)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    "overrides", [["epochs=1", "epochs=2"], ["tuner.epochs=1", "tuner={epochs=2}"]]
)
def test_setting_a_key_twice_is_refused(overrides: list[str]) -> None:
    with pytest.raises(UsageError, match="was set by an earlier --set"):
        config.load(BASE, None, overrides)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"epochs = 3\nepochs = 4\n", "line 2"),
        (b"epochs = \n", "line 1"),
        (b"[tuner]\nepochs = 1\n[tuner]\n", "line 3"),
        (b"epochs = 3 # \xff\n", "not valid TOML"),
        (b"slices = " + b"[" * 5000, "nested too deeply"),
        (b"epoch = 3\n", "unknown key 'epoch'"),
        (b"[tuner]\nmax_trial = 3\n", "unknown key 'tuner.max_trial'"),
        (b'epochs = "three"\n', "epochs: expected an integer of at least 1, received 'three'"),
        (b"[evaluation]\nslices = ['hour']\n", "evaluation.slices[0]: expected a list"),
        (b"epochs = 1979-05-27\n", "epochs: expected an integer"),
    ],
)
def test_a_wrong_file_is_named_with_the_reason(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        config.load(BASE, path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_a_key_that_stands_twice_in_a_file_gets_its_own_remedy(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("epochs = 3\nepochs = 4\n")
    with pytest.raises(UsageError) as caught:
        config.load(BASE, path)
    assert "twice" in caught.value.remedy


@pytest.mark.parametrize("name", ["absent.toml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be read") as caught:
        config.load(BASE, tmp_path / name)
    assert str(tmp_path) in str(caught.value)


def test_values_given_in_code_are_checked_too() -> None:
    with pytest.raises(UsageError, match="batch_size: expected an integer of at least 1"):
        BikesConfig(batch_size=0)
    assert EvaluationConfig(min_auc=1).min_auc.is_integer()


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        BASE.epochs = 3  # type: ignore[misc]


def test_an_unknown_pipeline_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        config.named("taxii")
    assert "taxi" in str(caught.value)
    assert caught.value.remedy == "Did you mean 'taxi'?"


@pytest.mark.parametrize("name", ["../taxi", "taxi.config", "", "cli"])
def test_a_name_that_is_no_pipeline_is_never_imported(name: str) -> None:
    before = set(sys.modules)
    with pytest.raises(UsageError, match="there is no pipeline"):
        config.named(name)
    assert set(sys.modules) == before


def test_pipelines_are_the_folders_with_a_configuration(tmp_path: Path) -> None:
    for name in ("flights", "bikes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.py").touch()
    (tmp_path / "cli").mkdir()
    assert config.names(tmp_path) == ["bikes", "flights"]


def test_every_pipeline_of_the_workspace_loads_by_its_name() -> None:
    for name in config.names():
        assert isinstance(config.named(name), PipelineConfig)


def test_loading_a_configuration_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pipelines import config;"
        "[config.named(name) for name in config.names()];"
        "print([m for m in ('tensorflow', 'tfx', 'apache_beam') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": ""},
    )
    assert done.stdout.strip() == "[]"
