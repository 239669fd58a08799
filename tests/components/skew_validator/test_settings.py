from __future__ import annotations

import json

import pytest

from components.skew_validator.settings import Settings
from components.skew_validator.terms import Terms


def test_nothing_asked_for_is_the_default() -> None:
    assert Settings.of({}) == Settings(terms=Terms())


def test_json_makes_the_same_settings_again() -> None:
    settings = Settings.of(
        {
            "numeric": ["psi"],
            "floors": [("psi", 0.2)],
            "optional": ["b", "a"],
            "identifiers": ["id"],
            "max_mismatch_rate": 0.01,
            "absent": [("x", -1)],
        }
    )
    assert settings.terms.numeric == ("psi",)
    assert settings.terms.optional == {"a", "b"}
    assert Settings.of(json.dumps(settings.to_dict())) == settings


def test_equal_settings_are_equal_texts() -> None:
    one, other = (Settings.of({"optional": names}) for names in (["a", "b"], ["b", "a"]))
    assert json.dumps(one.to_dict()) == json.dumps(other.to_dict())


@pytest.mark.parametrize("field", ["float_tolerance", "max_mismatch_rate"])
def test_shares_lie_between_0_and_1(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field}: expected a number from 0 to 1"):
        Settings.of({field: 1.5})
