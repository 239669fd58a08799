"""Evaluates older versions of a model on new data beside the one that serves, and chooses.

`selection` holds the statistics, `findings` what was found; both are read without TFX. `component`
holds the component.
"""
