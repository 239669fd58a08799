import json
from typing import Any

import pytest
from tfx.types import channel, standard_artifacts

from components.version_selector import keys
from components.version_selector.choice import VersionChoice
from components.version_selector.component import VersionSelector


def _component(**changed: Any) -> VersionSelector:
    given: dict[str, Any] = {
        "models_folder": "/m",
        "versions": [1, 2],
        "serving_version": 2,
        "label": "late_xf",
    }
    return VersionSelector(channel.Channel(type=standard_artifacts.Examples), **given | changed)


def test_parameters_and_output() -> None:
    component = _component(passed_over={3: "was rolled back", 5: "was rolled back"}, error_rate=0.1)
    properties = component.exec_properties
    assert properties[keys.MODELS_FOLDER] == "/m"
    assert json.loads(properties[keys.VERSIONS]) == [1, 2]
    assert json.loads(properties[keys.PASSED_OVER]) == {"was rolled back": [3, 5]}
    assert properties[keys.ERROR_RATE] == 0.1
    assert component.outputs[keys.CHOICE].type is VersionChoice


def test_parameters_stay_short_enough_for_every_store() -> None:
    numbers = range(1_767_000_000, 1_767_000_400)
    component = _component(
        versions=[*numbers[:27], 2],
        passed_over={version: f"is the model of version {version + 1}" for version in numbers},
    )
    texts = [value for value in component.exec_properties.values() if isinstance(value, str)]
    assert max(len(text) for text in texts) < 2704


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"serving_version": 3}, "expected the serving version 3 among them"),
        ({"label": ""}, "label"),
        ({"error_rate": 1.0}, r"within \(0, 1\)"),
        ({"min_examples": 0}, "min_examples: expected at least 1"),
    ],
)
def test_bad_parameters_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _component(**changed)
