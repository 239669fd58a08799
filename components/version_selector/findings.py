"""What a look at older versions found, as values and as the JSON document that holds them."""

from __future__ import annotations

import dataclasses
import json

from components.version_selector.selection import Compared

FORMAT = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found.

    Attributes:
        serving: The version that serves.
        examples: Rows with a label, on which all versions were asked.
        positives: Of them, those whose label is 1.
        unlabelled: Rows that were left out since they have none.
        serving_auc: Area of the version that serves; None where nothing could be compared.
        confidence: Of each single interval.
        versions: Those that were compared, the oldest first.
        passed_over: Pairs of a version and why it was not compared.
        chosen: The version to deploy; None where a new model is to be trained.
        because: Why.
    """

    serving: int
    examples: int = 0
    positives: int = 0
    unlabelled: int = 0
    serving_auc: float | None = None
    confidence: float = 0.0
    versions: tuple[Compared, ...] = ()
    passed_over: tuple[tuple[int, str], ...] = ()
    chosen: int | None = None
    because: str = ""

    def to_json(self) -> str:
        """Returns it as a JSON document, for people too."""
        return json.dumps({"format": FORMAT} | dataclasses.asdict(self), indent=2) + "\n"


def from_json(text: str | bytes) -> Findings:
    """Reads what `to_json` wrote.

    Raises:
        ValueError: It is no such document.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
        raise ValueError(f"expected findings of format {FORMAT}, received {text[:80]!r}")
    try:
        versions = tuple(Compared(**one) for one in document.pop("versions"))
        passed_over = tuple((version, why) for version, why in document.pop("passed_over"))
        return Findings(versions=versions, passed_over=passed_over, **document)
    except (KeyError, TypeError) as error:
        raise ValueError(f"findings: a field is missing or unknown: {error}") from error
