"""What travels between clients and servers: messages, tensors, JSON, errors.

Nothing here imports TensorFlow.
"""
