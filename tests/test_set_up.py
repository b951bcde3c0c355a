"""The scripts that set up and start: which Python, when to install anew, and that half an environment is never used."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
TELL = '#!/bin/sh\n[ "$1" = -c ] && exit 0\nprintf "<%s>" "$0" "$@"\n'
BROKEN = "#!/bin/sh\necho 'command not found' >&2\nexit 127\n"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "a folder"
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "requirements").mkdir()
    (root / "requirements" / "all.lock").write_text("click==8.4.0\n")
    return root


def ready(root: Path, lock: str = "click==8.4.0\n") -> Path:
    python = program(root / ".venv" / "bin" / "python", TELL)
    (root / ".venv" / "installed.lock").write_text(lock)
    return python


def start(root: Path, tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start with no Python on the path but those in a folder of our own."""
    tools = tmp_path / "tools"
    tools.mkdir(exist_ok=True)
    for tool in ("sh", "dirname", "readlink", "cmp"):
        if not (tools / tool).exists():
            found = shutil.which(tool)
            assert found, tool
            (tools / tool).symlink_to(found)
    return subprocess.run(
        [root / "scripts" / "stresslab", *arguments],
        cwd=tmp_path,
        env={"PATH": str(tools), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_ready_environment_is_used_as_it_is(repository, tmp_path):
    python = ready(repository)
    done = start(repository, tmp_path, "run", "my scenario.toml", "")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"<{python}><-P><-m><stresslab><run><my scenario.toml><>"


def test_link_to_the_script_finds_the_repository(repository, tmp_path):
    python = ready(repository)
    link = tmp_path / "stresslab"
    link.symlink_to(repository / "scripts" / "stresslab")
    done = subprocess.run([link, "venues"], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout == f"<{python}><-P><-m><stresslab><venues>"


@pytest.mark.parametrize("state", ["missing", "half-made", "other lock"])
def test_environment_is_made_where_it_is_not_ready(repository, tmp_path, state):
    if state == "half-made":
        ready(repository)
        (repository / ".venv" / "installed.lock").unlink()
    elif state == "other lock":
        ready(repository, lock="click==8.3.0\n")
    base = program(tmp_path / "tools" / "python3.12", TELL)
    done = start(repository, tmp_path)
    maker = repository / "scripts" / "make_environment.py"
    assert f"<{base}><{maker}><{repository}>" in done.stderr


def test_python_that_does_not_start_is_passed_over(repository, tmp_path):
    program(tmp_path / "tools" / "python3.13", BROKEN)
    base = program(tmp_path / "tools" / "python3", TELL)
    assert f"<{base}>" in start(repository, tmp_path).stderr


def test_python_of_one_s_own_comes_first(repository, tmp_path):
    program(tmp_path / "tools" / "python3.13", TELL)
    mine = program(tmp_path / "my own" / "python", TELL)
    assert f"<{mine}>" in start(repository, tmp_path, PYTHON=str(mine)).stderr


def test_python_of_one_s_own_that_fails_is_named(repository, tmp_path):
    base = program(tmp_path / "tools" / "python3", TELL)
    mine = program(tmp_path / "my own" / "python", BROKEN)
    told = start(repository, tmp_path, PYTHON=str(mine)).stderr
    assert f"PYTHON={mine} is not a Python 3.11 or newer" in told
    assert f"<{base}>" in told


def test_no_python_at_all(repository, tmp_path):
    program(tmp_path / "tools" / "python3", BROKEN)
    done = start(repository, tmp_path)
    assert done.returncode == 1
    assert "no Python 3.11 or newer" in done.stderr


@pytest.fixture
def maker() -> ModuleType:
    place = importlib.util.spec_from_file_location("make_environment", ROOT / "scripts" / "make_environment.py")
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def test_interrupted_installation_is_not_ready(repository, maker, monkeypatch):
    environment, lock = repository / ".venv", repository / "requirements" / "all.lock"
    installed: list[list[str]] = []

    def create(folder: Path, **options: bool) -> None:
        assert not folder.exists()
        program(folder / "bin" / "python", TELL)
        (folder / "lib" / "python3.12" / "site-packages").mkdir(parents=True)

    def interrupted(command: list[str], **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(maker.venv, "create", create)
    monkeypatch.setattr(maker.subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        maker.make(environment, lock)
    assert environment.exists()
    assert not maker.is_ready(environment, lock)

    # The next call starts from nothing and succeeds.
    monkeypatch.setattr(maker.subprocess, "run", lambda command, **options: installed.append(command))
    maker.make(environment, lock)
    assert maker.is_ready(environment, lock)
    (pip, _) = installed
    assert {"--require-hashes", "--no-deps"} <= set(pip)

    # The project is found from the environment, wherever both are moved together.
    (path_file,) = environment.glob("lib/*/site-packages/stresslab.pth")
    assert os.path.normpath(path_file.parent / path_file.read_text().strip()) == str(repository)

    lock.write_text("click==9.0.0\n")
    assert not maker.is_ready(environment, lock)


def test_this_environment_finds_the_project_from_anywhere():
    program_text = "import stresslab; print(stresslab.__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program_text], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.strip() == str(ROOT / "stresslab" / "__init__.py")
