"""Runs pipelines; a folder per engine."""
