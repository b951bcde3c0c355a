from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stresslab.calibration.history import read_history, read_specification
from stresslab.documents.faults import InputError
from tests.calibration.simulated import frame

HEADER = "ts,open,high,low,close\n"


def rows(*edits: tuple[int, str], count: int = 6) -> str:
    """Six hourly bars from midnight; an edit replaces the row of that hour."""
    lines = [f"2024-01-01T{hour:02d}:00:00Z,10,20,9,1{hour}" for hour in range(count)]
    for hour, line in edits:
        lines[hour] = line
    return HEADER + "\n".join(lines) + "\n"


def write(folder: Path, text: str, name: str = "BTC_1h.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plain_file_gives_its_bars_and_nothing_to_report(tmp_path: Path) -> None:
    path = write(tmp_path, rows())
    history = read_history(path)
    assert history.asset == "BTC"
    assert history.interval == 3600
    assert history.times[0] == np.datetime64("2024-01-01T00:00")
    assert history.close.tolist() == [10, 11, 12, 13, 14, 15]
    assert (history.open[0], history.high[0], history.low[0]) == (10, 20, 9)
    assert history.gaps == ()
    assert history.findings == ()
    assert history.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


# The edit, the line (header is 1, midnight 2) and words of the message.
UNUSABLE = [
    (rows((2, "2024-01-01T02:00:00Z,10,20,9,0")), 4, "close is not positive: '0'"),
    (rows((3, "2024-01-01T03:00:00Z,10,20,-9,10")), 5, "low is not positive: '-9'"),
    (rows((1, "2024-01-01T01:00:00Z,10,20,9,ten")), 3, "close is no number: 'ten'"),
    (rows((1, "2024-01-01T01:00:00Z,10,inf,9,10")), 3, "high is not finite"),
    (rows((4, "yesterday,10,20,9,10")), 6, "1 cell without a valid time, the first 'yesterday'"),
    (rows((4, "01/02/2024 04:00,10,20,9,10")), 6, "without a valid time"),
    (rows((4, ",10,20,9,10")), 6, "1 cell without a valid time, the first an empty cell"),
    (rows((3, "2024-01-01T02:00:00Z,10,20,9,13")), 5, "1 bar given twice with different prices"),
    (rows((3, "2024-01-01T03:00:00Z,10,20,9,13,99")), 5, "no table"),
    (rows((3, "2024-01-01T02:17:00Z,10,20,9,13")), 5, "1 bar off the grid of 60 minutes"),
    (rows().replace(":00:00Z", ":30:00Z"), 2, "6 bars off the grid"),
    (rows(count=2), 1, "2 bars with a price"),
    (HEADER, 1, "0 bars with a price"),
    (HEADER + 3 * "2024-01-01T00:00:00Z,1,1,1,1\n", 1, "1 bar of different times"),
    ("ts,ts,open,high,low,close\n2024-01-01,2024-01-01,1,1,1,1\n", 1, "columns stand twice: ts"),
    ('"open", "ts",close,high,low,close\n2024-01-01,1,1,1,1,1\n', 1, "columns stand twice: close"),
    ("", 1, "no table"),
    ("ts,open,high,close\n2024-01-01,1,1,1\n", 1, "columns are missing: low"),
    ("date,open,high,low,close\n2024-01-01,1,1,1,1\n", 1, "columns are missing: ts (or open_time)"),
    ("ts,open,high,low,close,Close\n2024-01-01,1,1,1,1,1\n", 1, "columns stand twice: close"),
    (HEADER + "".join(f"2024-01-01T0{hour}:00:00Z,9,9,9,9\n" for hour in range(6)), 2, "the price never moves"),
    (HEADER + "".join(f"2024-01-01T00:{7 * k:02d}:00Z,9,9,9,{9 + k}\n" for k in range(6)), 2, "7 minutes apart"),
    (HEADER + "".join(f"2024-01-0{k + 1}T08:00:00Z,9,9,9,{9 + k}\n" for k in range(6)), 2, "6 bars off the grid"),
    (HEADER + "".join(f"{k},9,9,9,{9 + k}\n" for k in range(6)), 2, "without a valid time"),
]


@pytest.mark.parametrize(("text", "line", "words"), UNUSABLE)
def test_unusable_files_are_faults_with_their_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_history(write(tmp_path, text))
    (fault,) = caught.value.faults
    assert words in fault.problem
    assert fault.line == line
    assert fault.remedy


def test_faults_of_several_columns_come_at_once(tmp_path: Path) -> None:
    text = rows((1, "2024-01-01T01:00:00Z,0,12,9,ten"), (4, "soon,10,20,9,10"))
    with pytest.raises(InputError) as caught:
        read_history(write(tmp_path, text))
    assert [fault.line for fault in caught.value.faults] == [3, 3, 6]


# The edit, the closes that remain, the gaps as (first missing hour, bars), words of a finding and its line.
IMPERFECT = [
    ([(3, "")], [0, 1, 2, 4, 5], [(3, 1)], "1 gap, 1 bar missing", 6),
    ([(2, ""), (3, "")], [0, 1, 4, 5], [(2, 2)], "the longest lacks 2 bars from 2024-01-01 02:00 UTC", 6),
    ([(3, "2024-01-01T03:00:00Z,10,20,9,")], [0, 1, 2, 4, 5], [(3, 1)], "1 bar without a price", 5),
    ([(3, "2024-01-01T03:00:00Z,10,20,9,NaN")], [0, 1, 2, 4, 5], [(3, 1)], "1 bar without a price", 5),
    ([(3, "2024-01-01T02:00:00Z,10,20,9,12")], [0, 1, 2, 4, 5], [(3, 1)], "1 bar given twice", 5),
    (
        [(1, "2024-01-01T02:00:00Z,10,20,9,12"), (2, "2024-01-01T01:00:00Z,10,20,9,11")],
        [0, 1, 2, 3, 4, 5],
        [],
        "1 row earlier than the row before",
        4,
    ),
    ([(0, "2024-01-01T00:00:00Z,10,8,9,10")], [0, 1, 2, 3, 4, 5], [], "1 bar with a high below or a low above", 2),
    ([(5, "2024-01-01T06:00:00+01:00,10,20,9,15")], [0, 1, 2, 3, 4, 5], [], "1 time in another zone than UTC", 7),
]


@pytest.mark.parametrize(("edits", "hours", "gaps", "words", "line"), IMPERFECT)
def test_imperfect_files_are_read_and_reported(
    tmp_path: Path, edits: list[tuple[int, str]], hours: list[int], gaps: list[tuple[int, int]], words: str, line: int
) -> None:
    history = read_history(write(tmp_path, rows(*edits)))
    assert history.close.tolist() == [10 + hour for hour in hours]
    assert [(int(gap.start.astype("datetime64[h]").item().hour), gap.bars) for gap in history.gaps] == gaps
    assert (words, line) in [(words, finding.line) for finding in history.findings if words in finding.problem]


def test_a_price_that_stands_still_for_more_than_a_day_is_reported(tmp_path: Path) -> None:
    close = np.concatenate([np.full(10, 5.0), np.full(26, 7.0), [8.0]])
    path = tmp_path / "FTT.csv"
    frame(close).to_csv(path, index=False)
    (finding,) = read_history(path).findings
    assert "stands still for 26 bars from 2021-01-01 10:00 UTC" in finding.problem
    # Negative control: a day to the hour is not reported.
    frame(np.concatenate([close[:34], [8.0]])).to_csv(path, index=False)
    assert read_history(path).findings == ()


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-01 00:00:00", "2024-01-01 01:00:00", "2024-01-01 02:00:00"],
        ["2024-01-01T00:00:00+00:00", "2024-01-01T01:00:00+00:00", "2024-01-01T02:00:00+00:00"],
        ["2024-01-01T02:00:00+02:00", "2024-01-01T03:00:00+02:00", "2024-01-01T04:00:00+02:00"],
        ["1704067200000", "1704070800000", "1704074400000"],
        ["1704067200000000", "1704070800000000", "1704074400000000"],
    ],
)
@pytest.mark.parametrize("column", ["ts", "open_time"])
def test_every_way_to_write_a_time_means_the_same_instant(tmp_path: Path, times: list[str], column: str) -> None:
    # 1704067200 is 2024-01-01 00:00 UTC: 19,723 days after the epoch.
    assert 19_723 * 86_400 == 1_704_067_200
    text = f"{column},open,high,low,close\n" + "".join(f"{time},9,9,9,{9 - k}\n" for k, time in enumerate(times))
    history = read_history(write(tmp_path, text))
    assert history.times.tolist() == [pd.Timestamp(f"2024-01-01T0{hour}:00") for hour in range(3)]


def test_the_exchange_dump_without_a_header(tmp_path: Path) -> None:
    text = "".join(
        f"{1704067200000 + 3_600_000 * k},10,20,9,{10 + k},5,{1704070799999 + 3_600_000 * k},50,7,2,20,0\n"
        for k in range(3)
    )
    assert read_history(write(tmp_path, text)).close.tolist() == [10, 11, 12]
    with pytest.raises(InputError) as caught:
        read_history(write(tmp_path, text.replace(",12,5,", ",x,5,")))
    assert caught.value.faults[0].line == 3


def test_parquet_and_csv_give_the_same_bars(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    table = frame(np.array([5.0, 6.0, 7.0]))
    table.to_csv(tmp_path / "ETH.csv", index=False)
    table["ts"] = pd.to_datetime(table["ts"])
    table.to_parquet(tmp_path / "ETH.parquet")
    from_csv, from_parquet = read_history(tmp_path / "ETH.csv"), read_history(tmp_path / "ETH.parquet")
    assert from_csv.times.tolist() == from_parquet.times.tolist()
    assert from_csv.close.tolist() == from_parquet.close.tolist() == [5, 6, 7]
    (tmp_path / "ETH.parquet").write_bytes((tmp_path / "ETH.parquet").read_bytes()[:200])
    with pytest.raises(InputError, match="damaged"):
        read_history(tmp_path / "ETH.parquet")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ETH.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(InputError, match=r"stresslab\[parquet\]"):
        read_history(path)


def test_files_that_are_no_table(tmp_path: Path) -> None:
    (tmp_path / "BTC.zip").write_bytes(b"PK\x03\x04\xff\xfe")
    for path, words in (
        (tmp_path / "BTC.zip", "neither Parquet nor text"),
        (tmp_path / "none.csv", "no such file"),
        (tmp_path, "cannot be read"),
    ):
        with pytest.raises(InputError, match=words):
            read_history(path)


def test_the_asset_is_the_name_up_to_the_first_underscore_or_the_one_given(tmp_path: Path) -> None:
    path = write(tmp_path, rows(), "SOL_spot_1h.csv")
    assert read_specification(str(path)).asset == "SOL"
    assert read_specification(f"WSOL={path}").asset == "WSOL"
    # A name that holds a = is a file's where the file exists.
    strange = tmp_path / "BTC_a=b.csv"
    strange.write_text(rows(), encoding="utf-8")
    assert read_specification(str(strange)).asset == "BTC"
    with pytest.raises(InputError, match="cannot be the name of an asset"):
        read_specification(f"a b={path}")
    with pytest.raises(InputError, match="cannot be the name of an asset"):
        read_specification(f"{'A' * 201}={path}")
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        read_specification(f"BTC={'a' * 300}.csv")
