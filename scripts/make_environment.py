"""Make the virtual environment from the hashed lock; called by scripts/environment with the repository's folder.

Standard library alone, for it runs under the bare Python that was found on the machine.
"""

from __future__ import annotations

import fcntl
import filecmp
import os
import platform
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path


def say(message: str) -> None:
    """Print one line of progress to stderr."""
    print(f"stresslab: {message}", file=sys.stderr, flush=True)


def is_ready(environment: Path, lock: Path) -> bool:
    """Whether the environment was made whole, and from this very lock."""
    stamp = environment / "installed.lock"
    return (
        stamp.is_file()
        and filecmp.cmp(lock, stamp, shallow=False)
        and os.access(environment / "bin" / "python", os.X_OK)
    )


def make(environment: Path, lock: Path) -> None:
    """Install every locked package into a new environment; the stamp comes last, so that an interruption is noticed."""
    if environment.is_symlink() or environment.is_file():
        environment.unlink()
    elif environment.exists():
        shutil.rmtree(environment)
    # The environment starts empty and the stamp holds what is installed now, whatever happens to the lock meanwhile.
    venv.create(environment, with_pip=True, symlinks=True)
    requirements = environment / "installing.lock"
    shutil.copyfile(lock, requirements)
    python = [str(environment / "bin" / "python"), "-I", "-m"]
    install = ["pip", "install", "--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile", "--no-input"]
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    # The lock on the folder is handed down: should this process be killed, it holds until pip has ended too.
    subprocess.run(
        [*python, *install, *quiet, "--disable-pip-version-check", "-r", str(requirements)],
        check=True,
        close_fds=False,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    )
    packages = next((environment / "lib").glob("python*/site-packages"))
    # Relative to its own folder, so that the repository may be moved.
    (packages / "stresslab.pth").write_text("../../../..\n", encoding="utf-8")
    # Some packages ship files that are not meant to compile, so the status says nothing.
    subprocess.run([*python, "compileall", "-q", "-q", "-j", "0", str(packages)], check=False, close_fds=False)
    requirements.rename(environment / "installed.lock")


def main() -> int:
    """Make the environment unless another call has made it meanwhile; returns the exit status."""
    root = Path(sys.argv[1])
    environment, lock = root / ".venv", root / "requirements" / "all.lock"
    with open(root / ".venv.lock", "a", encoding="utf-8") as guard:
        os.set_inheritable(guard.fileno(), True)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another call is setting up; waiting for it")
            fcntl.flock(guard, fcntl.LOCK_EX)
        if is_ready(environment, lock):
            return 0
        say(f"setting up {environment} with Python {platform.python_version()}, once; this takes a minute or two")
        started = time.monotonic()
        make(environment, lock)
        say(f"ready after {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted; the next call starts the set-up anew")
        sys.exit(130)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"the set-up failed and will be started anew by the next call: {error}")
        sys.exit(1)
