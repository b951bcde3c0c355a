"""Every figure of the reports, each drawn from a dataset: ``stresslab.figures.account_survival(results)``.

Each takes a dataset and, if wanted, axes to draw on; it returns the figure, which a notebook shows as it is.
"""

from __future__ import annotations

from stresslab.report.charts.allocation import figure_comparison as splits_compared
from stresslab.report.charts.allocation import figure_curves as collateral_curves
from stresslab.report.charts.allocation import figure_frontier as frontier
from stresslab.report.charts.collateral import figure_collateral as required_collateral
from stresslab.report.charts.comparison import figure_waterfall as waterfall
from stresslab.report.charts.diagnosis import figure_diagnosis as diagnosis
from stresslab.report.charts.institution import figure_institution_contagion as institution_contagion
from stresslab.report.charts.institution import figure_institution_contributions as institution_contributions
from stresslab.report.charts.institution import figure_institution_loss as institution_loss
from stresslab.report.charts.limits import figure_limit_utilization as limit_utilization
from stresslab.report.charts.liquidation_prices import figure_liquidation_prices as liquidation_prices
from stresslab.report.charts.liquidation_probability import figure_liquidation_probability as liquidation_probability
from stresslab.report.charts.loss import figure_loss_distribution as loss_distribution
from stresslab.report.charts.loss import figure_loss_tail as loss_tail
from stresslab.report.charts.loss import figure_losses_compared as losses_compared
from stresslab.report.charts.margin_ratio import figure_margin_ratio as margin_ratio
from stresslab.report.charts.models import figure_models as models
from stresslab.report.charts.policies import figure_policy_worth as policy_worth
from stresslab.report.charts.position import figure_position as position
from stresslab.report.charts.replay import figure_replay as replay
from stresslab.report.charts.reverse_stress import figure_reverse_stress as reverse_stress
from stresslab.report.charts.sensitivities import figure_tornado as tornado
from stresslab.report.charts.survival import figure_account_survival as account_survival
from stresslab.report.charts.survival import figure_position_survival as position_survival
from stresslab.report.charts.uncertainty import figure_uncertainty as uncertainty

__all__ = [
    "account_survival",
    "collateral_curves",
    "diagnosis",
    "frontier",
    "institution_contagion",
    "institution_contributions",
    "institution_loss",
    "limit_utilization",
    "liquidation_prices",
    "liquidation_probability",
    "loss_distribution",
    "loss_tail",
    "losses_compared",
    "margin_ratio",
    "models",
    "policy_worth",
    "position",
    "position_survival",
    "replay",
    "required_collateral",
    "reverse_stress",
    "splits_compared",
    "tornado",
    "uncertainty",
    "waterfall",
]
