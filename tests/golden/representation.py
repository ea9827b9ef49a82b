"""Makes representation.json: what NumPy computes for the metrics of vectors in tests/metrics_twin_test.cpp.

Straight from the definitions: pairs in loops, singular values by LAPACK, ranks by sorting. Run: python3 tests/golden/representation.py > tests/golden/representation.json
"""
import json
import math

import numpy as np


def vectors(n, d, wave):
    return np.array([[math.sin(wave * (i + 1) * (j + 2)) + 0.3 * math.cos(1.1 * i - 0.7 * j) for j in range(d)] for i in range(n)])


def unit(z):
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def anisotropy(z, with_self):
    u, n = unit(z), len(z)
    return np.mean([u[i] @ u[j] for i in range(n) for j in range(n) if with_self or i != j])


def alignment(x, y, power):
    return np.mean(np.linalg.norm(unit(x) - unit(y), axis=1) ** power)


def uniformity(z, t):
    u, n = unit(z), len(z)
    return math.log(np.mean([math.exp(-t * np.sum((u[i] - u[j]) ** 2)) for i in range(n) for j in range(i + 1, n)]))


def knn(z, labels, k):
    u, right = unit(z), 0
    for i in range(len(z)):
        others = sorted((j for j in range(len(z)) if j != i), key=lambda j: -(u[i] @ u[j]))[:k]
        votes = {c: sum(labels[j] == c for j in others) for c in set(labels)}
        best = max(votes.values())
        right += labels[next(j for j in others if votes[labels[j]] == best)] == labels[i]
    return right / len(z)


def effective_rank(z):
    s = np.linalg.svd(z, compute_uv=False)
    p = s / s.sum()
    return math.exp(-np.sum(p * np.log(p)))


def calibration(p, labels, bins):
    confidence, right = p.max(1), p.argmax(1) == labels
    error = 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def spearman(x, y):
    def ranks(v):
        return np.array([np.mean([r for r, i in enumerate(np.argsort(v, kind="stable")) if v[i] == value]) for value in v])
    return np.corrcoef(ranks(x), ranks(y))[0, 1]


rows = []
for n, d, wave in [(7, 3, 0.37), (12, 5, 0.91), (5, 9, 1.7), (30, 4, 0.23)]:
    z, y = vectors(n, d, wave), vectors(n, d, wave + 0.05)
    labels = [(3 * i + i * i) % 3 for i in range(n)]
    p = np.exp(2 * z[:, :3])
    p /= p.sum(1, keepdims=True)
    rounded = np.round(2 * z[:, 0])
    rows.append({"n": n, "d": d, "wave": wave, "anisotropy": anisotropy(z, False), "anisotropy_self": anisotropy(z, True),
                 "alignment": alignment(z, y, 2), "alignment_1": alignment(z, y, 1), "uniformity": uniformity(z, 2), "uniformity_3": uniformity(z, 3),
                 "knn_1": knn(z, labels, 1), "knn_3": knn(z, labels, 3), "knn_5": knn(z, labels, min(5, n - 1)), "effective_rank": effective_rank(z),
                 "calibration_10": calibration(p, np.array(labels), 10), "calibration_4": calibration(p, np.array(labels), 4),
                 "spearman": spearman(rounded, np.round(2 * y[:, 0])), "pearson": np.corrcoef(z[:, 0], y[:, 0])[0, 1]})
print(json.dumps({"rows": rows}, indent=1))
