"""Files that cannot be had, cannot be parsed, or are not what they should be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from stresslab.documents import findings as findings_module
from stresslab.documents.faults import Fault, InputError
from stresslab.documents.fields import TABLE, Name
from stresslab.documents.findings import Document, Findings
from stresslab.documents.reading import check_table, open_document


def opened(path: Path) -> tuple[Document | None, list[Fault]]:
    findings = Findings()
    return open_document(path, str(path), findings), findings.faults


def only_fault(path: Path) -> Fault:
    document, faults = opened(path)
    assert document is None
    (fault,) = faults
    return fault


def test_a_missing_file_names_the_near_one(tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text("")
    fault = only_fault(tmp_path / "scenaro.toml")
    assert "there is no file" in fault.problem
    assert fault.remedy == f'did you mean "{tmp_path / "scenario.toml"}"?'
    assert (fault.line, fault.column) == (1, 1)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    assert "there is no folder" in only_fault(tmp_path / "nowhere" / "a.toml").remedy


def test_a_folder_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    assert "is a folder" in only_fault(tmp_path).problem
    os.mkfifo(tmp_path / "pipe.toml")
    assert "is not a regular file" in only_fault(tmp_path / "pipe.toml").problem


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_a_forbidden_file_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("a = 1")
    path.chmod(0)
    assert "cannot read" in only_fault(path).problem


def test_a_loop_of_links_and_a_nul_are_faults(tmp_path: Path) -> None:
    (tmp_path / "a.toml").symlink_to(tmp_path / "b.toml")
    (tmp_path / "b.toml").symlink_to(tmp_path / "a.toml")
    assert "cannot read" in only_fault(tmp_path / "a.toml").problem
    assert "is not a path" in only_fault(Path("a\0.toml")).problem


def test_a_file_too_large_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings_module, "SIZE_LIMIT", 2**20)
    path = tmp_path / "a.toml"
    path.write_text("#" * 2**20)
    assert opened(path)[1] == []
    path.write_text("#" * (2**20 + 1))
    assert "larger than 1 MiB" in only_fault(path).problem


@pytest.mark.parametrize(
    ("content", "line", "column", "words"),
    [
        (b"a = 1\nb = \xff", 2, 5, "0xFF is not UTF-8"),
        ("a = 1\nä = 'é".encode() + b"\xe9'", 2, 7, "0xE9 is not UTF-8"),
        ("a = 1".encode("utf-16"), 1, 1, "is not UTF-8"),
        (b"a = 1\na = 2\n", 2, 6, "overwrite"),
        (b"[a]\n[b]\n[a]\n", 3, 3, "declare"),
        (b"a = [1,\n  2\n", 2, 4, "array"),
        (b"a = 1 b = 2\n", 1, 7, "newline"),
        (b'a = "x\n', 1, 7, "\\n"),
        (b"a = 'x\x00'\n", 1, 7, "\\x00"),
        (b"a = [" + b"[" * 100_000, 1, 1, "nested too deeply"),
        (b"a = " + b"9" * 5000, 1, 1, "cannot be read"),
    ],
)
def test_what_is_no_toml_is_placed(content: bytes, line: int, column: int, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    fault = only_fault(path)
    assert (fault.line, fault.column) == (line, column)
    assert words in fault.problem
    assert str(fault).isprintable()
    assert fault.remedy


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\n")
    document, faults = opened(path)
    assert faults == []
    assert document is not None
    assert document.data == {"a": 1}
    assert document.places.key(("a",)) == (1, 1)


def test_a_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("a = nan")
    findings = Findings()
    first = open_document(path, "a", findings)
    assert open_document(tmp_path / "." / "a.toml", "b", findings) is first
    assert [fault.path for fault in findings.faults] == ["a"]


class Small(BaseModel):
    """A table for the tests below."""

    model_config = TABLE
    name: Annotated[Name, Field(examples=["x"])]
    count: Annotated[int, Field(ge=1, examples=[3])]
    share: float = 0.5


def checked(text: str, tmp_path: Path) -> tuple[Small | None, list[str]]:
    path = tmp_path / "a.toml"
    path.write_text(text)
    findings = Findings()
    document = open_document(path, "a", findings)
    assert document is not None
    return check_table(document, (), Small, findings), [str(fault) for fault in findings.faults]


def test_a_whole_number_serves_as_a_number(tmp_path: Path) -> None:
    table, faults = checked("name = 'a'\ncount = 2\nshare = 1", tmp_path)
    assert faults == []
    assert table is not None
    assert isinstance(table.share, float)


def test_a_misspelled_key_is_one_fault_and_what_it_holds_is_checked(tmp_path: Path) -> None:
    table, faults = checked("name = 'a'\ncuont = 2\n", tmp_path)
    assert faults == ['a:2:1: unknown key "cuont"; did you mean "count"?']
    assert table == Small(name="a", count=2)
    table, faults = checked("name = 'a'\ncuont = 0\n", tmp_path)
    assert table is None
    assert faults[1] == "a:2:9: `count` is 0, below 1; give a value at least 1"


def test_each_missing_key_comes_with_an_example(tmp_path: Path) -> None:
    assert checked("", tmp_path)[1] == [
        'a:1:1: the key `name` is missing; add name = "x"',
        "a:1:1: the key `count` is missing; add count = 3",
    ]


def test_all_faults_are_carried_sorted_and_once() -> None:
    faults = [
        Fault("b", 1, 1, "p", "r"),
        Fault("a", 2, 1, "p", "r"),
        Fault("a", 1, 9, "p", "r"),
        Fault("a", 2, 1, "p", "r"),
    ]
    error = InputError(faults)
    assert [(fault.path, fault.line) for fault in error.faults] == [("a", 1), ("a", 2), ("b", 1)]
    assert str(error) == "a:1:9: p; r\na:2:1: p; r\nb:1:1: p; r"
