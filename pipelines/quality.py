"""Measures the quality of a pipeline's data on demand: what `ringway quality` does.

The files of a span are made into examples afresh, in a folder that is gone afterwards, and held
against the rules as the pipeline's DataQualityValidator does it in a run. Nothing is recorded.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.arrow_example_gen import patterns
from components.data_quality_validator import rules_file
from components.data_quality_validator.errors import RulesError
from components.data_quality_validator.schema_columns import kinds_of
from pipelines import preflight, schema_file
from pipelines.config import PipelineConfig
from pipelines.errors import DataError, UsageError

if TYPE_CHECKING:
    from components.data_quality_validator.columns import Kind
    from components.data_quality_validator.measurement import Report
    from components.data_quality_validator.rules import Rule

FILE_NAME = "quality.toml"


def rules_path(config: PipelineConfig, chosen: Path | None) -> Path:
    """Returns the file of rules: the chosen one, the configured one, or that beside the schema.

    Raises:
        UsageError: There is none of them.
    """
    if chosen is not None:
        return chosen
    if config.quality_path:
        return Path(config.quality_path)
    beside = Path(config.schema_path).with_name(FILE_NAME)
    if not beside.is_file():
        raise UsageError(
            f"pipeline {config.name!r}: expected rules in quality_path, or in {beside}; "
            "received neither",
            remedy="Write some, as in schemas/taxi/quality.toml, or name a file with --rules.",
        )
    return beside


def span_range(config: PipelineConfig, span: int | None) -> str:
    """Returns which spans to read: the one that is asked for, or those that a run would read.

    Raises:
        UsageError: One is asked for, and the data is not cut into spans.
    """
    if span is None:
        return config.span_range
    if not patterns.has_spans(config.input_pattern):
        raise UsageError(
            f"--span {span}: the data of pipeline {config.name!r} is not cut into spans; "
            f"its input_pattern is {config.input_pattern!r}",
            remedy="Leave --span out to measure all of it.",
        )
    return f"{span}:{span}"


def read_rules(config: PipelineConfig, path: Path) -> tuple[tuple[Rule, ...], dict[str, Kind]]:
    """Returns the rules of a file, and what the columns of the pipeline's schema hold.

    Raises:
        UsageError: The file cannot be used.
    """
    kinds = kinds_of(schema_file.read(Path(config.schema_path)))
    try:
        return rules_file.read(path, kinds), kinds
    except RulesError as error:
        remedy = "What a rule can be is told in components/data_quality_validator/rules.py."
        raise UsageError(str(error), remedy=remedy) from error


def measure(
    config: PipelineConfig,
    rules_file_path: Path,
    *,
    spans: str = "",
    work: Path,
    note: Callable[[str], None],
) -> Report:
    """Holds data against rules.

    Args:
        config: With the folder of the data.
        rules_file_path: The rules.
        spans: Which spans, as in `PipelineConfig.span_range`; empty for the last one, or for data
            that is not cut into spans.
        work: Folder for the examples; what is written there is removed.
        note: Is told what is being done.

    Raises:
        UsageError: The rules cannot be used.
        DataError: The data cannot be read.
    """
    rules, kinds = read_rules(config, rules_file_path)
    folder = preflight.check_data(Path(config.data_root), config.input_pattern, spans)
    if folder.note:
        note(folder.note)
    note("loading TensorFlow …")
    from components.data_quality_validator import quality
    from components.data_quality_validator.reading import ExampleFiles

    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="quality-", dir=work) as made:
        note(f"reading {len(folder.files):,} file(s) …")
        files = _examples(config, spans, Path(made))
        return quality.measure(
            rules,
            ExampleFiles(files, kinds),
            source=str(rules_file_path),
            span=max(folder.spans, default=None),
            first_span=min(folder.spans, default=None),
            now_sec=time.time(),
            note=lambda rows: note(f"{rows:,} rows measured"),
        )


def _examples(config: PipelineConfig, spans: str, folder: Path) -> dict[str, list[str]]:
    from tfx.types import standard_artifacts
    from tfx.utils import proto_utils

    from components.arrow_example_gen.errors import InputError
    from components.arrow_example_gen.executor import Executor
    from components.artifacts import example_files
    from pipelines import example_splits

    parameters: dict[str, Any] = {
        "input_base": str(Path(config.data_root).absolute()),
        "input_config": proto_utils.proto_to_json(example_splits.input_config(config)),
        "output_config": proto_utils.proto_to_json(example_splits.output_config(config)),
    }
    if (range_ := example_splits.range_config(spans)) is not None:
        parameters["range_config"] = proto_utils.proto_to_json(range_)
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    try:
        Executor().Do({}, {"examples": [artifact]}, parameters)
    except InputError as error:
        raise DataError(str(error), remedy="Mend the data.") from error
    return example_files.by_split([artifact])
