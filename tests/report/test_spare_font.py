"""Signs beyond the shipped fonts: drawn where the machine has the font for them, announced where not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]
from pypdf import PdfReader

from stresslab.report import compile_report, style
from tests.report import cases

SIGNS = "比特币多头"


def made_up_font(folder: Path) -> Path:
    """A font of the name that is looked for, with a square for each of a few signs and all of ASCII."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 700), (800, 700), (800, 0)):
        pen.lineTo(corner)
    pen.closePath()
    codes = [*range(32, 127), 0x25A1, 0x2026, *map(ord, SIGNS)]
    names = [".notdef", *(f"u{code:04X}" for code in codes)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({code: f"u{code:04X}" for code in codes})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (900, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Made Up CJK", "styleName": "Regular", "psName": "MadeUpCJK-Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    path = folder / "NotoSansCJK-Regular.ttf"
    builder.save(path)
    return path


@pytest.fixture(autouse=True)
def forgotten():
    style.spare_font.cache_clear()
    yield
    style.spare_font.cache_clear()


def fonts(pdf: bytes) -> set[str]:
    found = set()
    for page in PdfReader(io.BytesIO(pdf)).pages:
        resources: Any = page["/Resources"].get_object()
        for font in resources.get("/Font", {}).values():
            found.add(str(font.get_object()["/BaseFont"]).partition("+")[2])
    return found


def results():
    """A position named in Chinese signs."""
    held = [cases.position(SIGNS, 10.0, margin="isolated", collateral=80.0), cases.position("plain", 1.0)]
    return cases.run(cases.scenario(held, 200.0, days=1.0, paths=300))


def test_a_font_of_the_machine_draws_what_the_shipped_ones_lack(tmp_path, monkeypatch):
    made_up_font(tmp_path)
    monkeypatch.setattr(style, "FONT_FOLDERS", (str(tmp_path),))
    assert style.spare_family() == "Made Up CJK"
    assert style.is_drawn(SIGNS)
    # Control: a sign that neither has.
    assert not style.is_drawn(f"{SIGNS} \U0001f680")
    with style.style():
        figure = style.new_figure(1.0)
        figure.subplots().set_title(f"{SIGNS} <&> \U0001f680")
    assert "font-family: 'Made Up CJK'" in (drawn := style.svg(figure))
    assert f"{SIGNS} &lt;&amp;&gt; \u25a1</text>" in drawn
    pdf, warnings = compile_report(results(), "short")
    assert warnings == []
    assert any(name.startswith("MadeUpCJK") for name in fonts(pdf))
    assert not any(name.startswith("LastResort") for name in fonts(pdf))
    assert "printed as boxes" not in "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_without_it_boxes_are_announced(tmp_path, monkeypatch):
    monkeypatch.setattr(style, "FONT_FOLDERS", (str(tmp_path), str(tmp_path / "none")))
    assert style.spare_font() is None
    assert not style.is_drawn(SIGNS)
    pdf, warnings = compile_report(results(), "short")
    assert warnings == []
    assert any(name.startswith("LastResort") for name in fonts(pdf))
    assert "printed as boxes, in 1 name" in "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_a_report_without_such_signs_does_not_depend_on_the_machine(tmp_path, monkeypatch):
    made_up_font(tmp_path)
    monkeypatch.setattr(style, "FONT_FOLDERS", (str(tmp_path / "none"),))
    without = compile_report(cases.desk(), "short")[0]
    style.spare_font.cache_clear()
    monkeypatch.setattr(style, "FONT_FOLDERS", (str(tmp_path),))
    assert compile_report(cases.desk(), "short")[0] == without
