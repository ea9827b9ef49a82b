"""Metrics of classes as scikit-learn computes them, for tests/metrics_twin_test.cpp.

The inputs are drawn by splitmix64, here and in the test alike, so that metrics.json holds expected values only: 200 cases of one class
per example and 200 of sets of classes. Scores are eighths (many ties), some classes are never a label or never predicted, every tenth case
has one class only, some examples have no label. null: scikit-learn has no number.

    python3 tests/golden/metrics.py          # scikit-learn 1.9.1; writes tests/golden/metrics.json
"""
import json
import math
import pathlib
import warnings

import numpy as np
import sklearn.metrics as sk

warnings.simplefilter("ignore")
CASES = 200
MASK = (1 << 64) - 1


class Draws:
    """splitmix64 (Steele, Lea and Flood 2014)."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) % n


def classes_case(i):
    draw = Draws(1000 + i)
    n, c = 1 + draw.below(40), 2 if i % 3 == 0 else 3 + draw.below(4)
    used = 1 if i % 10 == 0 else 1 + draw.below(c)  # labels come from the classes first, first + 1, ...
    first = draw.below(c)
    scores, labels = [], []
    for _ in range(n):
        weights = [draw.below(9) for _ in range(c)]
        weights[draw.below(c)] += 1
        scores.append([w / sum(weights) for w in weights])
        labels.append(-1 if draw.below(12) == 0 else (first + draw.below(used)) % c)
    if all(label < 0 for label in labels):
        labels[0] = first
    return c, np.array(scores), np.array(labels)


def sets_case(i):
    draw = Draws(5000 + i)
    n, c = 1 + draw.below(40), 1 + draw.below(5)
    share = [draw.below(9) for _ in range(c)]  # eighths of the examples that have the class
    if i % 10 == 0:
        share[0] = 0
    scores, given, known = [], [], []
    for k in range(n):
        scores.append([draw.below(17) / 16 for _ in range(c)])
        given.append([int(draw.below(8) < s) for s in share])
        known.append(draw.below(12) != 0 or k == 0)
    return c, np.array(scores), np.array(given), np.array(known)


def one_against_rest(truth, scores, metric):
    """Mean over the classes for which scikit-learn has a number, plain and by support; all decisions as one ranking."""
    values = np.array([metric(truth[:, k], scores[:, k]) for k in range(truth.shape[1])])
    weights = truth.sum(axis=0)
    good = ~np.isnan(values)
    macro = values[good].mean() if good.any() else math.nan
    weighted = np.average(values[good], weights=weights[good]) if weights[good].sum() else math.nan
    return macro, weighted, metric(truth.ravel(), scores.ravel())


def rates(y, predicted):
    out = {}
    for name, f in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        for average in ("micro", "macro", "weighted"):
            out[f"{name}_{average}"] = f(y, predicted, average=average, zero_division=0)
        out[f"{name}_macro 1"] = f(y, predicted, average="macro", zero_division=1)
        out[f"{name}_macro nan"] = f(y, predicted, average="macro", zero_division=np.nan)
    return out


def of_classes(i):
    c, scores, labels = classes_case(i)
    scores, y = scores[labels >= 0], labels[labels >= 0]
    predicted = scores.argmax(axis=1)
    every = list(range(c))
    out = {"accuracy": sk.accuracy_score(y, predicted), "balanced_accuracy": sk.balanced_accuracy_score(y, predicted),
           "matthews": sk.matthews_corrcoef(y, predicted)}
    average = "binary" if c == 2 else "macro"
    for name, f in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        out[name] = f(y, predicted, average=average, zero_division=0)
    out |= rates(y, predicted)
    truth = np.eye(c, dtype=int)[y]
    for name, f in (("roc_auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)):
        if c == 2:
            out[name] = out[f"{name} weighted"] = out[f"{name} micro"] = f(y, scores[:, 1])
        else:
            out[name], out[f"{name} weighted"], out[f"{name} micro"] = one_against_rest(truth, scores, f)
            if len(set(y)) == c:  # the one call that does it all, where it can
                more = {"multi_class": "ovr"} if name == "roc_auc" else {}
                assert abs(f(y if more else truth, scores, average="macro", **more) - out[name]) < 1e-12
                assert abs(f(y if more else truth, scores, average="weighted", **more) - out[f"{name} weighted"]) < 1e-12
    for k in (1, 2, 3):
        score = scores[:, 1] if c == 2 else scores
        out[f"top_k_accuracy {k}"] = sk.top_k_accuracy_score(y, score, k=k, labels=every)
    report = sk.precision_recall_fscore_support(y, predicted, labels=every, zero_division=0)
    per_class = [list(map(float, column)) for column in report]
    per_class.append([sk.roc_auc_score(truth[:, k], scores[:, k]) for k in every])
    per_class.append([sk.average_precision_score(truth[:, k], scores[:, k]) for k in every])
    return out, per_class, sk.confusion_matrix(y, predicted, labels=every).tolist()


def of_sets(i):
    c, scores, given, known = sets_case(i)
    scores, y = scores[known], given[known]
    predicted = (scores > 0.5).astype(int)
    if c == 1:  # scikit-learn takes one column for two classes: a second one that never occurs, then every class by itself
        report = sk.precision_recall_fscore_support(y[:, 0], predicted[:, 0], labels=[1], zero_division=0)
        out = {}
    else:
        report = sk.precision_recall_fscore_support(y, predicted, zero_division=0)
        out = rates(y, predicted)
        out["micro_f1"] = out["f1_micro"]
        out["macro_f1"] = out["f1_macro nan"]
    for name, f in (("roc_auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)):
        out[name], out[f"{name} weighted"], out[f"{name} micro"] = one_against_rest(y, scores, f)
    if c > 1 and (y.min(axis=0) == 0).all() and (y.max(axis=0) == 1).all():
        assert abs(sk.roc_auc_score(y, scores) - out["roc_auc"]) < 1e-12
        assert abs(sk.average_precision_score(y, scores) - out["average_precision"]) < 1e-12
        assert abs(sk.roc_auc_score(y, scores, average="micro") - out["roc_auc micro"]) < 1e-12
    per_class = [list(map(float, column)) for column in report]
    per_class.append([sk.roc_auc_score(y[:, k], scores[:, k]) for k in range(c)])
    per_class.append([sk.average_precision_score(y[:, k], scores[:, k]) for k in range(c)])
    return out, per_class, None


def short(v):
    return None if isinstance(v, float) and math.isnan(v) else float(f"{float(v):.13g}")


def table(of):
    names, rows = [], []
    for i in range(CASES):
        values, per_class, confusion = of(i)
        names += [n for n in values if n not in names]
        rows.append((values, per_class, confusion))
    lines = []
    for values, per_class, confusion in rows:
        row = {"values": [short(values[n]) if n in values else "none" for n in names],
               "per_class": [[short(v) for v in column] for column in per_class]}
        if confusion:
            row["confusion"] = confusion
        lines.append(json.dumps(row, separators=(",", ":")).replace(".0,", ",").replace(".0]", "]"))
    return '{"names":' + json.dumps(names) + ',"rows":[\n' + ",\n".join(lines) + "\n]}"


pathlib.Path(__file__).with_name("metrics.json").write_text(
    '{"classes":' + table(of_classes) + ',\n"sets":' + table(of_sets) + "}\n")
