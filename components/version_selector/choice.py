"""The type of artifact that the component makes."""

from __future__ import annotations

from tfx.types.artifact import Artifact


class VersionChoice(Artifact):
    """Which version is to be deployed: a folder with `findings.json`, and custom properties."""

    TYPE_NAME = "VersionChoice"
