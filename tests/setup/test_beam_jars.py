"""What is fetched for Flink and Spark, with an `mvn` that copies from a folder; pip is real."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import stack
from setup import beam_jars
from setup.bootstrap import SetupError
from setup.stack_choice import STACK_NAMES

WHOLE = "beam-runners-flink-1.19-job-server-2.61.0.jar"
# Copies what lies in the repository: one artifact, or everything for a project's dependencies.
MVN = """#!/bin/sh
echo "$@" >>{log}
repository={repository}
for argument; do
  case "$argument" in
    *:copy) goal=copy ;;
    *:copy-dependencies) goal=parts ;;
    -Dartifact=*) artifact=${{argument#*=}} ;;
    -DoutputDirectory=*) target=${{argument#*=}} ;;
  esac
done
if [ $goal = copy ]; then
  name=$(echo "$artifact" | cut -d : -f 2)-$(echo "$artifact" | cut -d : -f 3).jar
  cp "$repository/$name" "$target" || {{ echo "[ERROR] Could not find $artifact"; exit 1; }}
else
  cp "$repository"/part-*.jar "$target" || {{ echo "[ERROR] No parts"; exit 1; }}
fi
"""


class Repository:
    """A folder of jars, and an `mvn` on the path that fetches from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "mvn.log"
        mvn = folder / "mvn"
        mvn.write_text(MVN.format(log=shlex.quote(str(self.log)), repository=folder))
        mvn.chmod(0o755)

    def add(self, name: str, content: str) -> None:
        """Puts a jar there."""
        (self.folder / name).write_text(content)

    @property
    def calls(self) -> int:
        """How often `mvn` was called."""
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return Repository(folder)


@pytest.fixture
def fetch(tmp_path: Path) -> Callable[[], beam_jars.Fetched]:
    environment = {"RINGWAY_CACHE": str(tmp_path / "cache")}
    return lambda: beam_jars.job_server("flink", "tfx-1.16", environment)


def test_a_job_server_is_fetched_once(
    repository: Repository, fetch: Callable[[], beam_jars.Fetched], tmp_path: Path
) -> None:
    repository.add(WHOLE, "the program")
    first, second = fetch(), fetch()
    assert first == second == beam_jars.Fetched(tmp_path / "cache/jars" / WHOLE, "1.19.3")
    assert first.jar.read_text() == "the program"
    assert repository.calls == 1
    checked = subprocess.run(
        ["sha256sum", "--check", f"{WHOLE}.sha256"], cwd=first.jar.parent, check=False
    )
    assert checked.returncode == 0


def test_a_job_server_that_is_damaged_is_fetched_anew(
    repository: Repository, fetch: Callable[[], beam_jars.Fetched]
) -> None:
    repository.add(WHOLE, "the program")
    fetch().jar.write_text("the prog")
    assert fetch().jar.read_text() == "the program"


def test_where_there_are_parts_only_a_jar_beside_them_names_them(
    repository: Repository, fetch: Callable[[], beam_jars.Fetched]
) -> None:
    for name in ("part-b.jar", "part-a.jar"):
        repository.add(name, name)
    fetched = fetch()
    assert fetched.flink == "1.19.3"
    assert fetched.jar.parent.name == "beam-runners-flink-1.19-parts-2.62.0"
    assert (fetched.jar.parent / "part-b.jar").read_text() == "part-b.jar"
    with zipfile.ZipFile(fetched.jar) as jar:
        manifest = jar.read("META-INF/MANIFEST.MF").decode()
    assert "Main-Class: org.apache.beam.runners.flink.FlinkJobServerDriver\r\n" in manifest
    assert "Class-Path: part-a.jar part-b.jar\r\n" in manifest
    calls = repository.calls
    assert fetch() == fetched
    assert repository.calls == calls == 2


def test_a_part_that_is_lost_has_all_fetched_anew(
    repository: Repository, fetch: Callable[[], beam_jars.Fetched]
) -> None:
    repository.add("part-a.jar", "part-a")
    folder = fetch().jar.parent
    (folder / "part-a.jar").unlink()
    assert (fetch().jar.parent / "part-a.jar").read_text() == "part-a"


def test_what_cannot_be_had_leaves_nothing(
    repository: Repository, fetch: Callable[[], beam_jars.Fetched], tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match=r"copy-dependencies, cannot be had: .*No parts"):
        fetch()
    assert repository.calls == 2
    assert [path.name for path in (tmp_path / "cache/jars").iterdir()] == [".lock"]


def test_without_maven_it_is_told_how_to_get_it(
    fetch: Callable[[], beam_jars.Fetched], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="without mvn: apt-get install maven"):
        fetch()


def test_a_manifest_has_short_lines_that_make_its_fields() -> None:
    jars = [f"a-rather-long-name-of-a-part-{number}.jar" for number in range(99)]
    text = beam_jars.manifest("some.Main", jars)
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 72
    unfolded = text.replace("\r\n ", "").split("\r\n")
    assert f"Class-Path: {' '.join(jars)}" in unfolded
    assert text.endswith("\r\n\r\n")


@pytest.mark.skipif(shutil.which("java") is None, reason="no java")
def test_java_reads_from_the_manifest_what_to_start(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "job-server.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", beam_jars.manifest("not.There", ["part.jar"]))
    told = subprocess.run(
        ["java", "-jar", str(tmp_path / "job-server.jar")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ClassNotFoundException: not.There" in told.stderr


@pytest.mark.parametrize(
    ("folder", "rest"), [("pyflink/lib", "py2.py3-none-any.whl"), ("deps/lib", "tar.gz")]
)
def test_of_flink_the_jars_of_a_cluster_are_kept(
    folder: str, rest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    index.mkdir()
    (make_wheel if rest.endswith("whl") else make_source_archive)(index, folder)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip reads this as: no isolation
    environment = {"RINGWAY_CACHE": str(tmp_path / "cache")}
    kept = beam_jars.flink("1.19.3", environment)
    assert kept == tmp_path / "cache/jars/flink-1.19.3"
    assert {path.name for path in kept.glob("*.jar")} == {"flink-dist-1.19.3.jar"}
    assert (kept / "flink-dist-1.19.3.jar").read_text() == "flink-dist"
    shutil.rmtree(index)
    assert beam_jars.flink("1.19.3", environment) == kept


def make_wheel(index: Path, folder: str) -> None:
    name = "apache_flink_libraries-1.19.3"
    metadata = "Metadata-Version: 2.1\nName: apache-flink-libraries\nVersion: 1.19.3\n"
    with zipfile.ZipFile(index / f"{name}-py2.py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{folder}/flink-dist-1.19.3.jar", "flink-dist")
        wheel.writestr(f"{folder}/flink-csv-1.19.3.jar", "flink-csv")
        wheel.writestr(f"{name}.dist-info/METADATA", metadata)
        wheel.writestr(
            f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py2-none-any\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{name}.dist-info/RECORD", "")


def make_source_archive(index: Path, folder: str) -> None:
    root = index / "made" / "apache-flink-libraries-1.19.3"
    (root / folder).mkdir(parents=True)
    (root / folder / "flink-dist-1.19.3.jar").write_text("flink-dist")
    (root / folder / "flink-csv-1.19.3.jar").write_text("flink-csv")
    (root / "setup.py").write_text(
        "import setuptools\n"
        "setuptools.setup(name='apache-flink-libraries', version='1.19.3', packages=[])\n"
    )
    archive = f"{root.name}.tar.gz"
    subprocess.run(["tar", "-czf", index / archive, "-C", root.parent, root.name], check=True)
    shutil.rmtree(root.parent)


def test_a_folder_that_may_only_be_read_is_enough_once_all_is_there(
    repository: Repository, fetch: Callable[[], beam_jars.Fetched], tmp_path: Path
) -> None:
    repository.add(WHOLE, "the program")
    fetched = fetch()
    (tmp_path / "cache/jars/.lock").unlink()
    # A folder in the lock's place keeps it from being opened, as a read-only mount does.
    (tmp_path / "cache/jars/.lock").mkdir()
    assert fetch() == fetched


@pytest.mark.parametrize("name", STACK_NAMES)
def test_whole_job_servers_are_those_that_the_pipelines_look_for(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "name", lambda: name)
    for engine in beam_jars.ENGINES:
        assert beam_jars.WHOLE[name][engine].artifacts == (stack.job_server(engine),)
