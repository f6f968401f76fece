import os
from collections.abc import Callable
from pathlib import Path

import pytest

from local.errors import InputError
from local.servers import java

USABLE_MODULES = "java.base@17.0.15\njdk.incubator.vector@17.0.15"
MakeJava = Callable[..., Path]


@pytest.fixture
def make_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeJava:
    """Returns a function that makes a Java home whose `java` lists the given modules. No other Java is found."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(java, "JVM_FOLDER", tmp_path / "jvm")

    def make(name: str, modules: str = USABLE_MODULES, status: int = 0) -> Path:
        executable = tmp_path / name / "bin" / "java"
        executable.parent.mkdir(parents=True)
        executable.write_text(f"#!/bin/sh\ncase $1 in --list-modules) echo '{modules}';; esac\nexit {status}\n")
        executable.chmod(0o755)
        return tmp_path / name

    return make


def put_on_path(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{home / 'bin'}")


def test_java_on_the_path_needs_no_java_home(make_java: MakeJava, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path(make_java("path"), monkeypatch)
    assert java.ensure() is None


def test_java_home_comes_before_the_path(make_java: MakeJava, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path(make_java("path"), monkeypatch)
    home = make_java("home", "java.base@21\njdk.incubator.vector@21")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert java.ensure() == home


def test_the_path_is_searched_after_an_unusable_java_home(make_java: MakeJava, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path(make_java("path"), monkeypatch)
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    assert java.ensure() is None


def test_an_installed_java_outside_the_path_is_found(make_java: MakeJava) -> None:
    home = make_java("jvm/java-17")
    assert java.ensure() == home


@pytest.mark.parametrize(
    ("modules", "status", "problem"),
    [
        ("java.base@11.0.2\njdk.incubator.vector@11", 0, "Java 11 is too old"),
        ("java.base@17.0.15\njava.sql@17", 0, "lacks the module jdk.incubator.vector"),
        ("Unrecognized option: --list-modules", 1, "older than Java 9"),
    ],
)
def test_an_unusable_java_is_named_with_its_problem(
    make_java: MakeJava, monkeypatch: pytest.MonkeyPatch, modules: str, status: int, problem: str
) -> None:
    home = make_java("path", modules, status)
    put_on_path(home, monkeypatch)
    with pytest.raises(InputError, match=f"{home}/bin/java: {problem}"):
        java.ensure()


@pytest.mark.parametrize(
    ("program", "command"),
    [("dnf", "sudo dnf install"), ("brew", "brew install openjdk@17"), ("nothing", "https://adoptium.net")],
)
def test_the_error_has_the_install_command_of_the_system(
    make_java: MakeJava, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, command: str
) -> None:
    (tmp_path / "empty").mkdir()
    fake(tmp_path / "empty" / program, "exit 1")
    with pytest.raises(InputError, match=command):
        java.ensure()


def fake(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_root_on_debian_installs_the_second_package_if_the_first_fails(
    make_java: MakeJava, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_java("later")
    (tmp_path / "empty").mkdir()
    (tmp_path / "jvm").mkdir()
    fake(tmp_path / "empty" / "env", 'shift; exec "$@"')
    install = f"/bin/mv {tmp_path / 'later'} {tmp_path / 'jvm'}"
    fake(
        tmp_path / "empty" / "apt-get",
        f"echo apt-get $*; case $* in *openjdk-17*) exit 100;; *default-jre*) {install};; esac",
    )
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert java.ensure() == tmp_path / "jvm" / "later"
    printed = capfd.readouterr().out.splitlines()
    assert "installing openjdk-17-jre-headless with apt-get" in printed[0]
    assert [line.rsplit(maxsplit=1)[-1] for line in printed[1:]] == [
        "update",
        "openjdk-17-jre-headless",
        "default-jre-headless",
    ]
