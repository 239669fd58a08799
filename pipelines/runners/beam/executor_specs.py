"""Takes Beam's flags out of what TFX's cache key is made of.

How Beam runs does not change what it computes, and the number of processes is chosen anew for each
run. Stock TFX hashes the flags with the executor's spec, and would run every node anew.
"""

from __future__ import annotations

from typing import Any

# TFX's compiler fills both; the first is the older one.
_FLAGS = ("beam_pipeline_args", "beam_pipeline_args_placeholders")


def without_flags(spec: Any) -> Any:
    """Returns an executor's spec without Beam's flags, as the `Launcher` should see it.

    Args:
        spec: Any of TFX's executable specs, or None; one that has no such flags is returned as is.
    """
    if not any(getattr(spec, field, None) for field in _FLAGS):
        return spec
    plain = type(spec)()
    plain.CopyFrom(spec)
    for field in _FLAGS:
        plain.ClearField(field)
    return plain


def with_flags(spec: Any, original: Any) -> Any:
    """Returns a spec with the flags of the one that it was made from, as an executor needs it.

    Args:
        spec: What `without_flags` returned.
        original: What it was given.
    """
    return original if spec == without_flags(original) else spec
