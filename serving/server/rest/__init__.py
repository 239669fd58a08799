"""REST: HTTP/1.1 around a data plane, as TensorFlow Serving speaks it.

httptools parses what comes over the sockets. JSON is for `serving.wire.rest`.
"""

from serving.server.rest.app import RestApp, RestOptions
from serving.server.rest.server import RestServer

__all__ = ["RestApp", "RestOptions", "RestServer"]
