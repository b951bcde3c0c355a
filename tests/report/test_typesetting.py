"""The PDF as a whole: the same bytes, no warnings, names as they are, nothing half written."""

from __future__ import annotations

import hashlib
import io
import math
import re
import subprocess
import sys
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from pypdf import PdfReader

import stresslab.report
from stresslab.report import compile_report, typeset
from stresslab.results.saving import save
from tests.report import cases

CASES = {
    "desk": cases.desk,
    "single": cases.single,
    "forty": cases.forty,
    "hostile": cases.hostile,
    "doomed": cases.doomed,
    "acting": cases.acting,
}


REPORTS = [*((case, "standard") for case in CASES), ("desk", "short")]


@cache
def compiled(case: str, form: str) -> tuple[bytes, list[str]]:
    return compile_report(CASES[case](), form)


@cache
def text_of(case: str, form: str = "standard") -> str:
    """Text of all pages, every kind of space made plain."""
    pages = PdfReader(io.BytesIO(compiled(case, form)[0])).pages
    text = " ".join(page.extract_text() for page in pages)
    return re.sub(r"\s+", " ", text)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(("case", "form"), REPORTS)
def test_the_typesetter_warns_of_nothing(case, form):
    assert compiled(case, form)[1] == []


def test_the_same_dataset_gives_the_same_bytes_in_another_process(tmp_path):
    save(cases.desk(), tmp_path / "results.nc")
    program = (
        "import sys; from stresslab.results.saving import load; from stresslab.report import typeset; "
        "typeset(load(sys.argv[1]), sys.argv[2], form='short'); "
        "assert 'jax' not in sys.modules, 'jax'; assert 'matplotlib.pyplot' not in sys.modules, 'pyplot'"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "results.nc", tmp_path / "report.pdf"], check=True)
    typeset(cases.desk(), tmp_path / "again.pdf", form="short")
    first, again = ((tmp_path / name).read_bytes() for name in ("report.pdf", "again.pdf"))
    assert hashlib.sha256(first).hexdigest() == hashlib.sha256(again).hexdigest()
    assert first.startswith(b"%PDF")


def test_control_another_dataset_gives_other_bytes():
    other = cases.desk().copy(deep=True)
    other["expected_loss"][0] *= 2.0
    assert compile_report(other, "short")[0] != compiled("desk", "short")[0]


def test_an_unknown_form_is_refused_and_the_forms_are_named(tmp_path):
    with pytest.raises(ValueError, match=r'no form "long".*full, short, standard'):
        typeset(cases.desk(), tmp_path / "report.pdf", form="long")
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_fails_leaves_the_former_one(tmp_path, monkeypatch):
    target = tmp_path / "report.pdf"
    target.write_bytes(b"former")

    def fails(self: Path, _target: object) -> Path:
        raise OSError("no space")

    monkeypatch.setattr(stresslab.report, "compile_report", lambda *_, **__: (b"%PDF new", []))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fails)
        with pytest.raises(OSError, match="no space"):
            typeset(cases.desk(), target)
    assert target.read_bytes() == b"former"
    assert [path.name for path in tmp_path.iterdir()] == ["report.pdf"]
    typeset(cases.desk(), target)
    assert target.read_bytes() == b"%PDF new"


@pytest.mark.parametrize(
    "name", [cases.HOSTILE, "$\\alpha_1$ & <b>", "*book* $x$", "own #1 $", "US$", "v#1", "<s> @t", "#eval(1)"]
)
def test_names_come_out_as_they_are(name):
    assert squeezed(name) in squeezed(text_of("hostile"))


def test_signs_that_the_fonts_lack_are_announced():
    assert "printed as boxes, in 1 name;" in text_of("hostile")
    assert "printed as boxes" not in text_of("desk")


def test_a_source_with_signs_that_cannot_be_printed_does_not_stop_the_report():
    results = cases.desk().copy()
    results.attrs["venue_source"] = "bell \x07 null \x00 private \ue000 tab\tend\r\nnext line"
    pdf, warnings = compile_report(results, "short")
    assert warnings == []
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    assert squeezed("bell \ufffd null \ufffd private \ufffd tab end\ufffd next line") in squeezed(text)


def test_a_notice_is_printed_on_the_first_page():
    first = PdfReader(io.BytesIO(compiled("hostile", "standard")[0])).pages[0].extract_text()
    assert squeezed("a *notice* with $ and #; do @nothing") in squeezed(first)


@pytest.mark.parametrize(("case", "form"), REPORTS)
def test_no_bare_zero_and_no_missing_number(case, form):
    text = text_of(case, form)
    assert not re.search(r"(?<![\d.,\u202f])0(\.0*)? ?%", text)
    assert not re.search(r"\b(nan|inf)\b", text)


def test_what_was_not_seen_is_a_bound_with_its_counts():
    assert squeezed("< 7.5e-3 (95 %, 0 of 400)") in squeezed(text_of("doomed"))


def test_a_pool_liquidated_at_the_start_is_certain_and_announced():
    text = squeezed(text_of("doomed"))
    assert squeezed("Liquidated at the start: gone (as booked, all isolated).") in text
    assert squeezed("100 % (at the start)") in text
    assert squeezed("Liquidated at the start") not in squeezed(text_of("desk"))


def test_no_liquidation_price_is_said_in_words():
    assert cases.doomed()["liquidation_price"].isnull().any()
    assert "no liquidation price" in text_of("doomed")


@pytest.mark.parametrize(
    ("case", "form", "least", "most"),
    [
        ("desk", "standard", 10, 14),
        ("desk", "short", 5, 7),
        ("single", "standard", 10, 14),
        ("forty", "standard", 20, 40),
    ],
)
def test_number_of_pages(case, form, least, most):
    assert least <= len(PdfReader(io.BytesIO(compiled(case, form)[0])).pages) <= most


def test_every_row_of_a_long_table_stands_in_the_appendix():
    text = squeezed(text_of("forty"))
    body, appendix = text.rsplit(squeezed("Appendix: tables in full"), 1)
    names = [squeezed(f"position number {place} of a desk with very long names") for place in range(40)]
    assert all(name in appendix for name in names)
    # The control: the body holds twelve rows a table, so some of the forty are not in it.
    assert not all(name in body for name in names)


def test_the_document_is_tagged_titled_and_has_no_clock():
    reader = PdfReader(io.BytesIO(compiled("desk", "standard")[0]))
    assert reader.metadata is not None
    assert reader.metadata.title == "A review"
    assert str(reader.metadata["/CreationDate"]).startswith("D:20000101")
    assert b"/MarkInfo" in compiled("desk", "standard")[0]
    assert b"pdfuaid" in compiled("desk", "standard")[0]


def test_no_text_is_smaller_than_seven_points():
    sizes = []

    def visit(text, transform, matrix, _font, size):
        if text.strip():
            # Length of the letters' upright in page space, turned labels included.
            up = [matrix[2] * transform[place] + matrix[3] * transform[2 + place] for place in (0, 1)]
            sizes.append(size * math.hypot(*up))

    for page in PdfReader(io.BytesIO(compiled("desk", "standard")[0])).pages:
        page.extract_text(visitor_text=visit)
    assert len(sizes) > 100
    assert min(sizes) >= 6.99
