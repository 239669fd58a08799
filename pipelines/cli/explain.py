"""Points at the rows of the input that stopped a run: file, line, column, value.

The verdict is the runner's; the search in the files is `pipelines.diagnosis`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines import diagnosis, schema_file
from pipelines.config import PipelineConfig
from pipelines.lineage.keys import RunState
from pipelines.preflight import DataFolder
from pipelines.runners.local.report import RunReport

_EXAMPLE_GEN = "CsvExampleGen"


def places(report: RunReport, folder: DataFolder, config: PipelineConfig) -> Iterator[str]:
    """Yields a sentence for each place in the input that explains how the run ended.

    Args:
        report: How the run ended.
        folder: The CSV files that it read.
        config: The run's configuration.
    """
    if any(node.id == _EXAMPLE_GEN and node.failure for node in report.nodes):
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
