"""What PDF/A-2a and PDF/UA-1 ask of the file's structure, read by another library than the one that wrote it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from pypdf import PdfReader

from stresslab.report import compile_replays, compile_report
from stresslab.results.companions import Companions
from tests.report import cases
from tests.report.test_models_and_replays import joined, replays


@cache
def made(name: str) -> bytes:
    if name == "replays":
        return compile_replays(replays())[0]
    return compile_report(cases.desk(), "short", Companions(joined((0.2, 0.1, 0.3), (0.3, 0.2, 0.4)), replays()))[0]


def elements(node: Any) -> Iterator[Any]:
    """Every element of the tree of the document's structure."""
    node = node.get_object()
    if isinstance(node, list):
        for child in node:
            yield from elements(child)
    elif hasattr(node, "keys"):
        if "/S" in node:
            yield node
        if "/K" in node:
            yield from elements(node["/K"])


def fonts(reader: PdfReader) -> Iterator[Any]:
    for page in reader.pages:
        resources: Any = page["/Resources"].get_object()
        for font in resources.get("/Font", {}).values():
            yield font.get_object()


@pytest.mark.parametrize("name", ["report", "replays"])
def test_the_file_says_what_it_keeps_to(name):
    reader = PdfReader(io.BytesIO(made(name)))
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"].value is True
    assert str(root["/Lang"]).startswith("en")
    assert root["/ViewerPreferences"]["/DisplayDocTitle"].value is True
    # Colors are defined by a profile, as PDF/A asks.
    assert root["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    said = root["/Metadata"].get_object().get_data().decode()
    for part in ("<pdfaid:part>2<", "<pdfaid:conformance>A<", "<pdfuaid:part>1<"):
        assert part in said


@pytest.mark.parametrize(("name", "charts"), [("report", 5), ("replays", 1)])
def test_every_figure_has_a_text_and_tables_have_heads(name, charts):
    root: Any = PdfReader(io.BytesIO(made(name))).trailer["/Root"]
    found = list(elements(root["/StructTreeRoot"]))
    figures = [each for each in found if each["/S"] == "/Figure"]
    assert len(figures) == charts
    assert all(len(str(each["/Alt"])) > 20 for each in figures)
    kinds = [each["/S"] for each in found]
    assert kinds.count("/Table") > 2
    assert kinds.count("/TH") > kinds.count("/Table")
    assert kinds.count("/H1") >= 1


@pytest.mark.parametrize("name", ["report", "replays"])
def test_every_font_is_embedded_and_nothing_runs(name):
    reader = PdfReader(io.BytesIO(made(name)))
    seen = 0
    for font in fonts(reader):
        for below in font.get("/DescendantFonts", [font]):
            described = below.get_object()["/FontDescriptor"].get_object()
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(described)
            assert "/ToUnicode" in font
            seen += 1
    assert seen > 3
    assert not reader.is_encrypted
    for word in (b"/JavaScript", b"/Launch", b"/EmbeddedFile"):
        assert word not in made(name)


def test_control_a_plain_file_fails_the_same_checks():
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    Figure().savefig(buffer, format="pdf")
    root: Any = PdfReader(buffer).trailer["/Root"]
    assert not {"/MarkInfo", "/StructTreeRoot", "/Metadata", "/OutputIntents"} & set(root)
