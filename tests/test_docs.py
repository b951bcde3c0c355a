"""What the documents show is true: examples are read by the readers, names and links exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stresslab as sl
from stresslab.cli import COMMANDS
from stresslab.market.models import MODELS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def examples(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def files(tmp_path):
    book, scenario, pack, calibration = examples(ROOT / "docs" / "files.md", "toml")
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "macro_desk.toml").write_text(book)
    for name, text in (("scenario", scenario), ("pack", pack), ("calibration", calibration)):
        (tmp_path / f"{name}.toml").write_text(text)
    return tmp_path


def test_examples_of_files_have_no_fault(files):
    assert sl.validate_files(sorted(files.rglob("*.toml"))) == ((), ())
    read = sl.read_scenario(files / "scenario.toml")
    assert [configuration.name for configuration in read.configurations] == [
        *("as_booked", "all_isolated", "all_cross"),
        "pooled",
    ]


def test_control_a_changed_example_has_one(files):
    pack = files / "pack.toml"
    pack.write_text(pack.read_text().replace("500, 50]", "400, 50]"))
    (fault,) = sl.validate_files([pack])[0]
    assert fault.line == 15


def test_python_of_the_readme_runs(tmp_path):
    (program,) = examples(ROOT / "README.md", "python")
    assert program.count("20_000") == 1
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    (tmp_path / "reports").mkdir()
    code = program.replace("20_000", "200") + "\nprint(*results.dims, results.attrs['paths'])\n"
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.append({str(ROOT)!r})\n{code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "200"
    assert {"configuration", "pool", "position", "time", "quantile", "level"} <= set(done.stdout.split())
    assert [entry.name for entry in (tmp_path / "reports").iterdir()] == ["quarterly_review.nc"]


def test_every_model_has_its_line():
    text = (ROOT / "docs" / "models.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(MODELS)


def test_every_key_of_a_model_is_named():
    text = (ROOT / "docs" / "models.md").read_text()
    for model in MODELS.values():
        for key in model.parameters.model_fields:
            assert f"`{key}`" in text


def test_every_command_is_shown():
    text = (ROOT / "README.md").read_text()
    for command in COMMANDS:
        assert f"scripts/stresslab {command} " in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_every_pack_has_its_line():
    lines = [line for line in (ROOT / "docs" / "venues.md").read_text().splitlines() if line.startswith("| `")]
    told = {name for line in lines for name in re.findall(r"`([\w.-]+)`", line.split("|")[1])}
    assert {pack.name for pack in sl.shipped_packs()} <= told


def test_examples_of_margin_figures_give_what_they_say():
    (code,) = examples(ROOT / "docs" / "venues.md", "python")
    values: dict[str, object] = {}
    for line in code.splitlines():
        source, _, stated = line.partition("  # ")
        if stated:
            expected = float(stated.partition(";")[0].replace(",", ""))
            assert eval(source, values) == pytest.approx(expected, rel=1e-6)
        else:
            exec(source, values)
