from __future__ import annotations

import serving.server.rest


def test_what_is_exported_is_there():
    exported = serving.server.rest.__all__
    assert exported == sorted(exported)
    for name in exported:
        assert getattr(serving.server.rest, name).__module__.startswith("serving.server.rest.")
