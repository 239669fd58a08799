"""A toy gate on a model, for tests of verdicts."""

from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts


@component
def Judge(
    data: InputArtifact[standard_artifacts.Schema],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    verdict: Parameter[int],
) -> None:
    """Blesses a model, as Evaluator does, with 1; refuses it with 0."""
    Path(blessing.uri).mkdir(parents=True, exist_ok=True)
    blessing.set_int_custom_property("blessed", verdict)
