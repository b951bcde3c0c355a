"""An archive of reviews: finished runs by account and quarter, in plain folders that need no server."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from stresslab.documents.names import shown
from stresslab.results.limit_history import LAST_REVIEWS, limit_history
from stresslab.results.output_folder import MANIFEST, OutputFolderError, output_folder, read_manifest
from stresslab.results.saving import ResultsError, load
from stresslab.reviewing.jobs import ENDING, write_whole
from stresslab.reviewing.verifying import DamagedError, check_files
from stresslab.scenario.scenario import Scenario

MARK_FILE = "archive.json"
MARK = "stresslab archive 1"
_QUARTER = re.compile(r"\d{4}-Q[1-4]")
_LONGEST = 200  # bytes, of a folder's name with room for what is written beside it


class ArchiveError(ValueError):
    """The archive is not one, lacks what is asked for, or cannot take what it is given. The message says what to do."""


@dataclass(frozen=True)
class Shelf:
    """Where an account's review of a quarter stands.

    Parameters
    ----------
    archive : pathlib.Path
        The archive.
    account : str
        As people name it.
    quarter : str
        Such as ``2026-Q3``.
    """

    archive: Path
    account: str
    quarter: str

    @property
    def folder(self) -> Path:
        """The review's folder, a run's; it may not exist."""
        return self.archive / folder_name(self.account) / self.quarter


def account_of(job: str) -> str:
    """The account of a job of a batch: its name, without a last part that says no more than ``scenario``.

    >>> account_of("macro/scenario"), account_of("macro/hedged_scenario"), account_of("scenario")
    ('macro', 'macro/hedged_scenario', 'scenario')
    """
    above, _, last = job.rpartition("/")
    return above if above and last == ENDING.removesuffix(".toml") else job


def folder_name(account: str) -> str:
    """Name of an account's folder; distinct accounts have distinct ones, and none leads elsewhere.

    Letters, digits, ``-``, ``_``, inner points and spaces stand for themselves, ``+`` for ``/``, and the bytes of all
    else in hexadecimal digits after ``%``.

    >>> folder_name("macro/desk 1"), folder_name("../a+b")
    ('macro+desk 1', '%2E.+a%2Bb')
    """
    signs = []
    for place, sign in enumerate(account):
        inner = 0 < place < len(account) - 1
        if sign.isalnum() or sign in "-_" or (sign in ". " and inner):
            signs.append(sign)
        else:
            signs.append("+" if sign == "/" else "".join(f"%{byte:02X}" for byte in sign.encode("utf-8")))
    name = "".join(signs)
    if not name or len(name.encode("utf-8")) > _LONGEST:
        raise ArchiveError(f"the account {shown(account)} has a name too long, or none; rename the scenario's file")
    return name


def claim_archive(path: str | Path) -> Path:
    """Make an archive, or take up a former one.

    Parameters
    ----------
    path : path
        Where nothing, an empty folder, or an archive stands.

    Returns
    -------
    pathlib.Path
        The folder, which bears the mark of an archive.

    Raises
    ------
    OutputFolderError
        If something else stands there, or it cannot be written.
    """
    folder = Path(path)
    try:
        if folder.exists() and not folder.is_dir():
            raise OutputFolderError(f"{path} is a file; name a folder")
        if folder.is_dir() and _is_archive(folder):
            return folder
        if not str(path) or (folder.is_dir() and any(folder.iterdir())):
            raise OutputFolderError(f"{path} is not empty and holds no archive of ours; choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / MARK_FILE, (json.dumps({"schema": MARK}) + "\n").encode())
    except OSError as error:
        raise OutputFolderError(f"{path} cannot be written: {error.strerror}; choose another folder") from error
    return folder


def read_quarter(text: str) -> str:
    """A quarter as a person writes it, such as ``2026-Q3``; raises `ArchiveError` where it is none."""
    if not _QUARTER.fullmatch(text):
        raise ArchiveError(f"{shown(text)} is no quarter; write it as 2026-Q3")
    return text


def shelf_of(archive: Path, job: str, quarter: str | None, scenario: Scenario) -> Shelf:
    """Where the review of a job belongs.

    Parameters
    ----------
    archive : pathlib.Path
        From `claim_archive`.
    job : str
        Name of the job.
    quarter : str or None
        As stated; None takes that of the scenario's ``start``.
    scenario : Scenario
        The question.

    Raises
    ------
    ArchiveError
        If neither names the quarter, or the account's folder leads out of the archive.
    """
    if quarter is None:
        if scenario.start is None:
            raise ArchiveError("the scenario has no start to tell its quarter by; state one, or pass --quarter 2026-Q3")
        quarter = f"{scenario.start.year:04d}-Q{(scenario.start.month + 2) // 3}"
    shelf = Shelf(archive, account_of(job), read_quarter(quarter))
    if archive.resolve() not in shelf.folder.resolve().parents:
        raise ArchiveError(f"{shelf.folder} is a link that leads out of the archive; remove it")
    return shelf


def reviews(archive: str | Path, account: str) -> list[Shelf]:
    """Reviews of an account that stand in an archive, the oldest first.

    Parameters
    ----------
    archive : path
        An archive.
    account : str
        As the batch named it.

    Raises
    ------
    ArchiveError
        If the folder is no archive.
    """
    place = Path(archive)
    if not _is_archive(place):
        raise ArchiveError(f"{archive} is no archive of ours; name the folder that a batch was given as --archive")
    home = place / folder_name(account)
    quarters = sorted(entry.name for entry in home.iterdir()) if home.is_dir() else []
    found = [Shelf(place, account, name) for name in quarters if _QUARTER.fullmatch(name)]
    return [shelf for shelf in found if read_manifest(shelf.folder) is not None]


def last_two(archive: str | Path, account: str, quarter: str | None = None) -> tuple[Shelf, Shelf]:
    """An account's review of a quarter and the one before it.

    Parameters
    ----------
    archive : path
        An archive.
    account : str
        As the batch named it.
    quarter : str, optional
        Of the newer one; by default the last.

    Raises
    ------
    ArchiveError
        If the archive lacks one of the two; what it has is told.
    """
    found = reviews(archive, account)
    if quarter is not None:
        wanted = read_quarter(quarter)
        if wanted in [shelf.quarter for shelf in found]:
            found = [shelf for shelf in found if shelf.quarter <= wanted]
        else:
            found = []
    if len(found) < 2:
        held = ", ".join(shelf.quarter for shelf in reviews(archive, account)) or "none"
        upto = f" up to {quarter}" if quarter is not None else ""
        raise ArchiveError(f"two reviews of {shown(account)}{upto} are needed; {archive} holds of it: {held}")
    return found[-2], found[-1]


def keep(finished: Path, shelf: Shelf) -> None:
    """Put a copy of a finished run on its shelf, whole or not at all; a former review of the quarter is replaced.

    Parameters
    ----------
    finished : pathlib.Path
        The run's folder.
    shelf : Shelf
        From `shelf_of`.

    Raises
    ------
    OutputFolderError
        If something that is no run stands there, or it cannot be written.
    """
    try:
        if _holds(shelf.folder, (finished / MANIFEST).read_bytes()):
            return
        with output_folder(shelf.folder) as folder:
            shutil.copytree(finished, folder, dirs_exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputFolderError(f"{shelf.folder} cannot be written: {reason}; start again when it can") from error


def former_limits(shelf: Shelf) -> xr.Dataset | None:
    """Use of the limits in the reviews before the one of a shelf; None where there is none with limits.

    Parameters
    ----------
    shelf : Shelf
        Of the review that is being made, which itself is not read.

    Returns
    -------
    xarray.Dataset or None
        From `stresslab.results.limit_history.limit_history`; of several market models the first.

    Raises
    ------
    ArchiveError
        If a former review cannot be read.
    """
    before = [one for one in reviews(shelf.archive, shelf.account) if one.quarter < shelf.quarter]
    read = {}
    for one in before[-(LAST_REVIEWS - 1) :]:
        manifest = read_manifest(one.folder) or {}
        models = manifest.get("models")
        try:
            read[one.quarter] = load(one.folder / Path(str(models[0])).name if models else one.folder)
        except ResultsError as error:
            raise ArchiveError(f"{error}; restore that review, or remove its folder") from error
    return limit_history(read, shelf.account, shelf.quarter)


def _holds(folder: Path, manifest: bytes) -> bool:
    """Whether the very same run stands there whole."""
    try:
        if (folder / MANIFEST).read_bytes() != manifest:
            return False
        check_files(folder)
    except (OSError, DamagedError):
        return False
    return True


def _is_archive(folder: Path) -> bool:
    try:
        mark = json.loads((folder / MARK_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(mark, dict) and mark.get("schema") == MARK
