"""Holds a span of examples against rules of data quality that stand beside its schema.

validator = DataQualityValidator(
    examples=gen.outputs["examples"], schema=schema, rules_path="schemas/taxi/quality.toml"
)

The component is imported when it is asked for, since TFX takes seconds: rules can be read and
measured without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.data_quality_validator.component import DataQualityValidator

__all__ = ["DataQualityValidator"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components.data_quality_validator import component

    return getattr(component, name)
