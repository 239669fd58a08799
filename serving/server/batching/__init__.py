"""Joins requests into batches while the model computes, and splits the answers again."""

from serving.server.batching.options import BatchingOptions, for_version
from serving.server.batching.reports import BatchReport
from serving.server.batching.scheduler import BatchScheduler
from serving.server.batching.threads import BatchThreads

__all__ = ["BatchReport", "BatchScheduler", "BatchThreads", "BatchingOptions", "for_version"]
