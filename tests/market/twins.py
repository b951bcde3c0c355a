"""Price processes in plain NumPy and double precision, one asset and one path at a time, given the kernel's noise.

Written from METHODS M36, M37 and M40 to M47, not from the kernel: a factor is NumPy's own, a chi-squared quantile is
SciPy's, and states are kept in plain lists.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from stresslab.documents.durations import minutes_of
from tests.oracles.twin import mean_of_draws


def mixing(nu, score):
    """sqrt(W) at a score, scaled so that the draws which there are average to a variance of one."""
    return math.sqrt((nu - 2.0) / stats.chi2.ppf(stats.norm.sf(score), nu) / mean_of_draws(nu))


class Twin:
    """One path; `advance` takes the noise of a step and gives log prices, deviations and jumps by asset."""

    def __init__(self, specification, step):
        self.market, self.extra = specification, specification.extra
        self.assets = range(len(specification.assets))
        self.step, self.dt = step, step / 365.0
        self.root = np.linalg.cholesky(specification.correlation)
        self.log_price = [0.0 for _ in self.assets]
        self.index = 0
        start = self.own("start_volatility") if self.extra.get("start_volatility") is not None else None
        self.variance = [float(v) ** 2 for v in (specification.volatilities if start is None else start)]
        self.shock = [0.0 for _ in self.assets]
        self.covariance = np.array(specification.correlation, np.float64)
        self.stress = None

    def own(self, key):
        value = self.extra[key]
        return [value[asset] if isinstance(value, dict) else value for asset in self.market.assets]

    def correlated(self, normals):
        return [sum(self.root[i, k] * float(normals[k]) for k in self.assets) for i in self.assets]

    def advance(self, noise):
        """One step by the model's rule; `noise` holds the draws of one path."""
        mean, deviation, shock, jump = getattr(self, self.market.model)(noise)
        for i in self.assets:
            self.log_price[i] += mean[i] * self.dt + deviation[i] * shock[i] + jump[i]
        self.index += 1
        return list(self.log_price), deviation, jump

    def brownian(self, noise):
        drift, sigma = self.market.drifts, self.market.volatilities
        mean = [float(drift[i]) - 0.5 * float(sigma[i]) ** 2 for i in self.assets]
        return mean, [float(sigma[i]) * math.sqrt(self.dt) for i in self.assets], self.correlated(noise.normal)

    def copula_t(self, noise):
        mean, deviation, shock = self.brownian(noise)
        score = float(noise.shared[0])
        for i, nu in enumerate(self.own("tail_degrees_of_freedom")):
            deviation[i] *= mixing(nu, score)
        return mean, deviation, shock, [0.0 for _ in self.assets]

    def compensation(self, i):
        lost = 0.0
        for kind in ("common", "own"):
            m, d = self.own(f"{kind}_jump_mean")[i], self.own(f"{kind}_jump_deviation")[i]
            lost += self.own(f"{kind}_jump_rate")[i] * (math.exp(m + 0.5 * d * d) - 1.0)
        return lost

    def normal_jumps(self, drawn):
        common_number, common_size, own_number, own_size = drawn
        together = self.correlated(common_size)
        jumps = []
        for i in self.assets:
            n, k = float(common_number), float(own_number[i])
            jump = n * self.own("common_jump_mean")[i]
            jump += math.sqrt(n) * self.own("common_jump_deviation")[i] * together[i]
            jump += k * self.own("own_jump_mean")[i]
            jump += math.sqrt(k) * self.own("own_jump_deviation")[i] * float(own_size[i])
            jumps.append(jump)
        return jumps

    def merton(self, noise):
        mean, deviation, shock = self.brownian(noise)
        mean = [mean[i] - self.compensation(i) for i in self.assets]
        return mean, deviation, shock, self.normal_jumps(noise.shared[1])

    def kou(self, noise):
        mean, deviation, shock = self.brownian(noise)
        first, second, own_first, own_second = noise.shared[1]
        jumps = []
        for i in self.assets:
            p, rise, fall = (self.own(key)[i] for key in ("up_probability", "mean_rise", "mean_fall"))
            growth = p / (1.0 - rise) + (1.0 - p) / (1.0 + fall) - 1.0
            jump = 0.0
            for kind, words in (("common", (first[0], second[0])), ("own", (own_first[i], own_second[i]))):
                chance = self.own(f"{kind}_jump_rate")[i] * self.dt / 2.0
                mean[i] -= 2.0 * math.log(1.0 + chance * growth) / self.dt
                limit = round(chance * 2**32)
                for word in (int(word) for word in words):
                    if word < limit:
                        u = (word + 0.5) / limit
                        jump += -rise * math.log(u / p) if u < p else fall * math.log((1.0 - u) / (1.0 - p))
            jumps.append(jump)
        return mean, deviation, shock, jumps

    def heston(self, noise):
        kappa, xi, rho = (self.own(k) for k in ("mean_reversion", "volatility_of_variance", "leverage_correlation"))
        shock, own = self.correlated(noise.normal), self.correlated(noise.shared[0])
        mean, deviation = [], []
        for i in self.assets:
            v = max(self.variance[i], 0.0)
            mean.append(float(self.market.drifts[i]) - 0.5 * v)
            deviation.append(math.sqrt(v * self.dt))
            both = rho[i] * shock[i] + math.sqrt(1.0 - rho[i] ** 2) * own[i]
            pull = kappa[i] * (float(self.market.volatilities[i]) ** 2 - v) * self.dt
            self.variance[i] += pull + xi[i] * deviation[i] * both
        return mean, deviation, shock, [0.0 for _ in self.assets]

    def bates(self, noise):
        inner, drawn = noise.shared
        mean, deviation, shock, _ = self.heston(noise._replace(shared=inner))
        mean = [mean[i] - self.compensation(i) for i in self.assets]
        return mean, deviation, shock, self.normal_jumps(drawn)

    def garch(self, noise):
        nu, score = self.extra["degrees_of_freedom"], float(noise.shared[0])
        mean, _, shock = self.brownian(noise)
        a, b = self.extra["correlation_alpha"], self.extra["correlation_beta"]
        if a > 0.0:
            unit = np.sqrt(np.diag(self.covariance))
            shock = list(np.linalg.cholesky(self.covariance / np.outer(unit, unit)) @ np.float64(noise.normal))
        deviation = [math.sqrt(self.variance[i] * self.dt) * mixing(nu, score) for i in self.assets]
        bar = minutes_of(self.extra["bar"]) / 1440.0
        bar_ends = (self.index + 1) % round(bar / self.step) == 0
        alpha, gamma, beta = (self.own(key) for key in ("alpha", "gamma", "beta"))
        for i in self.assets:
            self.shock[i] += deviation[i] * shock[i]
        if bar_ends:
            e = [self.shock[i] / math.sqrt(self.variance[i] * bar / 365.0) for i in self.assets]
            long_run = (1.0 - a - b) * self.market.correlation
            self.covariance = long_run + a * np.outer(e, e) + b * self.covariance
        for i in self.assets:
            if bar_ends:
                omega = (1.0 - alpha[i] - 0.5 * gamma[i] - beta[i]) * float(self.market.volatilities[i]) ** 2
                weight = alpha[i] + (gamma[i] if self.shock[i] < 0.0 else 0.0)
                self.variance[i] = omega + weight * self.shock[i] ** 2 / (bar / 365.0) + beta[i] * self.variance[i]
                self.shock[i] = 0.0
        return mean, deviation, shock, [0.0 for _ in self.assets]

    def regimes(self, noise):
        u, common = (float(value) for value in noise.shared)
        out, back = 1.0 / self.extra["calm_days"], 1.0 / self.extra["stress_days"]
        share = out / (out + back)
        settled = 1.0 - math.exp(-(out + back) * self.step)
        if self.stress is None:
            chance = {"stationary": share, "calm": 0.0, "stress": 1.0}[self.extra["start_regime"]]
        else:
            chance = 1.0 - (1.0 - share) * settled if self.stress else share * settled
        self.stress = u < chance
        sigma = self.own("stress_volatility") if self.stress else [float(v) for v in self.market.volatilities]
        drift = [float(mu) for mu in self.market.drifts]
        if self.stress and self.extra["stress_drift"] is not None:
            drift = self.own("stress_drift")
        w = self.extra["stress_correlation"] if self.stress else 0.0
        shock = [math.sqrt(1.0 - w) * z + math.sqrt(w) * common for z in self.correlated(noise.normal)]
        mean = [drift[i] - 0.5 * sigma[i] ** 2 for i in self.assets]
        return mean, [s * math.sqrt(self.dt) for s in sigma], shock, [0.0 for _ in self.assets]
