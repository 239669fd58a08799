"""A TensorFlow Serving behind, which computes; without TensorFlow in this process."""
