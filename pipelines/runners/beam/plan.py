"""Tells in lines where Beam would run and with which flags, without running anything.

For Dataflow the job of one component is made as well, by Beam's own runner, and not sent.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.config import PipelineConfig
from pipelines.runners.beam import facts
from pipelines.workspace import Workspace


def lines(config: PipelineConfig, workspace: Workspace) -> Iterator[str]:
    """Yields the lines.

    Args:
        config: Of the pipeline, its data folder filled or not.
        workspace: Where the pipeline's own data lies, if it has made it.

    Raises:
        UsageError: The profile lacks something, or Beam refuses the flags.
        RingwayError: The job server of the engine is not on this machine.
    """
    data = workspace.data_root(config.name)
    chosen = facts.choice(config if config.data_root else facts.with_data(config, data))
    yield f"Beam: {chosen.because}"
    yield from (f"  {flag}" for flag in chosen.args)
    if chosen.profile.engine == "dataflow":
        from pipelines.runners.beam import job_graph

        job = job_graph.of_statistics(chosen.args)
        yield f"StatisticsGen's job, made and not sent: {len(job.transforms)} steps"
        yield f"  workers run {', '.join(job.images)}"
        yield (
            "Not tried: whether project, buckets, account and quota are there, and whether the "
            "image can be pulled and starts a worker."
        )
