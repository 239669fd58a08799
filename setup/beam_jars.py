"""Fetches what Beam needs to run on Flink and Spark: `python3 setup/beam_jars.py [STACK …]`.

For each stack, by default this machine's: Beam's job servers, which hand jobs to an engine, through
`mvn`, and Flink itself, from the package index through pip. They go to `jars/` below
`${RINGWAY_CACHE:-~/.cache/ringway}`, 0.6 GB, where `ringway` and the tests look for them:

    beam-runners-flink-1.19-job-server-2.61.0.jar   a job server
    beam-runners-flink-1.19-parts-2.62.0/           the same of a nearby release, in its parts,
      job-server.jar                                where a repository has the parts only
    flink-1.19.3/                                   the jars that a cluster is started from

Each gets its name when it is complete, with the checksums of its files beside it. What no longer
fits them is fetched anew. Several fetches at once wait for each other.

Starting any of it is left to whoever uses it. Parses on Python 3.8 and needs nothing but the
standard library.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import IO, Iterable, Iterator, Mapping, NoReturn

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))  # called as a script, only `setup/` is there

from setup.bootstrap import REFUSED, SetupError, choose_for_this_machine, say  # noqa: E402
from setup.stack_choice import STACK_NAMES  # noqa: E402

ENGINES = ("flink", "spark")
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
SUMS = "SHA256SUMS"
PATH_JAR = "job-server.jar"
# Of Flink's package: what a cluster of plain Java programs is started from.
CLUSTER_JARS = ("flink-dist-", "log4j-api-", "log4j-core-", "log4j-slf4j-impl-")
# Flink and Spark reach into the JDK, which Java 17 and later forbid unless told.
OPENED = (
    "java.io", "java.lang", "java.lang.invoke", "java.lang.reflect", "java.net", "java.nio",
    "java.text", "java.time", "java.util", "java.util.concurrent", "java.util.concurrent.atomic",
    "java.util.concurrent.locks", "sun.nio.ch", "sun.nio.cs", "sun.security.action",
    "sun.util.calendar",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class JobServer:
    """A release of a job server.

    Attributes:
        artifacts: Maven coordinates: of one jar that holds all, or of the parts.
        main: Of parts: the class that is started.
        flink: Release of Flink that it speaks to; empty for Spark, which it embeds.
    """

    artifacts: tuple[str, ...]
    main: str = ""
    flink: str = ""


@dataclasses.dataclass(frozen=True)
class Fetched:
    """A job server on this machine.

    Attributes:
        jar: What `java -jar` starts.
        flink: Release of Flink that it speaks to; empty for Spark, which it embeds.
    """

    jar: Path
    flink: str = ""


# The newest release of each engine that the stack's Beam supports.
WHOLE: Mapping[str, Mapping[str, JobServer]] = {
    "tfx-1.16": {
        "flink": JobServer(
            ("org.apache.beam:beam-runners-flink-1.19-job-server:2.61.0",), flink="1.19.3"
        ),
        "spark": JobServer(("org.apache.beam:beam-runners-spark-3-job-server:2.61.0",)),
    },
    "tfx-1.21": {
        "flink": JobServer(
            ("org.apache.beam:beam-runners-flink-2.2-job-server:2.77.0",), flink="2.2.1"
        ),
        "spark": JobServer(("org.apache.beam:beam-runners-spark-3-job-server:2.77.0",)),
    },
}
# Some repositories leave the job servers out, which are large. Their parts make the same program,
# and these releases of it work with the Beam of either stack: what they speak is Beam's portable
# protocol.
PARTS: Mapping[str, JobServer] = {
    "flink": JobServer(
        (
            "org.apache.beam:beam-runners-flink-1.19:2.62.0",
            "org.slf4j:slf4j-jdk14:1.7.30",
        ),
        main="org.apache.beam.runners.flink.FlinkJobServerDriver",
        flink="1.19.3",
    ),
    "spark": JobServer(
        (
            "org.apache.beam:beam-runners-spark-3:2.62.0",
            "org.apache.spark:spark-core_2.12:3.5.0",
            "org.apache.spark:spark-sql_2.12:3.5.0",
            "org.apache.spark:spark-streaming_2.12:3.5.0",
        ),
        main="org.apache.beam.runners.spark.SparkJobServerDriver",
    ),
}


def main() -> NoReturn:
    """Fetches for the stacks that are named, and exits."""
    try:
        fetch_all(sys.argv[1:] or [choose_for_this_machine(os.environ).stack.name])
        sys.exit(0)
    except SetupError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)


def fetch_all(stacks: Iterable[str]) -> None:
    """Fetches everything that the stacks need, and says where it lies.

    Raises:
        SetupError: There is no such stack, or something cannot be had.
    """
    for stack in stacks:
        if stack not in STACK_NAMES:
            names = " and ".join(STACK_NAMES)
            raise SetupError(f"the stacks are {names}; received {stack}.", REFUSED)
        for engine in ENGINES:
            server = job_server(engine, stack, os.environ)
            say(f"{stack}, {engine}: {server.jar}")
            if server.flink:
                say(f"{stack}, Flink {server.flink}: {flink(server.flink, os.environ)}")


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Returns the folder that all of it lies in, whether it is there or not."""
    cache = environment.get("RINGWAY_CACHE") or Path.home() / ".cache" / "ringway"
    return Path(cache) / "jars"


def job_server(engine: str, stack: str, environment: Mapping[str, str]) -> Fetched:
    """Returns the job server of an engine, fetched now if it is not in the cache.

    Args:
        engine: `flink` or `spark`.
        stack: Such as `tfx-1.16`; whole job servers are those of its Beam.
        environment: Environment variables; `RINGWAY_CACHE` names the folder above `jars/`.

    Raises:
        SetupError: Neither the job server nor its parts can be had.
    """
    whole, parts = WHOLE[stack][engine], PARTS[engine]
    folder = cache_folder(environment)
    jar, made = folder / _jar_name(whole), folder / _parts_name(parts)
    with _locked(folder):
        if _is_complete(jar, jar.with_name(f"{jar.name}.sha256")):
            return Fetched(jar, whole.flink)
        if not _is_complete(made, made / SUMS):
            _check_writable(folder)
            try:
                _fetch_whole(whole, jar)
                return Fetched(jar, whole.flink)
            except SetupError as error:
                say(f"{error} Trying its parts.")
                _fetch_parts(parts, made)
    return Fetched(made / PATH_JAR, parts.flink)


def flink(release: str, environment: Mapping[str, str]) -> Path:
    """Returns the folder of the jars that a Flink cluster is started from, fetched if need be.

    Raises:
        SetupError: The package index does not have it.
    """
    folder = cache_folder(environment) / f"flink-{release}"
    with _locked(folder.parent):
        if not _is_complete(folder, folder / SUMS):
            _check_writable(folder.parent)
            with _renamed_when_complete(folder) as unfinished:
                _fetch_flink(release, unfinished)
    return folder


def _jar_name(server: JobServer) -> str:
    _, artifact, version = server.artifacts[0].split(":")
    return f"{artifact}-{version}.jar"


def _parts_name(server: JobServer) -> str:
    _, artifact, version = server.artifacts[0].split(":")
    return f"{artifact}-parts-{version}"


def _fetch_whole(server: JobServer, jar: Path) -> None:
    with tempfile.TemporaryDirectory(dir=jar.parent) as text:
        unfinished = Path(text)
        _maven("copy", f"-Dartifact={server.artifacts[0]}", f"-DoutputDirectory={unfinished}")
        fetched = unfinished / jar.name
        jar.with_name(f"{jar.name}.sha256").write_text(_sums([fetched]))
        fetched.rename(jar)


def _fetch_parts(server: JobServer, folder: Path) -> None:
    with _renamed_when_complete(folder) as unfinished:
        pom = unfinished / "pom.xml"
        pom.write_text(project(server.artifacts))
        where = f"-DoutputDirectory={unfinished}"
        _maven("copy-dependencies", "-f", str(pom), "-DincludeScope=runtime", where)
        jars = sorted(path.name for path in unfinished.glob("*.jar"))
        with zipfile.ZipFile(unfinished / PATH_JAR, "w") as archive:
            archive.writestr("META-INF/MANIFEST.MF", manifest(server.main, jars))


def _fetch_flink(release: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as text:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", text]
        _called([*command, f"apache-flink-libraries=={release}"], f"Flink {release}")
        for name, content in _packed(next(Path(text).iterdir())):
            if name.startswith(CLUSTER_JARS):
                with (folder / name).open("wb") as target:
                    shutil.copyfileobj(content, target)


def _packed(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yields the files of a wheel or a source archive by their own names."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                yield Path(name).name, wheel.open(name)
        return
    with tarfile.open(archive) as source:
        for member in source:
            content = source.extractfile(member)
            if content is not None:
                yield Path(member.name).name, content


def project(artifacts: Iterable[str]) -> str:
    """Returns the description of a Maven project that has nothing but dependencies.

    Args:
        artifacts: Coordinates such as `org.apache.beam:beam-runners-spark-3:2.62.0`.
    """
    dependencies = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>"
        "</dependency>".format(*artifact.split(":"))
        for artifact in artifacts
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>ringway</groupId><artifactId>job-server</artifactId><version>1</version>"
        f"<packaging>pom</packaging><dependencies>{dependencies}</dependencies></project>\n"
    )


def manifest(main_class: str, jars: Iterable[str]) -> str:
    """Returns the manifest of a jar that starts a class of the jars beside it."""
    opened = " ".join(f"java.base/{package}" for package in OPENED)
    fields = {"Main-Class": main_class, "Add-Opens": opened, "Class-Path": " ".join(jars)}
    lines = ["Manifest-Version: 1.0"]
    for name, value in fields.items():
        text = f"{name}: {value}"
        # A line has 72 bytes at most; what goes on in the next begins with a space.
        lines += [text[:70], *(f" {text[i : i + 69]}" for i in range(70, len(text), 69))]
    return "\r\n".join([*lines, "", ""])


def _maven(goal: str, *arguments: str) -> None:
    command = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", f"{PLUGIN}:{goal}"]
    _called([*command, *arguments], f"Beam's job server, by mvn {goal},")


def _called(command: list[str], what: str) -> None:
    """Runs a program that fetches something.

    Raises:
        SetupError: It is not installed, or failed.
    """
    program = Path(command[0]).name
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except FileNotFoundError as error:
        raise SetupError(
            f"{what} cannot be fetched without {program}: apt-get install maven.", REFUSED
        ) from error
    if done.returncode != 0:
        said = next((line for line in done.stdout.splitlines() if "ERROR" in line), done.stdout)
        raise SetupError(f"{what} cannot be had: {said.strip()[:300]}")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, as far as the folder can be written."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = (folder / ".lock").open("w")
    except OSError:
        yield  # nothing is fetched into a folder that others may only read
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK):
        raise SetupError(f"{folder} lacks what is asked for, and cannot be written.", REFUSED)


@contextlib.contextmanager
def _renamed_when_complete(folder: Path) -> Iterator[Path]:
    """Yields a folder to fill, which gets its name if the block comes to its end."""
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        yield unfinished
        (unfinished / SUMS).write_text(_sums(sorted(unfinished.glob("*.jar"))))
        unfinished.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _sums(files: Iterable[Path]) -> str:
    """Returns a line of checksum and name for each file, as `sha256sum` writes them."""
    return "".join(f"{_sha256(file)}  {file.name}\n" for file in files)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        for block in iter(lambda: content.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _is_complete(path: Path, sums: Path) -> bool:
    """Tells whether a file, or all of a folder, is there as its checksums say."""
    if not (path.exists() and sums.is_file()):
        return False
    folder = path if path.is_dir() else path.parent
    for line in sums.read_text().splitlines():
        expected, _, name = line.partition("  ")
        file = folder / name
        if not file.is_file() or _sha256(file) != expected:
            return False
    return True


if __name__ == "__main__":
    main()
