from __future__ import annotations

import serving.request_log


def test_what_is_exported_is_there():
    exported = serving.request_log.__all__
    assert exported == sorted(exported)
    for name in exported:
        assert getattr(serving.request_log, name).__module__.startswith("serving.request_log.")
