"""The life of model versions: found in folders, loaded, served, swapped and unloaded.

`config` reads what is to be served, `storage` and `watch` find its versions, `policy` decides what
comes next, `lifecycle` does it, `states` keeps what became of each version, `snapshot` is what
requests see, and `manager` joins them.
Computing is for the servables that a `Loader` (`serving.backends.servable`) makes.
"""

from serving.server.models.config import ModelConfig
from serving.server.models.manager import ManagerOptions, ModelManager, ModelView, VersionView
from serving.server.models.snapshot import Lease
from serving.server.models.states import State

__all__ = [
    "Lease",
    "ManagerOptions",
    "ModelConfig",
    "ModelManager",
    "ModelView",
    "State",
    "VersionView",
]
