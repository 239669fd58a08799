"""Where a workspace keeps what its runs make.

The environment is read once, in `Workspace.from_environment`; everything else takes a `Workspace`.
Opening the metadata store is left to `pipelines.lineage.store`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Workspace:
    """Folders and the metadata store of one workspace.

    Attributes:
        root: Folder that holds everything made by runs.
        metadata_url: `sqlite:///PATH`, `mysql://…` or `postgresql://…`.
    """

    root: Path
    metadata_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Workspace:
        """Reads `RINGWAY_HOME` and `RINGWAY_METADATA_URL`; both have defaults in the repository."""
        root = Path(environment.get("RINGWAY_HOME") or REPOSITORY / ".ringway").absolute()
        default_url = f"sqlite:///{root / 'metadata.sqlite'}"
        return cls(root=root, metadata_url=environment.get("RINGWAY_METADATA_URL") or default_url)

    def pipeline_root(self, name: str) -> Path:
        """Returns the folder of a pipeline's artifacts."""
        return self.root / "pipelines" / name

    def model_root(self, name: str) -> Path:
        """Returns the folder under which a pipeline's pushed versions lie."""
        return self.root / "models" / name

    def data_root(self, name: str) -> Path:
        """Returns the folder of the data files that a pipeline's `data_fn` makes."""
        return self.root / "data" / name

    def request_log_root(self, name: str) -> Path:
        """Returns the folder of a served model's request log."""
        return self.root / "requests" / name

    def feedback_root(self, name: str) -> Path:
        """Returns the folder into which the labels of a served model's requests are dropped."""
        return self.root / "feedback" / name

    def rollout_root(self, name: str) -> Path:
        """Returns the folder through which a served model's rollout and its server talk."""
        return self.root / "rollouts" / name

    def log_root(self, name: str, run_id: str) -> Path:
        """Returns the folder of one run's node logs."""
        return self.root / "logs" / name / run_id
