"""`VersionSelector`: chooses an older version of a model that new data suit better, or none.

What is compared, and how, is told in `selection`; what is asked of a version in
`serving.rollout.reuse`. Deploying the choice is left to others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping

from tfx.dsl.components.base import executor_spec
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.types import channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.version_selector import executor, keys
from components.version_selector.choice import VersionChoice

# ML Metadata indexes its texts, and PostgreSQL refuses an index entry of more than 2,704 bytes. So
# parameters are kept short.
MOST_PASSED_OVER = 40


class VersionSelectorSpec(ComponentSpec):
    """What goes into a `VersionSelector`, and what comes out."""

    PARAMETERS = {  # noqa: RUF012  (TFX reads class attributes)
        keys.MODELS_FOLDER: ExecutionParameter(type=str),
        keys.VERSIONS: ExecutionParameter(type=str),
        keys.SERVING_VERSION: ExecutionParameter(type=int),
        keys.PASSED_OVER: ExecutionParameter(type=str),
        keys.SPLIT: ExecutionParameter(type=str),
        keys.LABEL: ExecutionParameter(type=str),
        keys.PREDICTION_OUTPUT: ExecutionParameter(type=str),
        keys.ERROR_RATE: ExecutionParameter(type=float),
        keys.MIN_GAIN: ExecutionParameter(type=float),
        keys.MIN_METRIC: ExecutionParameter(type=float),
        keys.MIN_EXAMPLES: ExecutionParameter(type=int),
        keys.MAX_EXAMPLES: ExecutionParameter(type=int),
    }
    INPUTS = {  # noqa: RUF012
        keys.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
        keys.PUSHED_MODELS: ChannelParameter(type=standard_artifacts.PushedModel, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012
        keys.CHOICE: ChannelParameter(type=VersionChoice),
    }


class VersionSelector(BaseComponent):
    """Evaluates older versions on new examples, beside the version that serves.

    The output `choice` is a `VersionChoice` with `findings.json`; its custom properties are those
    of `components.version_selector.keys`.
    """

    SPEC_CLASS = VersionSelectorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(  # noqa: PLR0913  (parameters of the node, given by name)
        self,
        examples: channel.BaseChannel,
        *,
        models_folder: str | os.PathLike[str],
        versions: Collection[int],
        serving_version: int,
        label: str,
        pushed_models: channel.BaseChannel | None = None,
        passed_over: Mapping[int, str] | None = None,
        split: str = "newest",
        prediction_output: str = "",
        error_rate: float = 0.05,
        min_gain: float = 0.0,
        min_metric: float = 0.0,
        min_examples: int = 1000,
        max_examples: int = 100_000,
    ) -> None:
        """Describes the node.

        Args:
            examples: Of type `Examples`: raw ones, with the columns of the label.
            models_folder: With a folder of a SavedModel for each version, by its number.
            versions: Those that are asked, the one that serves among them.
            serving_version: Which serves.
            label: The label's name among the transformed features.
            pushed_models: Of type `PushedModel`: those that are evaluated, for lineage.
            passed_over: Why other versions are not evaluated; of the newest `MOST_PASSED_OVER` it
                is recorded with the choice.
            split: The split to take examples from.
            prediction_output: The output that is the prediction; the only one where empty.
            error_rate: Chance that any interval of a gain does not hold, in (0, 1).
            min_gain: What even the lowest gain must be above, at least 0.
            min_metric: The area that a version must at least have, in [0, 1].
            min_examples: On fewer examples nothing is chosen.
            max_examples: Of more, the first are taken.

        Raises:
            ValueError: A number is out of its range, or the version that serves is not there.
        """
        if serving_version not in versions:
            raise ValueError(
                f"{keys.VERSIONS}: expected the serving version {serving_version} among them, "
                f"received {sorted(versions)}"
            )
        if not label:
            raise ValueError(f"{keys.LABEL}: expected a text with at least one character")
        if not 0 < error_rate < 1:
            raise ValueError(f"{keys.ERROR_RATE}: expected within (0, 1), received {error_rate!r}")
        for key, number in {
            keys.MIN_EXAMPLES: min_examples,
            keys.MAX_EXAMPLES: max_examples,
        }.items():
            if number < 1:
                raise ValueError(f"{key}: expected at least 1, received {number!r}")
        inputs = {} if pushed_models is None else {keys.PUSHED_MODELS: pushed_models}
        super().__init__(
            spec=VersionSelectorSpec(
                examples=examples,
                choice=channel.Channel(type=VersionChoice),
                models_folder=os.fspath(models_folder),
                versions=json.dumps(sorted(versions)),
                serving_version=serving_version,
                passed_over=_by_reason(passed_over or {}),
                split=split,
                label=label,
                prediction_output=prediction_output,
                # TFX takes no int for a float.
                error_rate=float(error_rate),
                min_gain=float(min_gain),
                min_metric=float(min_metric),
                min_examples=min_examples,
                max_examples=max_examples,
                **inputs,
            )
        )


def _by_reason(passed_over: Mapping[int, str]) -> str:
    found: dict[str, list[int]] = {}
    for version in sorted(passed_over)[-MOST_PASSED_OVER:]:
        found.setdefault(passed_over[version], []).append(version)
    return json.dumps(found)
