from __future__ import annotations

import serving.server.batching as package


def test_what_is_exported_is_what_is_there() -> None:
    public = {
        name
        for name, value in vars(package).items()
        if getattr(value, "__module__", "").startswith("serving.") and not name.startswith("_")
    }
    assert set(package.__all__) == public
    assert package.__all__ == sorted(package.__all__)
