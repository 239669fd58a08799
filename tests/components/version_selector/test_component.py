import json

import pytest
from tfx.types import channel, standard_artifacts

from components.version_selector import keys
from components.version_selector.choice import VersionChoice
from components.version_selector.component import VersionSelector


def _component(**changed: object) -> VersionSelector:
    given = {"versions": {1: "/m/1", 2: "/m/2"}, "serving_version": 2, "label": "late_xf"}
    return VersionSelector(channel.Channel(type=standard_artifacts.Examples), **given | changed)


def test_parameters_and_output() -> None:
    component = _component(passed_over={3: "was rolled back"}, error_rate=0.1)
    properties = component.exec_properties
    assert json.loads(properties[keys.VERSIONS]) == {"1": "/m/1", "2": "/m/2"}
    assert json.loads(properties[keys.PASSED_OVER]) == {"3": "was rolled back"}
    assert properties[keys.ERROR_RATE] == 0.1
    assert component.outputs[keys.CHOICE].type is VersionChoice


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"serving_version": 3}, "expected the serving version 3 among them"),
        ({"label": ""}, "label"),
        ({"error_rate": 1.0}, r"within \(0, 1\)"),
        ({"min_examples": 0}, "min_examples: expected at least 1"),
    ],
)
def test_bad_parameters_are_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _component(**changed)
