"""Where a prediction is computed: in this process, or by a TensorFlow Serving behind."""
