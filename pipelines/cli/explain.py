"""Points at the rows of the input that stopped a run: file, line, column, value.

The verdict is the runner's; the search in the files is `pipelines.diagnosis`. Only in CSV files a
row has a place that a person finds again; of Parquet the component's own error names the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.arrow_example_gen.formats import Format
from pipelines import diagnosis, schema_file
from pipelines.config import PipelineConfig
from pipelines.lineage.keys import RunState
from pipelines.preflight import DataFolder
from pipelines.runners.local.report import RunReport


def places(report: RunReport, folder: DataFolder, config: PipelineConfig) -> Iterator[str]:
    """Yields a sentence for each place in the input that explains how the run ended.

    Args:
        report: How the run ended.
        folder: The files that it read.
        config: The run's configuration.
    """
    if folder.format is not Format.CSV:
        return
    if any(node.ingests and node.failure for node in report.nodes):
        fault = diagnosis.find_fault(folder.files)
        if fault is not None:
            yield str(fault)
    if report.outcome.state == RunState.ANOMALIES:
        schema = schema_file.read(Path(config.schema_path))
        concerned = {objection.subject for objection in report.outcome.objections}
        for feature in schema.feature:
            if feature.name in concerned:
                for offence in diagnosis.locate(folder.files, feature, schema):
                    yield str(offence)
