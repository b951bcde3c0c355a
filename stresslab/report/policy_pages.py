"""The pages on policies and on claims."""

from __future__ import annotations

from stresslab.report import policy_findings, policy_tables
from stresslab.report.blocks import Block, LeftOut, Page, Table, figure, table, text
from stresslab.report.charts.policies import PANELS, figure_policy_worth
from stresslab.report.review import ROWS, Review


def policies_page(review: Review, appendix: list[Table]) -> Page | LeftOut:
    """What stops, top-ups and the rest change, and what they need; left out where no configuration has any."""
    acting = review.acting
    if not acting:
        return LeftOut("What the policies are worth", "no configuration has any")
    hidden = f" The first {ROWS} of {len(acting)} configurations are drawn." if len(acting) > ROWS else ""
    finding = policy_findings.worth(review)
    blocks: list[Block] = [
        text(finding, "finding"),
        *(text(policy_findings.of_configuration(review, one)) for one in acting[:ROWS]),
        figure(
            figure_policy_worth(review.results),
            "With the policies less without, on the same paths, with paired 95 % intervals. Left of the line the "
            f"policies lower it.{hidden}",
            f"Dot plots of paired differences by configuration. {finding}.",
            review.source(*(name for name, _ in PANELS)),
        ),
        table(policy_tables.worth(review), appendix),
        table(policy_tables.with_and_without(review), appendix),
        *(table(one, appendix) for one in (*policy_tables.cash(review), *policy_tables.alerts(review))),
    ]
    return Page("What the policies are worth", blocks)


def claims_page(review: Review, appendix: list[Table]) -> Page:
    """Common advice, tested on the book."""
    missing = policy_findings.left_out(review)
    return Page(
        "Claims tested on this book",
        [
            text(policy_findings.claims(review), "finding"),
            *(table(one, appendix) for one in policy_tables.claims(review)),
            *([text(missing, "note")] if missing else []),
            *(table(one, appendix) for one in policy_tables.dragged_down(review)),
        ],
    )
