"""Java: where it is, its libraries from Maven, and class archives, which halve the start of a program."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cluster.child import launch
from cluster.parts import MissingPart, made_once, only_one

OLDEST = 17
COPY = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"
POM = """<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>randomchat.cluster</groupId><artifactId>{name}</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>{dependencies}</dependencies>
</project>
"""
DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Java:
    path: str
    version: str


@cache
def find_java() -> Java:
    """Raises `MissingPart` where there is none, or one that is too old."""
    path = shutil.which("java")
    if path is None:
        raise MissingPart(f"java {OLDEST} or newer, for Kafka and Cassandra")
    answer = subprocess.run([path, "-version"], check=False, capture_output=True, text=True).stderr
    version = re.search(r'version "((\d+)[^"]*)"', answer)
    if version is None or int(version[2]) < OLDEST:
        raise MissingPart(f"java {OLDEST} or newer, for Kafka and Cassandra ({path} is {version[1] if version else 'no Java'})")
    return Java(path, version[1])


def class_path(folder: Path) -> str:
    """In a fixed order: a class archive is good for one class path."""
    return ":".join(str(jar) for jar in sorted(folder.glob("*.jar")))


def fetch_jars(name: str, coordinates: list[str], say: Say) -> Path:
    """The folder with the jars of `coordinates` (group:artifact:version) and of what they need. Raises `MissingPart`."""
    return made_once(f"{name}-jars", lambda folder: _fetch(folder, name, coordinates, say))


def _fetch(folder: Path, name: str, coordinates: list[str], say: Say) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingPart("mvn (Maven), which fetches Kafka and Cassandra")
    say("waits for Maven")
    with only_one("maven"):  # two of them at once can spoil its own store
        pom = folder / "pom.xml"
        dependencies = "".join(DEPENDENCY.format(*coordinate.split(":")) for coordinate in coordinates)
        pom.write_text(POM.format(name=name, dependencies=dependencies))
        command = [
            maven,
            "-B",
            "--strict-checksums",
            "-f",
            str(pom),
            COPY,
            f"-DoutputDirectory={folder}",
            "-DincludeScope=runtime",
        ]
        _follow(command, say)


def _follow(command: list[str], say: Say) -> None:
    say("fetches its jars (once) ...")
    fetched, error = 0, ""
    with launch(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as maven, _killed_if_interrupted(maven):
        assert maven.stdout is not None
        for line in maven.stdout:
            if b"Downloaded from" in line:
                fetched += 1
                if fetched % 25 == 0:
                    say(f"fetches its jars (once): {fetched} files so far")
            elif b"[ERROR]" in line and not error:
                error = line.decode(errors="replace").strip()[:300]
    if maven.returncode != 0:
        raise MissingPart(f"what Maven could not fetch: {error}")


@contextmanager
def _killed_if_interrupted(child: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        child.kill()
        raise


def class_archive(name: str, record: Callable[[Path], None]) -> Path:
    """The archive of the classes that a program loads; `record` runs it once and makes it write one to the given path."""
    java = find_java()
    folder = made_once(f"{name}-classes-{java.version}", lambda folder: record(folder / "classes.jsa"))
    return folder / "classes.jsa"
