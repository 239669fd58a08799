"""The model server: model versions and labels, batching, gRPC and REST."""
