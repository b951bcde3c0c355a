"""``stresslab estimate``: one number of a scenario, as precisely as its paths allow."""

from __future__ import annotations

import click

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
        lower, upper = max(number.lower, 0.0), min(number.upper, 1.0)
        click.echo(f"{target.described}: {number.mean:.5%}, 95 % [{lower:.5%}, {upper:.5%}]")
    else:
        currency = question.book.currency
        click.echo(
            f"expected loss of {target.name}: {number.mean:,.2f} {currency}, 95 % [{number.lower:,.2f}, "
            f"{number.upper:,.2f}]"
        )
    for gain in found.gains:
        chosen = ", chosen" if gain.method == found.method else ""
        click.echo(f"pilot, {gain.method}: variance divided by {gain.variance_ratio:.3g}{chosen}")
    every = "the closed form itself" if found.method == "control" else "the same in every replication"
    ratio = f"{found.variance_ratio:.3g}" if found.variance_ratio < float("inf") else f"infinity: {every}"
    with_controls = f" with {found.controls} controls" if found.controls else ""
    click.echo(f"{found.paths:,} paths, {found.hits:,} hits; {found.method}{with_controls}: {found.reason}")
    if until is None and found.paths < question.paths:
        click.echo(f"{question.paths - found.paths:,} paths more make no whole replication")
    click.echo(f"variance of a plain path over that of one here: {ratio}")
    if found.hits < 100:
        click.echo("fewer than 100 hits: the interval cannot be trusted; allow more --paths", err=True)
    elif until is not None and number.upper - number.mean > target.half_width * number.mean:
        click.echo(f"the precision of {target.half_width:.3g} was not reached; allow more --paths", err=True)
