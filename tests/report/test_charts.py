"""Charts hold the numbers of the dataset."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colors, rcParams
from matplotlib.figure import Figure

from stresslab.report import style
from stresslab.report.charts.collateral import collateral_pools, figure_collateral
from stresslab.report.charts.liquidation_prices import figure_liquidation_prices
from stresslab.report.charts.liquidation_probability import figure_liquidation_probability
from stresslab.report.charts.loss import figure_loss_distribution, figure_loss_tail, figure_losses_compared
from stresslab.report.charts.margin_ratio import figure_margin_ratio
from stresslab.report.charts.policies import PANELS, figure_policy_worth
from stresslab.report.charts.reverse_stress import figure_reverse_stress
from stresslab.report.charts.survival import figure_account_survival, figure_position_survival
from stresslab.report.review import Review
from tests.report import cases

FIGURES = (
    figure_liquidation_prices,
    figure_liquidation_probability,
    figure_account_survival,
    figure_position_survival,
    figure_margin_ratio,
    figure_loss_distribution,
    figure_loss_tail,
    figure_losses_compared,
    figure_collateral,
    figure_reverse_stress,
)


def lines(axes):
    """Points of every line on some axes."""
    return [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata()), line) for line in axes.get_lines()]


def holds(axes, xs, ys) -> bool:
    """Whether some line goes through exactly these points."""
    return any(x.shape == np.shape(xs) and np.allclose(x, xs) and np.allclose(y, ys) for x, y, _ in lines(axes))


@pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)
@pytest.mark.parametrize("results", [cases.desk, cases.single, cases.doomed], ids=["desk", "single", "doomed"])
def test_every_chart_is_a_figure_whose_svg_repeats(draw, results):
    before = dict(rcParams)
    figure = draw(results())
    assert isinstance(figure, Figure)
    assert style.svg(figure) == style.svg(draw(results()))
    # The session's own settings are left as they were.
    assert dict(rcParams) == before


@pytest.mark.parametrize("draw", [figure_liquidation_prices, figure_loss_tail, figure_account_survival])
def test_a_chart_can_be_drawn_on_axes_that_are_given(draw):
    mine = Figure()
    axes = mine.add_subplot()
    assert draw(cases.desk(), axes) is mine
    assert axes.get_lines()


def test_survival_is_drawn_as_it_is():
    (axes,) = figure_account_survival(cases.desk()).axes
    times = cases.desk()["time"].values
    for configuration in ("as_booked", "all_isolated", "all_cross"):
        assert holds(axes, times, cases.desk()["account_survival"].sel(configuration=configuration).values)
    # The control: a curve that the dataset does not hold is not found.
    assert not holds(axes, times, cases.desk()["account_survival"].sel(configuration="as_booked").values * 0.5)


def test_probabilities_and_intervals_are_drawn_as_they_are():
    (axes,) = figure_liquidation_probability(cases.desk()).axes
    name = "position_liquidation_probability"
    at = {"configuration": "all_isolated", "position": "btc-long"}
    value, lower, upper = (float(cases.desk()[f"{name}{end}"].sel(at)) for end in ("", "_lower", "_upper"))
    assert any(np.allclose(x, [value]) for x, _, _ in lines(axes))
    assert any(np.allclose(x, [lower, upper]) for x, _, _ in lines(axes) if x.size == 2)


def test_a_probability_below_one_percent_makes_the_axis_logarithmic():
    assert figure_liquidation_probability(cases.desk()).axes[0].get_xscale() == "log"
    high = cases.desk().copy(deep=True)
    for name in ("position_liquidation_probability", "account_liquidation_probability", "account_wiped_probability"):
        high[name][...] = 0.5
    assert figure_liquidation_probability(high).axes[0].get_xscale() == "linear"


def test_liquidation_prices_are_moves_from_the_mark():
    (axes,) = figure_liquidation_prices(cases.desk()).axes
    price = float(cases.desk()["liquidation_price"].sel(configuration="all_isolated", position="btc-long"))
    assert any(np.allclose(x, [price / 100.0 - 1.0]) for x, _, _ in lines(axes) if x.size == 1)


def test_the_loss_is_drawn_as_its_exceedance_with_both_marks():
    (axes,) = figure_loss_distribution(cases.desk()).axes
    losses = cases.desk()["loss_profile"].sel(configuration="all_cross").values
    assert holds(axes, losses, 1.0 - cases.desk()["profile"].values)
    (tail,) = figure_loss_tail(cases.desk()).axes
    for name in ("value_at_risk", "expected_shortfall"):
        value = float(cases.desk()[name].sel(configuration="all_cross", level=0.975))
        assert holds(tail, [value], [0.025])


def test_collateral_has_todays_point_and_the_requirement():
    review = Review(cases.desk())
    axes = figure_collateral(cases.desk()).axes
    pools = collateral_pools(review)
    assert len(axes) == len(pools)
    for one, (configuration, pool) in zip(axes, pools, strict=True):
        at = {"configuration": configuration, "pool": pool}
        required = float(cases.desk()["required_collateral"].sel({**at, "quantile": 0.99}))
        assert holds(one, [required], [0.01])
        today = float(cases.desk()["collateral"].sel(at))
        assert any(np.allclose(x, [today]) for x, _, _ in lines(one))


def test_the_median_of_the_margin_ratio_is_drawn():
    axes = figure_margin_ratio(cases.desk()).axes
    median = cases.desk()["margin_ratio"].sel(configuration="all_cross", pool="cross", quantile=0.5).values
    assert holds(axes[0], cases.desk()["time"].values, median)


def test_differences_that_policies_make_are_drawn_as_they_are():
    results = cases.acting()
    panels = figure_policy_worth(results).axes
    assert len(panels) == len(PANELS) == 4
    for axes, (name, _) in zip(panels, PANELS, strict=True):
        at = {"configuration": "topped up"} | ({"level": 0.975} if "level" in results[name].dims else {})
        value, lower, upper = (float(results[f"{name}{end}"].sel(at)) for end in ("", "_lower", "_upper"))
        assert holds(axes, [value], [0])
        assert holds(axes, [lower, upper], [0, 0])
        # The control: the second row is another configuration's.
        assert not holds(axes, [value], [1])
    assert style.svg(figure_policy_worth(results)) == style.svg(figure_policy_worth(results))


def test_a_difference_without_enough_liquidations_says_so():
    rare = cases.acting().copy(deep=True)
    for end in ("", "_lower", "_upper"):
        rare[f"account_loss_given_liquidation_policy_difference{end}"].loc[{"configuration": "hardly"}] = np.nan
    *others, last = figure_policy_worth(rare).axes
    assert [text.get_text() for text in last.texts] == ["too few liquidations"]
    assert not any(axes.texts for axes in others)


def test_configurations_differ_in_color_marker_and_line_and_in_gray():
    looks = [style.look(name, []) for name in ("all_isolated", "all_cross", "as_booked")]
    for part in ("color", "marker", "line"):
        assert len({getattr(look, part) for look in looks}) == 3
    own = ["as_booked", "first", "second"]
    assert style.look("first", own) != style.look("second", own)
    # Dark enough on white paper: relative luminance by the sRGB weights.
    assert all(np.dot(colors.to_rgb(look.color), (0.2126, 0.7152, 0.0722)) < 0.5 for look in looks)


def test_a_dollar_in_a_name_begins_no_formula():
    texts = style.svg(figure_position_survival(cases.hostile()))
    assert "$\\alpha_1$ &amp; &lt;b&gt;" in texts
