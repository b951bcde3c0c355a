"""What is saved is loaded to the bit; what is not a result of ours is refused in words."""

from __future__ import annotations

import getpass
import json
import os
import platform
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from stresslab.results.dataset import assemble
from stresslab.results.saving import ResultsError, load, outcomes_dataset, save
from stresslab.scenario.reading import read_scenario
from stresslab.simulation.run import simulate
from tests.results.conftest import HOSTILE_BOOK, HOSTILE_SCENARIO, LONG, TITLE
from tests.scenario.files import write


@pytest.fixture(scope="module")
def few(results):
    """A few variables of every kind, with all attributes: a whole result takes a second to write."""
    return results[["expected_loss", "required_collateral", "pool_of_position", "failed_paths"]]


@pytest.fixture(scope="module")
def saved(results, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "results.nc"
    save(results, path)
    return path


@pytest.fixture(scope="module")
def loaded(saved):
    return load(saved)


def test_round_trip_is_exact(loaded, results):
    assert loaded.identical(results)
    # `identical` looks neither at types nor at the order: these too.
    assert list(loaded.data_vars) == list(results.data_vars)
    for name, values in results.variables.items():
        assert loaded.variables[name].dims == values.dims
        if values.dtype.kind == "f":
            assert loaded.variables[name].dtype == values.dtype
            np.testing.assert_array_equal(loaded.variables[name].values, values.values)
    assert list(loaded.attrs) == list(results.attrs)


def test_hostile_names_survive(loaded):
    assert loaded.attrs["title"] == TITLE
    assert LONG in loaded.position.values.tolist()
    assert json.loads(loaded.attrs["documents"])["scenario"] == HOSTILE_SCENARIO


def test_second_save_is_the_same_bytes(few, tmp_path):
    save(few, tmp_path / "first.nc")
    # A later second, another name, a dataset that has been through a file.
    time.sleep(1.1)
    save(load(tmp_path / "first.nc"), tmp_path / "second.nc")
    assert (tmp_path / "first.nc").read_bytes() == (tmp_path / "second.nc").read_bytes()


def test_same_question_from_another_folder_on_more_threads_is_the_same_bytes(saved, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    scenario = read_scenario(write(tmp_path / "elsewhere", scenario=HOSTILE_SCENARIO, book=HOSTILE_BOOK))
    save(assemble(scenario, simulate(scenario, threads=2)), tmp_path / "results.nc")
    assert (tmp_path / "results.nc").read_bytes() == saved.read_bytes()


def texts_of(dataset: xr.Dataset) -> str:
    words = [json.dumps(dict(values.attrs), default=str, ensure_ascii=False) for values in dataset.variables.values()]
    words += [str(values.values.tolist()) for values in dataset.variables.values() if values.dtype.kind in "OUT"]
    return "\n".join([*words, json.dumps(dict(dataset.attrs), default=str, ensure_ascii=False)])


def test_nothing_of_the_machine_is_in_it(saved, loaded, scenario_file):
    raw, text = saved.read_bytes(), texts_of(loaded)
    assert TITLE.split()[0] in text
    for secret in (scenario_file.parent, saved.parent, Path.home(), Path.cwd()):
        assert str(secret) not in text
        assert len(str(secret)) < 6 or str(secret).encode() not in raw
    names = {platform.node(), getpass.getuser(), platform.release()} - {""}
    assert not [name for name in names if f'"{name}"' in text]
    assert time.strftime("%Y-%m-%dT") not in text


def test_documents_beyond_64_kib(few, tmp_path):
    # The classic limit of an attribute is 65,535 bytes; a comment of many signs, some of several bytes.
    long = json.dumps({"scenario": "# é漢 " * 60_000}, ensure_ascii=False)
    assert len(long.encode()) > 6 * 65_536
    save(few.assign_attrs(documents=long), tmp_path / "long.nc")
    loaded = load(tmp_path / "long.nc")
    assert loaded.attrs["documents"] == long
    assert loaded.drop_attrs(deep=False).identical(few.drop_attrs(deep=False))


def test_folder_of_a_run_may_be_named(few, tmp_path):
    save(few, tmp_path / "results.nc")
    assert load(str(tmp_path)).identical(few)


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_seeds_of_any_size(few, tmp_path, seed):
    save(few.assign_attrs(seed=seed), tmp_path / "r.nc")
    assert load(tmp_path / "r.nc").attrs["seed"] == seed


def test_existing_file_is_replaced(few, tmp_path):
    path = tmp_path / "results.nc"
    path.write_text("former")
    save(few, path)
    assert load(path).identical(few)
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.nc"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("former", [None, b"former"])
def test_interrupted_save_leaves_what_was_there(few, tmp_path, monkeypatch, interruption, former):
    path = tmp_path / "results.nc"
    if former is not None:
        path.write_bytes(former)
    before = sorted(tmp_path.iterdir())
    seen: list[Path] = []

    def stop_halfway(self, store, **options):
        seen.extend(entry for entry in tmp_path.iterdir() if entry not in before)
        raise interruption

    monkeypatch.setattr(xr.Dataset, "dump_to_store", stop_halfway)
    with pytest.raises(interruption):
        save(few, path)
    assert seen
    assert seen[0].parent == tmp_path
    assert sorted(tmp_path.iterdir()) == before
    assert former is None or path.read_bytes() == former


def damaged(kind: str, whole: bytes) -> bytes:
    return {
        "empty": b"",
        "text": b"schema = 1\nname = 'not a result'\n",
        "zip": b"PK\x03\x04" + bytes(100),
        "half": whole[: len(whole) // 2],
        "one byte short": whole[:-1],
        "a hundred bytes": whole[:100],
        "no head": whole[64:],
        "hole": whole[:2048] + bytes(4096) + whole[2048 + 4096 :],
    }[kind]


@pytest.mark.parametrize(
    "kind", ["empty", "text", "zip", "half", "one byte short", "a hundred bytes", "no head", "hole"]
)
def test_damaged_and_other_files_are_refused(saved, tmp_path, kind):
    path = tmp_path / "some.nc"
    path.write_bytes(damaged(kind, saved.read_bytes()))
    with pytest.raises(ResultsError, match=r"some\.nc cannot be read as netCDF"):
        load(path)


def test_changed_number_is_noticed(saved, tmp_path):
    # One bit of the compressed values of one variable, found through the file's own table of chunks.
    with h5py.File(saved) as file:
        chunk = file["required_collateral"].id.get_chunk_info(0)
    raw = bytearray(saved.read_bytes())
    raw[chunk.byte_offset + chunk.size // 2] ^= 1
    (tmp_path / "some.nc").write_bytes(raw)
    with pytest.raises(ResultsError, match="damaged"):
        load(tmp_path / "some.nc")


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(ResultsError, match=r"nothing\.nc does not exist; name a results\.nc or the folder of a run"):
        load(tmp_path / "nothing.nc")
    with pytest.raises(ResultsError, match="does not exist"):
        load(tmp_path)


def test_netcdf_of_others_is_refused(few, tmp_path):
    path = tmp_path / "weather.nc"
    xr.Dataset({"temperature": ("station", [280.0, 281.0])}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ResultsError, match=r"weather\.nc is netCDF but no result of stresslab"):
        load(path)
    for attributes in ({"schema": "first"}, {"schema": 1.5}):
        save(few.assign_attrs(attributes), path)
        with pytest.raises(ResultsError, match="no result of stresslab"):
            load(path)
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(3)
    with pytest.raises(ResultsError, match="no result of stresslab"):
        load(path)


@pytest.mark.parametrize("schema", [0, 2, 99])
def test_other_schemas_are_refused(few, tmp_path, schema):
    save(few.assign_attrs(schema=schema), tmp_path / "r.nc")
    with pytest.raises(ResultsError, match=f"has schema {schema}, this version reads 1; run the scenario again"):
        load(tmp_path / "r.nc")


def test_outcomes_are_those_of_the_simulation(results, scenario, outcomes, tmp_path):
    dataset = outcomes_dataset(scenario, outcomes)
    save(dataset, tmp_path / "outcomes.nc")
    # They are no result, and are not taken for one.
    with pytest.raises(ResultsError, match="no result of stresslab"):
        load(tmp_path / "outcomes.nc")
    with xr.open_dataset(tmp_path / "outcomes.nc", engine="h5netcdf") as kept:
        kept.load()
    assert kept.identical(dataset)
    assert kept.sizes["path"] == 1_500
    # Shares and means counted from the file are the result's own.
    present = results.collateral.notnull()
    share = kept.liquidation_time.notnull().mean("path").where(present)
    np.testing.assert_array_equal(share, results.liquidation_probability)
    loss = -kept.profit.astype(np.float64).sum("path") / 1_500
    as_booked = loss.sel(configuration="as_booked")
    assert float(as_booked.sum()) == pytest.approx(-float(results.expected_pnl[0]), rel=1e-9)
    # A pool is liquidated where it required more than it had; 0.1 leaves room for single precision at 50,000.
    long = kept.sel(configuration="as_booked", pool=LONG)
    clear = np.abs(long.required_collateral - 50_000) > 0.1
    np.testing.assert_array_equal(
        (long.required_collateral > 50_000).values[clear], long.liquidation_time.notnull().values[clear]
    )
    assert (kept.price > 0).all()


def test_outcomes_of_failed_paths_are_marked(scenario, outcomes):
    failed = np.arange(1_500) == 7
    assert outcomes_dataset(scenario, replace(outcomes, failed=failed)).failed.values.tolist() == failed.tolist()


def test_folder_that_cannot_be_written(few, tmp_path):
    if os.geteuid() == 0:
        # Root may write anywhere but into what is no folder.
        (tmp_path / "file").write_text("")
        with pytest.raises(OSError, match="file"):
            save(few, tmp_path / "file" / "results.nc")
    else:
        tmp_path.chmod(0o500)
        with pytest.raises(OSError, match="results"):
            save(few, tmp_path / "results.nc")
        tmp_path.chmod(0o700)
    assert not [entry for entry in tmp_path.iterdir() if "unfinished" in entry.name]
