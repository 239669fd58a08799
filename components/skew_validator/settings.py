"""What a whole check is held to, as a pipeline's configuration tells it: plain values, JSON.

`Terms` is what samples of features are compared by; these are they, and those of the row by row
comparison.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from components.skew_validator.terms import Terms

# Of the pipeline's configuration, and read by others: values that stand for none.
_OF_OTHERS = frozenset({"absent", "prediction_output"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What a whole check is held to.

    Attributes:
        terms: Of the comparison of distributions.
        identifiers: Columns that name the entity of a row; rows of equal values in them are
            compared value by value. None where empty.
        float_tolerance: Relative difference up to which two floats of one entity are the same.
        max_mismatch_rate: Share of the joined rows of a feature that may differ, in [0, 1].
        min_joined_share: Share of the served rows that have to find the row of training of the same
            entity, in [0, 1]; where fewer do, they are not compared. At 0 none has to.
    """

    terms: Terms = dataclasses.field(default_factory=Terms)
    identifiers: tuple[str, ...] = ()
    float_tolerance: float = 1e-6
    max_mismatch_rate: float = 0.0
    min_joined_share: float = 0.5

    def __post_init__(self) -> None:
        for name, number in (
            ("float_tolerance", self.float_tolerance),
            ("max_mismatch_rate", self.max_mismatch_rate),
            ("min_joined_share", self.min_joined_share),
        ):
            if not 0 <= number <= 1:
                raise ValueError(f"{name}: expected a number from 0 to 1, received {number!r}.")
        if self.float_tolerance == 1:
            raise ValueError("float_tolerance: expected a number below 1, received 1.")

    @classmethod
    def of(cls, fields: Mapping[str, Any] | str) -> Settings:
        """Returns settings of the fields of a pipeline's `SkewConfig`, by name, or of their JSON.

        Raises:
            ValueError: A field is unknown, or its value is out of range.
        """
        given = dict(json.loads(fields) if isinstance(fields, str) else fields)
        known = {*_FIELDS, *_TERMS, *_OF_OTHERS}
        if unknown := sorted(given.keys() - known):
            raise ValueError(
                f"terms: there is no {unknown[0]!r}; expected some of {', '.join(sorted(known))}."
            )
        terms = {name: given[name] for name in _TERMS if name in given}
        for name in ("numeric", "categorical"):
            if chosen := tuple(terms.pop(name, ())):
                terms[name] = chosen
        if "floors" in terms:
            terms["floors"] = dict(terms["floors"])
        if "optional" in terms:
            terms["optional"] = frozenset(terms["optional"])
        others = {name: given[name] for name in _FIELDS if name in given}
        if "identifiers" in others:
            others["identifiers"] = tuple(others["identifiers"])
        return cls(terms=Terms(**terms), **others)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values that `of` reads; equal settings give equal ones."""
        terms = {name: getattr(self.terms, name) for name in _TERMS}
        terms["floors"] = dict(sorted(self.terms.floors.items()))
        terms["optional"] = sorted(self.terms.optional)
        others = {name: getattr(self, name) for name in _FIELDS}
        plain = {**terms, **others}
        return {name: list(x) if isinstance(x, tuple) else x for name, x in plain.items()}


_TERMS = tuple(field.name for field in dataclasses.fields(Terms))
_FIELDS = tuple(field.name for field in dataclasses.fields(Settings) if field.name != "terms")
