"""``stresslab estimate``: one number of a scenario, as precisely as its paths allow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stresslab.estimation.reduced import ReducedEstimate

_REDUCTIONS = ("auto", "none", "control", "antithetic", "sobol")


@click.command()
@click.argument("scenario", metavar="SCENARIO")
@click.option("--of", metavar="NAME", help="A configuration, or CONFIGURATION/POOL; by default the book as booked.")
@click.option(
    "--measure",
    type=click.Choice(["liquidation", "expected-loss"]),
    default="liquidation",
    show_default=True,
    help="P(any liquidation), or the mean loss with gains counted as 0.",
)
@click.option(
    "--variance-reduction",
    "reduction",
    type=click.Choice(_REDUCTIONS),
    default="auto",
    show_default=True,
    help="none: plain paths. control: controls in closed form. antithetic: mirrored pairs of paths. sobol: randomized "
    "quasi-random paths. auto: a pilot run of each decides.",
)
@click.option(
    "--until",
    metavar="5%",
    help="Half-width of the 95 % interval, relative to the estimate; a pilot run tells how many paths it takes, "
    "--paths is the most.",
)
@click.option("--paths", type=click.IntRange(4_096, 10**8), metavar="N", help="Number of paths, not the scenario's.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Seed instead of the scenario's.")
@click.option("--threads", type=click.IntRange(1, 1024), metavar="N", help="Blocks in flight; by default one a core.")
def command(
    scenario: str,
    of: str | None,
    measure: str,
    reduction: str,
    until: str | None,
    paths: int | None,
    seed: int | None,
    threads: int | None,
) -> None:
    """Estimate one probability of liquidation or expected loss with reduced variance, and say what that was worth."""
    from stresslab.commands.interruption import interruptible
    from stresslab.commands.messages import print_notices
    from stresslab.measures.precision import PrecisionError, read_precision
    from stresslab.scenario.reading import read_scenario

    question = read_scenario(scenario, paths=paths, seed=seed)
    print_notices(dict.fromkeys(question.notices))
    try:
        # Without a precision the half-width is not looked at; what is named is.
        target = read_precision(f"{until or '5%'}{'' if of is None else ':' + of}", question.configurations)
    except PrecisionError as error:
        raise click.UsageError(str(error)) from error
    with interruptible():
        from stresslab.estimation.reduced import reduced_estimate
        from stresslab.estimation.samples import EstimationError

        try:
            found = reduced_estimate(
                question,
                target,
                measure=measure,  # type: ignore[arg-type]
                reduction=reduction,  # type: ignore[arg-type]
                until=until is not None,
                threads=threads,
            )
        except EstimationError as error:
            raise click.UsageError(str(error)) from error
        except MemoryError as error:
            raise click.ClickException(str(error) or "the paths do not fit into memory; ask for fewer") from error
    number = found.estimate
    if measure == "liquidation":
        click.echo(f"{target.described}: {_probability(found)}")
    else:
        click.echo(f"expected loss of {target.name}: {_loss(found, question.book.currency)}")
    for gain in found.gains:
        chosen = ", chosen" if gain.method == found.method else ""
        click.echo(f"pilot, {gain.method}: variance divided by {gain.variance_ratio:.3g}{chosen}")
    with_controls = f" with {found.controls} controls" if found.controls else ""
    click.echo(f"{found.paths:,} paths, {found.hits:,} hits; {found.method}{with_controls}: {found.reason}")
    if until is None and found.paths < question.paths:
        click.echo(f"{question.paths - found.paths:,} paths more make no whole replication")
    click.echo(f"variance of a plain path over that of one here: {_ratio(found)}")
    if found.hits < 100 and not (found.hits and math.isinf(found.variance_ratio)):
        click.echo("fewer than 100 hits: the interval cannot be trusted; allow more --paths", err=True)
    elif until is not None and number.upper - number.mean > target.half_width * number.mean:
        click.echo(f"the precision of {target.half_width:.3g} was not reached; allow more --paths", err=True)


def _probability(found: ReducedEstimate) -> str:
    """A probability with its interval; the bound that plain paths would give where no path says otherwise."""
    from stresslab.measures.intervals import wilson

    if found.hits in (0, found.paths):
        lower, upper = (float(bound) for bound in wilson(found.hits, found.paths))
        bound = f"below {100.0 * upper:.2g} %" if found.hits == 0 else f"above {100.0 * lower:.6g} %"
        return f"{bound} (95 %, {found.hits:,} of as many plain paths)"
    number = found.estimate
    lower, upper = max(number.lower, 0.0), min(number.upper, 1.0)
    return f"{100.0 * number.mean:.6g} %, 95 % [{100.0 * lower:.6g}, {100.0 * upper:.6g}]"


def _loss(found: ReducedEstimate, currency: str) -> str:
    if found.hits == 0:
        return f"none on any of {found.paths:,} paths"
    number = found.estimate
    return f"{_amount(number.mean)} {currency}, 95 % [{_amount(max(number.lower, 0.0))}, {_amount(number.upper)}]"


def _amount(value: float) -> str:
    return f"{value:,.2f}" if value >= 1.0 else f"{value:.3g}"


def _ratio(found: ReducedEstimate) -> str:
    if math.isfinite(found.variance_ratio):
        return f"{found.variance_ratio:.3g}"
    if found.hits in (0, found.paths):
        return "infinity: every path says the same"
    return f"infinity: {'the closed form itself' if found.method == 'control' else 'the same in every replication'}"
