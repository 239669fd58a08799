"""README.md names every file, every file it names exists, and its overlay renders."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import yaml
from deploy_manifests import DEPLOY, OLDEST, container_of, named, rendered

README = (DEPLOY / "README.md").read_text(encoding="utf-8")


def test_every_file_has_its_line() -> None:
    listed = set(re.findall(r"^\| `([\w./-]+)` \|", README, re.MULTILINE))
    there = {str(path.relative_to(DEPLOY)) for path in DEPLOY.rglob("*") if path.is_file()}
    assert listed == there - {"README.md"}


def test_variables_named_are_those_of_the_compose_file() -> None:
    compose = (DEPLOY / "compose/compose.yaml").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{(\w+):", compose))
    assert set(re.findall(r"\b((?:RINGWAY|TENSORFLOW)_[A-Z_]+)=", README)) == used


def test_the_oldest_release_promised_is_the_one_tested() -> None:
    assert f"For Kubernetes: {OLDEST} or later" in README


def test_the_overlay_shown_renders(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    overlay = tmp_path / "deploy/kubernetes/overlays/mine"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(shown, encoding="utf-8")
    (image,) = yaml.safe_load(shown)["images"]
    container = container_of(named(rendered(overlay), "Deployment", "ringway"))
    assert container["image"] == f"{image['newName']}:{image['newTag']}"
    assert "--api-keys" in container["args"]
