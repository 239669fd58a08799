"""Computes models with TensorFlow in this process.

`options` can be read without TensorFlow; every other module imports it, which takes seconds and is
done once, when the server starts.
"""
