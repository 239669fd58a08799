"""Pipelines, what runs them, and the questions asked about their runs."""
