"""The folder that a run leaves behind: built aside, then put in place whole, or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
MARK = "stresslab run 1"
"""Value of the manifest's ``schema``, by which a former run is recognized."""


class OutputFolderError(ValueError):
    """The folder cannot be written, or holds what is not ours to replace. The message says which, and what to do."""


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the manifest of a finished folder: the content, our mark, and the SHA-256 of every file.

    Parameters
    ----------
    folder : pathlib.Path
        The folder with every other file in it already.
    content : mapping of str to JSON values
        What the manifest says beyond ``schema`` and ``files``, which are added here.
    """
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in sorted(_files(folder))
        if name != MANIFEST
    }
    manifest = {"schema": MARK, **content, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def output_folder(path: Path) -> Iterator[Path]:
    """Give a new folder beside the wanted one; put it in its place if the block succeeds, remove it if not.

    Whether the place may be taken is checked before the block, so that no work is lost, and again after it. It may be
    taken where nothing stands, where an empty folder stands, and where a former run stands to which nobody has added.

    Parameters
    ----------
    path : pathlib.Path
        Where the result shall stand; folders above it are made, and removed again if the block does not succeed.

    Yields
    ------
    pathlib.Path
        The folder to write to, in the same parent. The block must leave a manifest in it (`write_manifest`).

    Raises
    ------
    OutputFolderError
        If the place is taken by something else, or cannot be written.
    """
    place = _free_place(path)
    above = [folder for folder in place.parents if not folder.exists()]
    scratch = place.with_name(f".{place.name}.unfinished-{uuid.uuid4().hex[:8]}")
    try:
        try:
            scratch.mkdir(parents=True)
        except OSError as error:
            raise OutputFolderError(f"{path} cannot be written: {error.strerror}; choose another folder") from error
        yield scratch
        _free_place(path)
        _put(scratch, place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        # A folder that is not empty stays: the result stands in it, or something of somebody else's.
        with suppress(OSError):
            for folder in above:
                folder.rmdir()


def is_former_run(folder: Path) -> bool:
    """Whether a folder holds a finished run: a manifest that bears our mark."""
    return _written_by_us(folder) is not None


def _put(scratch: Path, place: Path) -> None:
    """Rename the finished folder to its place; the former one steps aside first and comes back if that fails."""
    if not place.exists():
        scratch.rename(place)
        return
    former = scratch.with_name(scratch.name.replace("unfinished", "former"))
    try:
        place.rename(former)
        scratch.rename(place)
    except BaseException:
        # An interrupt may arrive after either of the two.
        if not place.exists():
            former.rename(place)
        raise
    shutil.rmtree(former, ignore_errors=True)


def _free_place(path: Path) -> Path:
    """The place in full; raise where it cannot be looked at, and where something stands that must not be replaced."""
    try:
        place = path.resolve()
        _check_free(path, place)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        reason = getattr(error, "strerror", None) or "its links lead in a circle"
        raise OutputFolderError(f"{path} cannot be reached: {reason}; choose another folder") from error
    return place


def _check_free(path: Path, place: Path) -> None:
    if not place.exists():
        return
    if not place.is_dir():
        raise OutputFolderError(f"{path} is a file; name a folder")
    if not any(place.iterdir()):
        return
    # The manifest first: what is not ours may be a whole home folder, and is not walked through.
    written = _written_by_us(place)
    if written is None:
        raise OutputFolderError(
            f"{path} is not empty and holds no former run (no {MANIFEST} of stresslab); choose another folder"
        )
    strangers = sorted(_files(place) - written)
    if strangers:
        some = ", ".join(strangers[:3]) + (" and more" if len(strangers) > 3 else "")
        raise OutputFolderError(
            f"{path} holds a former run and also {some}, which would be lost; move that away or choose another folder"
        )


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a finished run; None where there is none that bears our mark.

    Parameters
    ----------
    folder : pathlib.Path
        Any folder.

    Returns
    -------
    dict or None
        With ``files``, a dict of relative names to SHA-256, among what `write_manifest` was given.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(manifest, dict) or manifest.get("schema") != MARK or not isinstance(manifest.get("files"), dict):
        return None
    return manifest


def _written_by_us(place: Path) -> set[str] | None:
    """Files that the manifest of a former run names, itself among them; None where there is no manifest of ours."""
    manifest = read_manifest(place)
    return None if manifest is None else {MANIFEST, *manifest["files"]}


def _files(folder: Path) -> set[str]:
    """Everything below a folder that is not itself a folder, by relative name."""
    return {
        entry.relative_to(folder).as_posix() for entry in folder.rglob("*") if entry.is_symlink() or not entry.is_dir()
    }
