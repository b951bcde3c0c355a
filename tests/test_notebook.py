"""What a notebook shows: the headline table, figures that need no set-up, and the worked example from end to end."""

from __future__ import annotations

import html.parser
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from nbclient import NotebookClient

import stresslab as sl
from stresslab.report.style import ReportFigure
from stresslab.results.limits import with_limits
from stresslab.results.shown import Results, headline_html
from stresslab.scenario.limits import limits_from_text
from tests.report import cases

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


class Cells(html.parser.HTMLParser):
    """Texts of a table's cells, and the tags around them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data


def percent(share: xr.DataArray) -> str:
    return f"{100.0 * float(share):.1f} %" if share >= 0.1 else f"{100.0 * float(share):.3g} %"


def test_headline_numbers_with_their_intervals():
    results = cases.desk()
    cells = Cells(results._repr_html_()).texts
    assert isinstance(results, xr.Dataset)
    # Oracle: the dataset itself, written out here.
    name = "account_liquidation_probability"
    for configuration in ("as_booked", "all_isolated", "all_cross"):
        point, lower, upper = (
            percent(results[f"{name}{end}"].sel(configuration=configuration)) for end in ("", "_lower", "_upper")
        )
        row = cells[cells.index(configuration) :]
        assert row[1] == f"{point}{lower} to {upper}"
        tail = float(results.expected_shortfall.sel(configuration=configuration, level=0.975))
        assert row[5].startswith(f"{tail:,.0f}")
    assert len(results._repr_html_()) < 4_000


def test_what_was_never_seen_is_not_called_zero():
    calm = cases.desk().copy()
    name = "account_liquidation_probability"
    calm[name] = calm[name] * 0.0
    # Last of the table is the row of all_cross: its name, and five estimates.
    assert Cells(headline_html(calm)).texts[-5].startswith("none seen0.")
    # Control: the desk as it is has liquidations in every configuration.
    assert not Cells(headline_html(cases.desk())).texts[-5].startswith("none seen")


def test_names_are_escaped():
    shown = cases.hostile()._repr_html_()
    assert "*d*&lt;e&gt;&amp;f@g" in shown
    assert Cells(shown).tags == {"div", "b", "br", "table", "thead", "tbody", "tr", "th", "td", "small"}


def test_limits_are_counted():
    text = 'schema = 1\nname = "L"\n[[limit]]\nmeasure = "liquidation_probability"\nwarn = 0.0001\nbreach = 0.001\n'
    assert "1 of 1 limits breached" in with_limits(cases.desk(), limits_from_text(text))._repr_html_()
    assert "limits" not in cases.desk()._repr_html_()


def test_a_part_of_a_result_is_shown_as_a_dataset(tmp_path):
    results = cases.desk()
    assert "expected shortfall 97.5 %" in results.sel(configuration=["as_booked"])._repr_html_()
    for part in (results[["expected_loss"]], results.sel(configuration="as_booked"), results.expand_dims(model=["a"])):
        assert "xarray" in part._repr_html_()
    sl.save(results, tmp_path / "results.nc")
    loaded = sl.load(tmp_path)
    assert isinstance(loaded, Results)
    assert loaded._repr_html_() == results._repr_html_()


def test_figures_show_themselves_and_can_be_drawn_on_given_axes():
    results = cases.desk()
    drawn = sl.figures.loss_tail(results)
    assert isinstance(drawn, ReportFigure)
    assert drawn._repr_svg_().startswith("<?xml")
    assert set(sl.figures.__all__) <= set(dir(sl.figures))
    for name, count in (("policy_worth", 4), ("losses_compared", 3)):
        mine = Figure()
        axes = list(mine.subplots(1, count))
        given = cases.acting() if name == "policy_worth" else results
        assert getattr(sl.figures, name)(given, axes) is mine
        assert all(one.has_data() for one in axes)


def test_a_waterfall_on_given_axes():
    # Three numbers made up by hand: each goes up by the market's part and down by that of the rules.
    dims = ("number", "configuration")
    numbers = ["account_liquidation_probability", "expected_loss", "expected_shortfall_0.975"]
    compared = xr.Dataset(
        {
            "old": (dims, [[0.1], [500.0], [900.0]]),
            "new": (dims, [[0.2], [600.0], [800.0]]),
            "part": ((*dims, "group"), [[[0.15, -0.05]], [[200.0, -100.0]], [[100.0, -200.0]]]),
            "units": ("number", np.array(["1", "USD", "USD"], dtype=object)),
        },
        {"number": numbers, "configuration": ["as_booked"], "group": ["market", "rules"]},
        {"currency": "USD"},
    )
    mine = Figure()
    axes = list(mine.subplots(1, 3))
    assert sl.figures.waterfall(compared, axes) is mine
    bars = [patch for patch in axes[1].patches if isinstance(patch, Rectangle)]
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(0, 500), (0, 600), (500, 200), (700, -100)]
    assert [text.get_text() for text in axes[0].get_yticklabels()] == ["old", "market", "rules", "new"]


def test_every_chart_is_a_public_figure():
    # Oracle: the functions that the files of the charts define.
    folder = ROOT / "stresslab" / "report" / "charts"
    defined = [line for path in folder.glob("*.py") for line in path.read_text().splitlines()]
    names = {line.partition("(")[0].removeprefix("def ") for line in defined if line.startswith("def figure_")}
    assert {getattr(sl.figures, name).__name__ for name in sl.figures.__all__} == names - {"figure_of"}
    told = (ROOT / "docs" / "python.md").read_text()
    assert all(f"| `{name}`" in told for name in sl.figures.__all__)


def test_run_takes_a_file_or_a_scenario():
    file = ROOT / "scenarios" / "quarterly_review.toml"
    results = sl.run(file, paths=200, seed=3)
    assert (results.attrs["paths"], results.attrs["seed"]) == (200, 3)
    assert sl.run(sl.read_scenario(file), paths=200, seed=3).identical(results)
    with pytest.raises(ValueError, match="number of paths is 0"):
        sl.run(sl.read_scenario(file), paths=0)
    with pytest.raises(ValueError, match="the seed is -1"):
        sl.run(sl.read_scenario(file), seed=-1)


def test_the_worked_notebook_runs(tmp_path, monkeypatch):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    text = "".join(cell.source for cell in notebook.cells)
    assert text.count("paths=20_000") == 2
    for cell in notebook.cells:
        cell.source = cell.source.replace("paths=20_000", "paths=300")
    (tmp_path / "docs").mkdir()
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "settings"))
    done = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path / "docs")}}).execute()
    shown = {cell.id: [output.data for output in cell.outputs] for cell in done.cells if cell.cell_type == "code"}
    assert "P(any liquidation)" in shown["run"][0]["text/html"]
    assert "300 paths" in shown["run"][0]["text/html"]
    assert "seed 1<" in shown["what-if"][0]["text/html"]
    assert all(shown[name][0]["image/svg+xml"].count("<path") > 10 for name in ("survival", "collateral"))
    assert "needed" in shown["question"][0]["text/html"]
    assert {path.name for path in (tmp_path / "docs").iterdir()} == {"losses.svg", "again.nc"}
