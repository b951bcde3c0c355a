"""What the numbers say, in computed sentences: they change with the numbers, and say so when nothing can be told."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stresslab.report.charts.collateral import TARGET, pool_title, required_pools
from stresslab.report.charts.loss import LEVEL
from stresslab.report.charts.margin_ratio import fanned
from stresslab.report.formatting import Estimate, count, days, money, money_estimate, percent, points
from stresslab.report.limitations import Limitation
from stresslab.report.review import BOOKED, CROSS, ISOLATED, Review, label

_ANY = "account_liquidation_probability"
_EVERY = "account_wiped_probability"


def summary(review: Review) -> list[str]:
    """Three findings: how likely a liquidation is, what isolation changes, and what would be lost."""
    return [_likelihood(review), _isolation(review), _loss(review)]


def _likelihood(review: Review) -> str:
    chance = review.chance_in_text(_ANY, BOOKED)
    if review.value(_ANY, configuration=BOOKED) == 0.0:
        return (
            f"Held as booked, no pool of the account was liquidated within {review.horizon} on any path: "
            f"the probability is {chance}."
        )
    pools = review.pools(BOOKED)
    worst = pools[0]
    own = review.chance_in_text("liquidation_probability", BOOKED, pool=worst)
    sentence = (
        f"Held as booked, at least one pool of the account is liquidated within {review.horizon} with probability "
        f"{chance}"
    )
    if len(pools) == 1:
        return f"{sentence}; the account is a single pool, {worst}."
    return f"{sentence}; the most exposed pool is {worst}, at {own}."


def _pair(review: Review, name: str, what: str) -> str:
    """One probability, isolated against cross, with the paired difference."""
    difference = review.estimate(f"{name}_isolated_less_cross")
    if review.value(name, configuration=ISOLATED) == review.value(name, configuration=CROSS) == 0.0:
        return f"a liquidation of {what} was not seen on any path, isolated or crossed"
    ends = f"{review.chance(name, CROSS)[0]} crossed, {review.chance(name, ISOLATED)[0]} isolated"
    numbers = f"({ends}; difference {' '.join(points(difference))} points)"
    if not difference.certain_sign:
        return f"on the probability that {what} is liquidated the two cannot be told apart {numbers}"
    verb = "raises" if difference.certain_sign > 0 else "lowers"
    return f"isolation {verb} the probability that {what} is liquidated {numbers}"


def _isolation(review: Review) -> str:
    if len(review.positions) == 1:
        return "The book is a single position: isolated and cross margin differ only in the collateral behind it."
    some, every = (_pair(review, name, what) for name, what in ((_ANY, "some pool"), (_EVERY, "every pool")))
    text = f"{some}; {every}."
    return text[0].upper() + text[1:]


def _loss(review: Review) -> str:
    expected = review.estimate("expected_loss", configuration=BOOKED)
    shortfall = review.estimate("expected_shortfall", configuration=BOOKED, level=LEVEL)
    stake = review.value("account_value", configuration=BOOKED)
    main, interval = money_estimate(expected)
    text = f"The expected loss as booked is {main} {review.currency} {interval}".rstrip()
    if shortfall.value <= 0.0:
        return f"{text}; even the worst {percent(1 - LEVEL, 2)} of paths end with a gain on average."
    tail, tail_interval = money_estimate(shortfall)
    share = f", {percent(shortfall.value / stake)} of the account’s value" if stake > 0.0 else ""
    lost = f"{tail} {tail_interval} on average{share}"
    return f"{text}; in the worst {percent(1 - LEVEL, 2)} of paths the account loses {lost}. {_comparison(review)}"


def _comparison(review: Review) -> str:
    others = [name for name in review.configurations if name != BOOKED]
    name = "expected_shortfall_difference"
    differences = {one: review.estimate(name, configuration=one, level=LEVEL) for one in others}
    better = {one: difference for one, difference in differences.items() if difference.certain_sign < 0}
    if not better:
        return "No other configuration has a tail that is lower beyond sampling error."
    best = min(better, key=lambda one: better[one].value)
    size, interval = money_estimate(better[best], signed=True)
    return f"The lowest tail is that of {label(best)}: {size} {review.currency} {interval} against as booked."


def book(review: Review) -> str:
    """The pool nearest to liquidation today."""
    ratios = {
        pool: review.value("margin_ratio_today", configuration=BOOKED, pool=pool) for pool in review.pools(BOOKED)
    }
    nearest = min(ratios, key=lambda pool: ratios[pool])
    gone = [pool for pool, ratio in ratios.items() if ratio <= 1.0]
    if gone:
        are = "is" if len(gone) == 1 else "are"
        return f"As booked, {len(gone)} of {_some(len(ratios), 'pool')} {are} at or below the maintenance margin today"
    if len(ratios) == 1:
        return f"The account’s single pool holds {ratios[nearest]:.3g} times its maintenance margin"
    held = f"{ratios[nearest]:.3g} times its maintenance margin"
    return f"As booked, the pool nearest to liquidation, {nearest}, holds {held}"


def liquidation_prices(review: Review) -> str:
    """The shortest way to a liquidation price as booked, and how many positions have none."""
    moves = {}
    for position in review.positions:
        mark = review.value("mark_price", position=position)
        move = review.value("liquidation_price", configuration=BOOKED, position=position) / mark - 1.0
        if review.liquidated_at_start(BOOKED, review.pool_of(BOOKED, position)):
            return f"As booked, {position} is liquidated at today’s mark"
        if not math.isnan(move):
            moves[position] = move
    without = len(review.positions) - len(moves)
    none = f"; {_some(without, 'position')} of {len(review.positions)} has no liquidation price" if without else ""
    if without > 1:
        none = none.replace(" has ", " have ")
    if not moves:
        return "As booked, no position has a liquidation price while the other marks stand still"
    nearest = min(moves, key=lambda position: abs(moves[position]))
    way = "rise" if moves[nearest] > 0 else "fall"
    far = percent(abs(moves[nearest]))
    return f"As booked, the nearest liquidation price is a {way} of {far} away, at {nearest}{none}"


def liquidation_probability(review: Review) -> str:
    """For how many positions isolation raises or lowers the probability, beyond sampling error."""
    name = "position_liquidation_probability"
    signs = [
        review.estimate(f"{name}_isolated_less_cross", position=position).certain_sign for position in review.positions
    ]
    higher, lower, equal = signs.count(1), signs.count(-1), signs.count(0)
    if equal == len(signs):
        return "Isolated or crossed, no position’s probability of liquidation differs beyond sampling error"
    if len(signs) == 1:
        return f"The position is {'likelier' if higher else 'less likely'} to be liquidated isolated than crossed"
    parts = [
        (number, words)
        for number, words in (
            (higher, "likelier to be liquidated isolated than crossed"),
            (lower, "less likely" if higher else "less likely to be liquidated isolated than crossed"),
            (equal, "not told apart"),
        )
        if number
    ]
    if len(parts) == 1:
        return f"All {len(signs)} positions are {parts[0][1]}"
    first = f"{parts[0][0]} {'is' if parts[0][0] == 1 else 'are'} {parts[0][1]}"
    return f"Of {len(signs)} positions, {first}, {', '.join(f'{number} {words}' for number, words in parts[1:])}"


def survival(review: Review) -> str:
    """Share of paths without a liquidation at the end, isolated against cross."""
    isolated, cross, booked = (
        _share(float(review.array("account_survival", configuration=configuration)[-1]))
        for configuration in (ISOLATED, CROSS, BOOKED)
    )
    return (
        f"After {review.horizon}, {cross} of the {count(review.paths)} paths are without a liquidation if crossed, "
        f"{booked} as booked, {isolated} if isolated"
    )


def margin_ratio(review: Review) -> str:
    """The panel whose lower quantile comes nearest to 1, and when."""
    times = review.labels("time")
    for quantile in (0.05, 0.01):
        place = review.labels("quantile").index(quantile)
        reached = {}
        for configuration, pool in fanned(review):
            fan = review.array("margin_ratio", configuration=configuration, pool=pool)[:, place]
            floor = [time for time, ratio in zip(times, fan, strict=True) if ratio <= 1.0]
            if floor:
                reached[configuration, pool] = floor[0]
        if reached:
            (configuration, pool), first = min(reached.items(), key=lambda item: item[1])
            name = pool_title(configuration, pool) if configuration == CROSS else pool
            if first == 0.0:
                return f"{name} is at or below its maintenance margin today"
            return f"The worst {percent(quantile, 1)} of paths first reach liquidation in {name}, within {days(first)}"
    return f"In no pool shown do the worst 1 % of paths reach liquidation within {review.horizon}"


def loss(review: Review) -> str:
    """Whether isolation changes the tail, beyond sampling error."""
    difference = review.estimate("expected_shortfall_isolated_less_cross", level=LEVEL)
    if math.isnan(difference.value) or not difference.certain_sign:
        main, signed = money_estimate(difference, signed=True)
        return (
            f"Isolated and crossed, the shortfall beyond 97.5 % cannot be told apart: {main} {signed} {review.currency}"
        )
    size, interval = money_estimate(
        Estimate(abs(difference.value), *sorted((abs(difference.lower), abs(difference.upper))))
    )
    more = "more" if difference.certain_sign > 0 else "less"
    return f"Isolated, the worst 2.5 % of paths lose {size} {interval} {review.currency} {more} on average than crossed"


def collateral(review: Review) -> str:
    """What the pools as booked lack for the target probability."""
    missing = {}
    for configuration, pool in required_pools(review):
        if configuration == BOOKED:
            labels = {"configuration": configuration, "pool": pool}
            required = review.value("required_collateral", **labels, quantile=1.0 - TARGET)
            missing[pool] = required - review.value("collateral", **labels)
    short = {pool: gap for pool, gap in missing.items() if gap > 0.0}
    target = percent(TARGET, 1)
    if not short:
        return f"Every pool as booked holds the collateral that a probability of {target} requires"
    most = max(short, key=lambda pool: short[pool])
    if len(missing) == 1:
        return f"A probability of {target} requires {money(short[most])} {review.currency} more than the pool holds"
    if len(short) == 1:
        gap = f"{money(short[most])} {review.currency}"
        return f"As booked, a probability of {target} requires {gap} more in {most}; every other pool holds enough"
    total = f"{money(sum(short.values()))} {review.currency}"
    part = f"{money(short[most])} of it in {most}"
    return f"As booked, a probability of {target} in each pool requires {total} more, {part}"


def _share(share: float) -> str:
    if share in (0.0, 1.0):
        return "all" if share else "none"
    return percent(share)


def _some(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def limitations(items: Sequence[Limitation]) -> str:
    """Which way the assumptions bend the result, counted."""
    directions = [item.direction for item in items]
    counts = [
        (directions.count("understates"), "understates risk", "understate risk"),
        (directions.count("overstates"), "overstates it", "overstate it"),
        (directions.count("either way"), "cuts either way", "cut either way"),
        (directions.count("none"), "hardly matters", "hardly matter"),
    ]
    parts = [f"{number} {one if number == 1 else several}" for number, one, several in counts if number]
    return f"Of {len(items)} assumptions, {', '.join(parts[:-1])} and {parts[-1]}"
