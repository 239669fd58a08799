"""What a ModelServerConfig may say; the texts are TensorFlow Serving's."""

from __future__ import annotations

import pytest
from lifecycle_models import server_config

from serving.server.models import config
from serving.server.models.config import AllVersions, Latest, ModelConfig, Specific
from serving.wire.errors import ServingError

GOOD = 'name: "m" base_path: "/models/m" model_platform: "tensorflow"'


def models(*each: str) -> object:
    return server_config(f"model_config_list {{ {' '.join(f'config {{ {e} }}' for e in each)} }}")


def read(*each: str) -> dict[str, ModelConfig]:
    found = config.read(models(*each), {})
    assert found is not None
    return found


def test_a_model_is_read_whole():
    found = read(
        GOOD
        + """
        model_version_policy { specific { versions: 3 versions: 5 } }
        version_labels { key: "stable" value: 3 }
        version_labels { key: "canary" value: 5 }
        logging_config { sampling_config { sampling_rate: 0.5 } }
        """
    )["m"]
    assert (found.name, found.base_path, found.platform) == ("m", "/models/m", "tensorflow")
    assert found.version_policy == Specific(frozenset({3, 5}))
    assert found.labels == {"stable": 3, "canary": 5}
    assert found.logging_config.sampling_config.sampling_rate == 0.5


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("", Latest(1)),
        ("model_version_policy {}", Latest(1)),
        ("model_version_policy { latest {} }", Latest(1)),
        ("model_version_policy { latest { num_versions: 3 } }", Latest(3)),
        ("model_version_policy { all {} }", AllVersions()),
        ("model_version_policy { specific {} }", Specific(frozenset())),
    ],
)
def test_the_default_is_the_latest_version(text, policy):
    found = read(f"{GOOD} {text}")["m"]
    assert found.version_policy == policy
    assert found.logging_config is None


def test_models_keep_their_order_and_the_old_way_to_say_tensorflow_is_taken():
    old_way = 'name: "a" base_path: "gs://bucket/a" model_type: TENSORFLOW'
    assert list(read(GOOD, old_way)) == ["m", "a"]
    assert read(old_way)["a"].platform == "tensorflow"


PATH = 'name: "m" base_path: "/models/m"'


@pytest.mark.parametrize(
    ("each", "message"),
    [
        ([GOOD, GOOD], "Illegal to list model m multiple times in config list"),
        (
            ['name: "m" base_path: "models/m" model_platform: "tensorflow"'],
            "Expected model m to have an absolute path or URI; got base_path()=models/m",
        ),
        (
            ['name: "m" model_platform: "tensorflow"'],
            "Expected model m to have an absolute path or URI; got base_path()=",
        ),
        (
            [PATH],
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            "ModelServerConfig::model_platform, model name is m",
        ),
        (
            [f"{GOOD} model_type: TENSORFLOW"],
            "Illegal setting both ModelServerConfig::model_type (deprecated) and "
            "ModelServerConfig::model_platform, model name is m",
        ),
        ([f"{PATH} model_type: OTHER"], "ModelServerConfig::model_type choice 2 not supported."),
        (
            [f'{PATH} model_platform: "caffe"'],
            "Model m requests unsupported platform caffe",
        ),
    ],
)
def test_bad_models_are_refused(each, message):
    with pytest.raises(ServingError) as caught:
        config.read(models(*each), {})
    assert (caught.value.code.name, caught.value.message) == ("INVALID_ARGUMENT", message)


def test_a_model_keeps_its_platform():
    with pytest.raises(ServingError) as caught:
        config.read(models(f'{PATH} model_platform: "caffe"'), read(GOOD))
    assert caught.value.message == (
        "Illegal to change a model's platform. For model m platform was tensorflow and new "
        "platform requested is caffe"
    )
    assert config.read(models(f"{PATH} model_type: TENSORFLOW"), read(GOOD)) == read(GOOD)


def test_an_empty_config_asks_for_nothing_and_an_empty_list_for_no_models():
    assert config.read(server_config(""), {}) is None
    assert config.read(models(), {}) == {}


@pytest.mark.parametrize(
    ("old", "code"), [({}, "INVALID_ARGUMENT"), (read(GOOD), "FAILED_PRECONDITION")]
)
def test_a_custom_config_is_refused(old, code):
    with pytest.raises(ServingError) as caught:
        config.read(server_config("custom_model_config {}"), old)
    assert caught.value.code.name == code


def test_one_model_comes_from_the_command_line():
    assert config.read(config.single_model("m", "/models/m"), {}) == read(GOOD)


@pytest.mark.parametrize(
    ("old", "version", "allow", "accepted"),
    [
        ({}, 1, False, True),
        ({}, 2, False, False),
        ({}, 2, True, True),
        ({"m": {"a": 2}}, 2, True, True),
        ({"m": {"a": 2}}, 2, False, False),
        ({"m": {"a": 1}}, 2, True, False),
        ({"m": {"b": 1}}, 2, True, True),
        ({"n": {"a": 1}}, 2, True, True),
    ],
)
def test_a_label_names_a_version_that_serves(old, version, allow, accepted):
    configs = {"m": ModelConfig("m", "/m", labels={"a": version})}
    available = {"m": frozenset({1})}
    if accepted:
        found = config.labels(configs, old=old, available=available, allow_unavailable=allow)
        assert found == {"m": {"a": version}}
        return
    with pytest.raises(ServingError) as caught:
        config.labels(configs, old=old, available=available, allow_unavailable=allow)
    assert caught.value.message == (
        "Request to assign label to version 2 of model m, "
        "which is not currently available for inference"
    )
