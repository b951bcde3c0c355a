"""The output folder is whole or absent, and nothing of the user's is ever lost."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from stresslab.results.output_folder import OutputFolderError, output_folder, write_manifest


def run(place: Path, text: str, name: str = "table.csv") -> None:
    with output_folder(place) as scratch:
        (scratch / "tables").mkdir()
        (scratch / "tables" / name).write_text(text)
        write_manifest(scratch, {"seed": 7})


def names(folder: Path) -> set[str]:
    return {entry.relative_to(folder).as_posix() for entry in folder.rglob("*")}


def test_new_folder_with_parents(tmp_path):
    place = tmp_path / "reports" / "first"
    run(place, "a,b\n")
    assert names(tmp_path / "reports") == {"first", "first/manifest.json", "first/tables", "first/tables/table.csv"}
    manifest = json.loads((place / "manifest.json").read_text())
    # Oracle: the digest computed here from the bytes written.
    assert manifest["files"] == {"tables/table.csv": hashlib.sha256(b"a,b\n").hexdigest()}
    assert manifest["seed"] == 7


def test_empty_folder_is_taken(tmp_path):
    place = tmp_path / "out"
    place.mkdir()
    run(place, "x")
    assert (place / "tables" / "table.csv").read_text() == "x"


def test_former_run_is_replaced_whole(tmp_path):
    place = tmp_path / "out"
    run(place, "old", "only_before.csv")
    run(place, "new")
    assert names(place) == {"manifest.json", "tables", "tables/table.csv"}
    assert names(tmp_path) == {"out", *(f"out/{name}" for name in names(place))}


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (None, "holds no former run"),
        ("not JSON", "holds no former run"),
        ('{"schema": "another program", "files": {"notes.txt": ""}}', "holds no former run"),
        ('["stresslab run 1"]', "holds no former run"),
    ],
)
def test_other_folders_are_refused_before_the_work(tmp_path, manifest, reason):
    (tmp_path / "notes.txt").write_text("mine")
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(OutputFolderError, match=reason), output_folder(tmp_path):
        pytest.fail("the block must not start")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_folder_of_empty_folders_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(OutputFolderError, match="not empty"), output_folder(tmp_path):
        pytest.fail("the block must not start")


def test_file_added_to_a_former_run_is_not_lost(tmp_path):
    place = tmp_path / "out"
    run(place, "old")
    (place / "tables" / "remarks.txt").write_text("mine")
    with pytest.raises(OutputFolderError, match=r"tables/remarks\.txt"):
        run(place, "new")
    assert (place / "tables" / "remarks.txt").read_text() == "mine"
    assert (place / "tables" / "table.csv").read_text() == "old"


def test_file_in_the_way(tmp_path):
    place = tmp_path / "out"
    place.write_text("mine")
    with pytest.raises(OutputFolderError, match="is a file"), output_folder(place):
        pytest.fail("the block must not start")
    assert place.read_text() == "mine"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("former", [False, True])
def test_interruption_leaves_what_was_there(tmp_path, interruption, former):
    place = tmp_path / "out"
    if former:
        run(place, "old")
    before = names(tmp_path)
    with pytest.raises(interruption), output_folder(place) as scratch:
        (scratch / "half.csv").write_text("half")
        assert names(tmp_path) > before
        raise interruption
    assert names(tmp_path) == before


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_interruption_leaves_no_parents(tmp_path, interruption):
    (tmp_path / "was").mkdir()
    with pytest.raises(interruption), output_folder(tmp_path / "was" / "a" / "b" / "out"):
        assert (tmp_path / "was" / "a" / "b").is_dir()
        raise interruption
    assert names(tmp_path) == {"was"}
    # Control: what somebody put there meanwhile stays, and the way to it.
    with pytest.raises(interruption), output_folder(tmp_path / "was" / "a" / "b" / "out"):
        (tmp_path / "was" / "a" / "notes.txt").write_text("mine")
        raise interruption
    assert names(tmp_path) == {"was", "was/a", "was/a/notes.txt"}


def test_folder_of_others_is_not_walked_through(tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.setattr(Path, "rglob", lambda *_: pytest.fail("walked"))
    with pytest.raises(OutputFolderError, match="holds no former run"), output_folder(tmp_path):
        pytest.fail("the block must not start")


@pytest.mark.parametrize("name", ["a" * 256, "a" * 256 + "/out"])
def test_name_too_long(tmp_path, name):
    with (
        pytest.raises(OutputFolderError, match="cannot be reached: File name too long"),
        output_folder(tmp_path / name),
    ):
        pytest.fail("the block must not start")
    assert names(tmp_path) == set()


def test_name_too_long_for_the_scratch_folder(tmp_path):
    with (
        pytest.raises(OutputFolderError, match="cannot be written: File name too long"),
        output_folder(tmp_path / "new" / ("a" * 250)),
    ):
        pytest.fail("the block must not start")
    assert names(tmp_path) == set()


def test_folder_that_may_not_be_searched(tmp_path, monkeypatch):
    def refuse(self, **_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", refuse)
        with (
            pytest.raises(OutputFolderError, match="cannot be reached: Permission denied"),
            output_folder(tmp_path / "out"),
        ):
            pytest.fail("the block must not start")


def test_loop_of_links(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OutputFolderError, match="cannot be reached"), output_folder(tmp_path / "a"):
        pytest.fail("the block must not start")


def test_folder_taken_meanwhile(tmp_path):
    place = tmp_path / "out"
    with pytest.raises(OutputFolderError, match="not empty"), output_folder(place) as scratch:
        write_manifest(scratch, {})
        place.mkdir()
        (place / "notes.txt").write_text("mine")
    assert names(tmp_path) == {"out", "out/notes.txt"}


def test_former_run_comes_back_if_the_new_one_cannot_be_put(tmp_path, monkeypatch):
    place = tmp_path / "out"
    run(place, "old")
    rename = Path.rename

    def refuse_unfinished(self, target):
        if ".unfinished-" in self.name:
            raise OSError("refused")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_unfinished)
    with pytest.raises(OSError, match="refused"):
        run(place, "new")
    assert (place / "tables" / "table.csv").read_text() == "old"
    assert {entry.name for entry in tmp_path.iterdir()} == {"out"}


def test_link_to_a_former_run_keeps_its_target(tmp_path):
    run(tmp_path / "target", "old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    run(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target" / "tables" / "table.csv").read_text() == "new"
