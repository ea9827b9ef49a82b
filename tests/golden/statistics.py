"""Makes statistics.json: intervals and tests computed by scipy for tests/statistics_test.cpp.

Up to six values scipy is given every one of the n^n equally likely resamples, so that its BCa interval has no error of sampling;
for more values it draws 200,000 of its own, and the test allows for that. Samples are sorted: resamples that hold every value
once then have exactly the sample's mean.
Run: python3 tests/golden/statistics.py > tests/golden/statistics.json   (scipy 1.17)
"""
import itertools
import json
import warnings

import numpy as np
from scipy import stats
from scipy.stats._resampling import BootstrapResult

warnings.simplefilter("ignore")
rng = np.random.default_rng(16)


def mean(x, axis=-1):
    return np.mean(x, axis=axis)


def every_mean(values):
    return np.array([np.mean(np.sort(c)) for c in itertools.product(values, repeat=len(values))])


def bca(values):
    if len(values) <= 6:
        means = every_mean(values)
        given = BootstrapResult(confidence_interval=None, bootstrap_distribution=means, standard_error=0.0)
        r = stats.bootstrap((values,), mean, n_resamples=0, bootstrap_result=given, method="BCa", vectorized=True)
    else:
        r = stats.bootstrap((values,), mean, n_resamples=200_000, batch=5_000, method="BCa", vectorized=True, rng=rng)
    return [float(r.confidence_interval.low), float(r.confidence_interval.high)]


def sign_flip(values):
    zeros = np.zeros_like(values)
    r = stats.permutation_test((values, zeros), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples",
                               vectorized=True, n_resamples=np.inf if len(values) <= 14 else 199_999, batch=2_000, rng=rng)
    return float(r.pvalue)


samples = [rng.normal(0.01, 0.02, n) for n in (2, 3, 4, 5, 6, 8, 12, 14, 25, 40)]
samples += [rng.exponential(0.02, n) - 0.01 for n in (3, 5, 6, 10, 30)]
samples += [np.array([0.01, -0.01, 0.02]), np.array([0.0, 0.5, 0.25, 0.125]), np.array([-3.0, -1.0, -2.5, -0.5, -4.0])]
samples = [np.sort(s) for s in samples]
values = [{"values": [float(v) for v in s], "bca": bca(s), "exact": len(s) <= 6, "sign_flip": sign_flip(s),
           "t": [float(b) for b in stats.ttest_1samp(s, 0).confidence_interval(0.95)]} for s in samples]
pairs = [(0, 0), (1, 0), (3, 9), (9, 3), (5, 5), (0, 12), (20, 41), (130, 95), (1000, 1100)]
mcnemar = [{"only_a": a, "only_b": b, "p": float(stats.binomtest(a, a + b).pvalue) if a + b else 1.0} for a, b in pairs]
normal = [{"p": p, "z": float(stats.norm.ppf(p))} for p in (1e-12, 0.001, 0.025, 0.2, 0.5, 0.7, 0.975, 0.99999)]
print(json.dumps({"samples": values, "mcnemar": mcnemar, "normal": normal}, indent=1))
