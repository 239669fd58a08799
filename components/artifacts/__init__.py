"""What executors read of artifacts: files of examples, a schema, what lies beside them."""
