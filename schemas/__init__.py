"""Curated schemas, a folder per data set."""
