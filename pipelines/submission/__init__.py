"""Submission of pipelines to a cluster: plan, checks, the server's client, schedules, watching."""
