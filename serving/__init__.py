"""Serving; empty until the model server lands."""
