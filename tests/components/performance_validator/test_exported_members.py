"""What the package exports is what it names."""

from __future__ import annotations

import components.performance_validator as package


def test_all_names_what_is_there():
    assert sorted(package.__all__) == package.__all__
    for name in package.__all__:
        assert getattr(package, name).__module__.startswith(package.__name__)
