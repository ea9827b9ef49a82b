"""Makes losses.json: value and gradients of every loss, computed by PyTorch for tests/losses_golden_test.cpp.

An independent twin: torch.nn.functional where it has the loss, else the definition written out row by row and pair by
pair, without looking for speed or stability. Gradients come from torch.autograd. A comment names the published code of the same
algorithm; docs/guide/originals.md says how closely the two agree.
Run: python3 tests/golden/losses.py > tests/golden/losses.json   (PyTorch 2.13, float64 throughout)
"""
import itertools
import json
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(20)
rows = []


def row(loss, name, floats, fixed, options, value):
    """floats: tensors that are differentiated; fixed: integer tensors and constants; value: floats -> number."""
    leaves = {k: v.clone().requires_grad_(True) for k, v in floats.items()}
    out = value(**leaves)
    grads = torch.autograd.grad(out, list(leaves.values()), allow_unused=True)
    rows.append({
        "loss": loss, "name": name,
        "floats": {k: {"shape": list(v.shape), "values": v.flatten().tolist()} for k, v in floats.items()},
        "integers": {k: v.flatten().tolist() for k, v in fixed.items() if not v.is_floating_point()},
        "constants": {k: {"shape": list(v.shape), "values": v.flatten().tolist()} for k, v in fixed.items() if v.is_floating_point()},
        "options": options, "value": out.item(),
        "gradients": {k: (torch.zeros_like(v) if g is None else g).flatten().tolist() for (k, v), g in zip(leaves.items(), grads)},
    })


def rand(*shape, scale=1.0):
    return (torch.randn(*shape) * scale).mul(4096).round().div(4096)     # short decimals, exactly the same in C++


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


# ---- classification -------------------------------------------------------------------------------------------------------
X, Y = rand(5, 4, scale=2), torch.tensor([2, 0, -1, 3, 0])
W = [1.0, 0.5, 2.0, 1.5]


def labelled_mean(each, labels, weights=None):
    """each: row index -> number."""
    total, norm = 0, 0
    for i, y in enumerate(labels.tolist()):
        if y < 0:
            continue
        w = weights[y] if weights else 1
        total, norm = total + w * each(i, y), norm + w
    return total / norm


def classification(loss, options, each):
    for weights in (None, W):
        row(loss, "class weights" if weights else "plain", {"logits": X}, {"labels": Y},
            {**options, **({f"weight_{c}": w for c, w in enumerate(weights)} if weights else {})},
            lambda logits: labelled_mean(lambda i, y: each(logits[i], y), Y, weights))


def prob(x, y):
    return x.softmax(0)[y]


row("cross_entropy", "plain", {"logits": X}, {"labels": Y}, {},
    lambda logits: F.cross_entropy(logits, Y, ignore_index=-1))
row("cross_entropy", "smoothing and class weights", {"logits": X}, {"labels": Y},
    {"smoothing": 0.1, **{f"weight_{c}": w for c, w in enumerate(W)}},
    lambda logits: labelled_mean(lambda i, y: F.cross_entropy(logits[i:i + 1], Y[i:i + 1], label_smoothing=0.1), Y, W))
for gamma in (0.0, 0.5, 2.0):                           # Tongjilibo/bert4torch, FocalLoss
    classification("focal", {"gamma": gamma}, lambda x, y, g=gamma: (1 - prob(x, y)) ** g * -prob(x, y).log())
# abhuse/polyloss-pytorch, Poly1CrossEntropyLoss
classification("poly1", {"epsilon": 1.5}, lambda x, y: -prob(x, y).log() + 1.5 * (1 - prob(x, y)))


def asymmetric(x, y, positive, negative, smoothing):    # Alibaba-MIIL/ASL, ASLSingleLabel
    p, total = x.softmax(0), 0
    for c in range(len(x)):
        target = (1 - smoothing if c == y else 0) + smoothing / len(x)
        weight = (1 - p[c]) ** positive if c == y else p[c] ** negative
        total = total - target * weight * p[c].log()
    return total


classification("asymmetric", {"gamma_positive": 1.0, "gamma_negative": 4.0, "smoothing": 0.1}, lambda x, y: asymmetric(x, y, 1, 4, 0.1))
classification("asymmetric", {"gamma_positive": 0.0, "gamma_negative": 2.0, "smoothing": 0.0}, lambda x, y: asymmetric(x, y, 0, 2, 0))


def symmetric(x, y, alpha, beta, a):
    p = x.softmax(0)
    q = torch.full_like(p, math.exp(a))
    q[y] = 1
    return -alpha * p[y].log() - beta * (p * q.log()).sum()


classification("symmetric_cross_entropy", {"alpha": 0.1, "beta": 1.0, "log_zero": -4.0}, lambda x, y: symmetric(x, y, 0.1, 1, -4))
for q in (0.7, 1.0):                                    # AlanChou/Truncated-Loss, TruncatedLoss without pruning
    classification("generalised_cross_entropy", {"q": q}, lambda x, y, q=q: (1 - prob(x, y) ** q) / q)
for power in (1, 2):
    classification("hinge", {"margin": 0.8, "power": float(power)},
                   lambda x, y, p=power: F.multi_margin_loss(x[None], torch.tensor([y]), p=p, margin=0.8))
# fursovia/self-adj-dice, SelfAdjDiceLoss
classification("self_adjusting_dice", {"alpha": 0.7, "smooth": 0.5},
               lambda x, y: 1 - (2 * (1 - prob(x, y)) ** 0.7 * prob(x, y) + 0.5) / ((1 - prob(x, y)) ** 0.7 * prob(x, y) + 1 + 0.5))
Q = torch.tensor([[0.5, 0.25, 0.25, 0], [0, 0, 1, 0], [0.125, 0.125, 0.25, 0.5], [0, 0.5, 0.5, 0], [1, 0, 0, 0]])
row("soft_cross_entropy", "", {"logits": X}, {"q": Q}, {}, lambda logits: F.cross_entropy(logits, Q))
row("entropy", "", {"logits": X}, {}, {},
    lambda logits: torch.distributions.Categorical(logits=logits).entropy().mean())
row("entropy", "weighted rows", {"logits": X}, {"counts": torch.tensor([1.0, 0, 2, 0, 0.5])}, {},
    lambda logits: (torch.distributions.Categorical(logits=logits).entropy() * torch.tensor([1.0, 0, 2, 0, 0.5])).sum() / 3.5)

# ---- divergences ----------------------------------------------------------------------------------------------------------
A, B = rand(3, 2, 4), rand(3, 2, 4)
MASK = torch.tensor([1, 0, 1, 1, 0, 1])


def divergence(loss, cell):
    def reduced(a, b, kind):
        each = cell(a, b)
        if kind == "sum":
            return each.sum()
        if kind == "mean":
            return each.mean()
        if kind == "batchmean":
            return each.sum() / len(a)
        return each.sum(-1).flatten()[MASK.bool()].mean()
    for kind in ("sum", "mean", "batchmean", "tokenmean"):
        row(loss, kind, {"a": A, "b": B}, {"mask": MASK} if kind == "tokenmean" else {}, {"reduction": kind},
            lambda a, b: reduced(a, b, kind))


def kl(a, b):                                            # both ways: dropreg/R-Drop, compute_kl_loss
    return F.kl_div(b.log_softmax(-1), a.log_softmax(-1), log_target=True, reduction="none")


def js(a, b):
    p, q = a.softmax(-1), b.softmax(-1)
    m = (p + q) / 2
    return 0.5 * p * (p / m).log() + 0.5 * q * (q / m).log()


def bernoulli_j(s, t):
    p, q = torch.distributions.Bernoulli(logits=s), torch.distributions.Bernoulli(logits=t)
    return torch.distributions.kl_divergence(p, q) + torch.distributions.kl_divergence(q, p)


divergence("kl_divergence", kl)
divergence("symmetric_kl", lambda a, b: kl(a, b) + kl(b, a))
divergence("jensen_shannon", js)
divergence("hellinger", lambda a, b: 0.5 * (a.softmax(-1).sqrt() - b.softmax(-1).sqrt()) ** 2)
divergence("sigmoid_divergence", bernoulli_j)

# ---- regression -----------------------------------------------------------------------------------------------------------
P, T = rand(7, scale=2), rand(7)
row("mse", "", {"prediction": P, "target": T}, {}, {}, lambda prediction, target: F.mse_loss(prediction, target))
for delta in (0.5, 3.0):
    row("huber", "", {"prediction": P, "target": T}, {}, {"delta": delta},
        lambda prediction, target: F.huber_loss(prediction, target, delta=delta))
row("log_cosh", "", {"prediction": P, "target": T}, {}, {},
    lambda prediction, target: (prediction - target).cosh().log().mean())
row("pinball", "", {"prediction": P, "target": T}, {}, {"quantile": 0.9},
    lambda prediction, target: torch.maximum(0.9 * (target - prediction), (0.9 - 1) * (target - prediction)).mean())

# ---- several labels per row -----------------------------------------------------------------------------------------------
S = rand(3, 5, scale=2)
POSITIVE = torch.tensor([[1, 0, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
SOFT = torch.tensor([[1, 0, 0.25, 0.5, 0], [0, 0, 0.125, 0, 0], [1, 0.75, 1, 1, 0.5]])
row("bce_with_logits", "", {"logits": S}, {"target": SOFT}, {},
    lambda logits: F.binary_cross_entropy_with_logits(logits, SOFT))


def asl(x, t, positive, negative, clip):
    p = x.sigmoid()
    m = (p - clip).clamp(min=0)
    return (-t * (1 - p) ** positive * p.log() - (1 - t) * m ** negative * (1 - m).log()).mean()


for g, n, clip in ((1.0, 4.0, 0.05), (0.0, 2.0, 0.0)):
    row("asymmetric_multilabel", "", {"logits": S}, {"target": SOFT}, {"gamma_positive": g, "gamma_negative": n, "clip": clip},
        lambda logits: asl(logits, SOFT, g, n, clip))


def zlpr_row(s, positive):                               # bojone/bert4keras, multilabel_categorical_crossentropy
    return (1 + sum((v.exp() for v, p in zip(s, positive) if not p), torch.zeros(()))).log() + \
        (1 + sum(((-v).exp() for v, p in zip(s, positive) if p), torch.zeros(()))).log()


row("zlpr", "", {"scores": S}, {"positive": POSITIVE}, {},
    lambda scores: sum(zlpr_row(s, p) for s, p in zip(scores, POSITIVE)) / 3)
row("zlpr_soft", "", {"scores": S}, {"target": SOFT}, {},
    lambda scores: sum((1 + ((1 - y) * s.exp()).sum()).log() + (1 + (y * (-s).exp()).sum()).log() for s, y in zip(scores, SOFT)) / 3)


def pairwise(s, positive):
    pairs = [(a - b).exp() for (a, p), (b, q) in itertools.product(list(zip(s, positive)), repeat=2) if not p and q]
    return (1 + sum(pairs, torch.zeros(()))).log()


row("pairwise_multilabel", "", {"scores": S}, {"positive": POSITIVE}, {},
    lambda scores: sum(pairwise(s, p) for s, p in zip(scores, POSITIVE)) / 3)
CELLS = [0, 4, 4, 5, 9]
FLAT, MARKED = rand(9), torch.tensor([0, 1, 0, 0, 1, 1, 0, 1, 0])
# bojone/GlobalPointer, global_pointer_crossentropy
row("global_pointer", "cells of 4, 0, 1 and 4", {"scores": FLAT}, {"positive": MARKED, "offsets": torch.tensor(CELLS)}, {},
    lambda scores: sum(zlpr_row(scores[a:b], MARKED[a:b]) for a, b in zip(CELLS, CELLS[1:])) / 4)
for squared in (False, True):
    k = 2 if squared else 1
    row("dice", "", {"p": S.sigmoid().mul(4096).round().div(4096)}, {"target": SOFT}, {"smooth": 0.5, "squared": float(squared)},
        lambda p: (1 - (2 * (p * SOFT).sum(1) + 0.5) / ((p ** k).sum(1) + (SOFT ** k).sum(1) + 0.5)).mean())

# ---- contrast -------------------------------------------------------------------------------------------------------------
Z1, Z2, Z3 = rand(4, 3), rand(4, 3), rand(4, 3)
EXTRA = rand(2, 3)


def nce(a, b, t):
    return F.cross_entropy(a @ b.T / t, torch.arange(len(a)))


row("info_nce", "cosine, two further negatives", {"a": Z1, "b": torch.cat([Z2, EXTRA])}, {}, {"temperature": 0.2},
    lambda a, b: nce(unit(a), unit(b), 0.2))
row("info_nce", "dot product", {"a": Z1, "b": Z2}, {}, {"temperature": 0.7, "dot": 1.0}, lambda a, b: nce(a, b, 0.7))
row("info_nce_both_ways", "", {"a": Z1, "b": Z2}, {}, {"temperature": 0.2},
    lambda a, b: (nce(unit(a), unit(b), 0.2) + nce(unit(b), unit(a), 0.2)) / 2)
row("simcse", "", {"a": Z1, "b": Z2}, {}, {"temperature": 0.05}, lambda a, b: nce(unit(a), unit(b), 0.05))


def simcse_supervised(anchor, positive, hard, t, alpha):    # princeton-nlp/SimCSE, cl_forward: its weight is log alpha
    a, p, h = unit(anchor), unit(positive), unit(hard)
    total = 0
    for i in range(len(a)):
        below = sum((a[i] @ p[j] / t).exp() + (alpha if i == j else 1) * (a[i] @ h[j] / t).exp() for j in range(len(a)))
        total = total - ((a[i] @ p[i] / t).exp() / below).log()
    return total / len(a)


for alpha in (1.0, 2.0, 0.0):
    row("simcse_supervised", "", {"anchor": Z1, "positive": Z2, "hard": Z3}, {}, {"temperature": 0.3, "weight": alpha},
        lambda anchor, positive, hard: simcse_supervised(anchor, positive, hard, 0.3, alpha))


def nt_xent(a, b, t):                                    # google-research/simclr, add_contrastive_loss (there twice this)
    z, n, total = torch.cat([unit(a), unit(b)]), len(a), 0
    for i in range(2 * n):
        s = (z[i] * z).sum(1) / t
        keep = [k for k in range(2 * n) if k != i]
        total = total - s[(i + n) % (2 * n)] + s[keep].exp().sum().log()
    return total / (2 * n)


row("nt_xent", "", {"a": Z1, "b": Z2}, {}, {"temperature": 0.5}, lambda a, b: nt_xent(a, b, 0.5))


def sup_con_official(features, labels, temperature, base, mode, form, drop):
    """features [n, views, d], after HobbitLong/SupContrast; form "in" and dropping anchors are added."""
    n, views = features.shape[:2]
    own = torch.arange(n) + 1000
    labels = own if labels is None else torch.where(labels < 0, own, labels)
    mask = (labels[:, None] == labels[None]).double()
    contrast = torch.cat(torch.unbind(features, 1))
    anchor, count = (features[:, 0], 1) if mode == "one" else (contrast, views)
    logits = anchor @ contrast.T / temperature
    mask = mask.repeat(count, views)
    not_self = torch.scatter(torch.ones_like(mask), 1, torch.arange(n * count).view(-1, 1), 0)
    mask = mask * not_self
    e = logits.exp() * not_self
    log_prob = logits - e.sum(1, keepdim=True).log()
    pairs = mask.sum(1)
    safe = torch.where(pairs < 1e-6, torch.ones_like(pairs), pairs)
    if form == "out":
        each = -(mask * log_prob).sum(1) / safe
    else:
        inner = (mask * log_prob.exp()).sum(1) / safe
        each = -torch.where(pairs < 1e-6, torch.ones_like(pairs), inner).log()
    each = each * (temperature / base if base else 1)
    return each.sum() / (pairs > 0).sum() if drop else each.mean()


L = torch.tensor([3, 1, 3, -1])
for form, mode, drop, base, labels in itertools.product(("out", "in"), ("all", "one"), (False, True), (0.0, 0.07), (L, None)):
    if base and drop:
        continue
    row("sup_con_views", f"{form} {mode}", {"a": Z1, "b": Z2}, {} if labels is None else {"labels": labels},
        {"temperature": 0.4, "base_temperature": base, "in": float(form == "in"), "one": float(mode == "one"), "drop": float(drop)},
        lambda a, b: sup_con_official(torch.stack([unit(a), unit(b)], 1), labels, 0.4, base, mode, form, drop))
for drop in (False, True):
    row("sup_con", "an anchor without positives, dot product", {"z": Z3}, {"labels": torch.tensor([3, 1, 3, 2])},
        {"temperature": 0.9, "dot": 1.0, "drop": float(drop)},
        lambda z: sup_con_official(z[:, None], torch.tensor([3, 1, 3, 2]), 0.9, 0, "all", "out", drop))
for power in (2.0, 1.0):                                # ssnl/align_uniform, align_loss, uniform_loss
    row("alignment", "", {"x": Z1, "y": Z2}, {}, {"power": power},
        lambda x, y: (unit(x) - unit(y)).norm(dim=1).pow(power).mean())
row("uniformity", "", {"x": Z1}, {}, {"t": 2.0}, lambda x: torch.pdist(unit(x)).pow(2).mul(-2).exp().mean().log())


def align_uniform(x, y, weight):
    spread = sum(torch.pdist(unit(v)).pow(2).mul(-2).exp().mean().log() for v in (x, y))
    return (unit(x) - unit(y)).norm(dim=1).pow(2).mean() + weight / 2 * spread


row("align_uniform", "", {"x": Z1, "y": Z2}, {}, {"weight": 0.5}, lambda x, y: align_uniform(x, y, 0.5))

# ---- metric learning ------------------------------------------------------------------------------------------------------
Z, LABELS = rand(7, 3), torch.tensor([0, 1, 0, 1, 2, 0, -1])


def groups(i, labels):
    """Positives and negatives of row i."""
    others = [j for j in range(len(labels)) if j != i and labels[j] >= 0 and labels[i] >= 0]
    return [j for j in others if labels[j] == labels[i]], [j for j in others if labels[j] != labels[i]]


row("triplet", "", {"anchor": Z1, "positive": Z2, "negative": Z3}, {}, {"margin": 0.6},
    lambda anchor, positive, negative: F.triplet_margin_loss(anchor, positive, negative, margin=0.6, eps=0))


def mined(z, margin, semi):                              # KevinMusgrave/pytorch-metric-learning, BatchHardMiner, TripletMarginLoss
    def over(gap):
        return F.relu(gap + margin) if margin is not None else F.softplus(gap)
    losses = []
    for i in range(len(z)):
        positives, negatives = groups(i, LABELS.tolist())
        d = {j: (z[i] - z[j]).norm() for j in positives + negatives}
        if not positives or not negatives:
            continue
        if not semi:
            losses.append(over(max(d[p] for p in positives) - min(d[n] for n in negatives)))
            continue
        for p in positives:
            beyond = [d[n] for n in negatives if d[n] > d[p]]
            losses.append(over(d[p] - (min(beyond) if beyond else max(d[n] for n in negatives))))
    return sum(losses) / len(losses)


for margin, semi in itertools.product((0.6, None), (False, True)):
    row("triplet_mined", "", {"z": Z}, {"labels": LABELS}, {"semi_hard": float(semi), **({} if margin is None else {"margin": margin})},
        lambda z: mined(z, margin, semi))
SAME = torch.tensor([1, 0, 0, 1])


def pair(x, y, margin):
    d = (x - y).norm(dim=1)
    return 0.5 * (SAME * d ** 2 + (1 - SAME) * F.relu(margin - d) ** 2).mean()


row("contrastive_pair", "", {"x": Z1, "y": Z2}, {"same": SAME}, {"margin": 2.0}, lambda x, y: pair(x, y, 2.0))


def n_pairs(a, p, l2):                                   # KevinMusgrave/pytorch-metric-learning, NPairsLoss
    each = [(1 + sum((a[i] @ p[j] - a[i] @ p[i]).exp() for j in range(len(a)) if j != i)).log() for i in range(len(a))]
    return sum(each) / len(a) + l2 * 0.25 * ((a ** 2).sum(1).mean() + (p ** 2).sum(1).mean())


for l2 in (0.0, 0.02):
    row("n_pairs", "", {"anchor": Z1, "positive": Z2}, {}, {"l2": l2},
        lambda anchor, positive: n_pairs(anchor, positive, l2))


def multi_similarity(z, alpha, beta, base, mining):      # pytorch-metric-learning, MultiSimilarityMiner, MultiSimilarityLoss
    z, total = unit(z), 0
    for i in range(len(z)):
        positives, negatives = groups(i, LABELS.tolist())
        s = {j: z[i] @ z[j] for j in positives + negatives}
        p, n = positives, negatives
        if mining is not None:
            p = [j for j in positives if negatives and s[j] - mining < max(s[k] for k in negatives)]
            n = [j for j in negatives if positives and s[j] + mining > min(s[k] for k in positives)]
        total = total + torch.log(1 + sum(((-alpha * (s[j] - base)).exp() for j in p), torch.zeros(()))) / alpha
        total = total + torch.log(1 + sum(((beta * (s[j] - base)).exp() for j in n), torch.zeros(()))) / beta
    return total / len(z)


for mining in (None, 0.1):
    row("multi_similarity", "", {"z": Z}, {"labels": LABELS}, {"alpha": 2.0, "beta": 10.0, "base": 0.5, **({} if mining is None else {"mining": mining})},
        lambda z: multi_similarity(z, 2, 10, 0.5, mining))


def circle(z, m, gamma):                                 # TinyZeaMays/CircleLoss, CircleLossBackward for each anchor
    z, losses = unit(z), []
    for i in range(len(z)):
        positives, negatives = groups(i, LABELS.tolist())
        if not positives or not negatives:
            continue
        s = {j: z[i] @ z[j] for j in positives + negatives}
        p = sum((-gamma * F.relu(1 + m - s[j].detach()) * (s[j] - 1 + m)).exp() for j in positives)
        n = sum((gamma * F.relu(s[j].detach() + m) * (s[j] - m)).exp() for j in negatives)
        losses.append((1 + p * n).log())
    return sum(losses) / len(losses)


row("circle", "weights without gradient", {"z": Z}, {"labels": LABELS}, {"margin": 0.25, "scale": 8.0},
    lambda z: circle(z, 0.25, 8))


def cosent(x, y, target, scale):                         # bojone/CoSENT, cosent_loss
    c = F.cosine_similarity(x, y)
    return (1 + sum((scale * (c[j] - c[i])).exp() for i in range(len(c)) for j in range(len(c)) if target[i] > target[j])).log()


SCORES = torch.tensor([0.5, 4.0, 0.5, 2.0])
row("cosent", "", {"x": Z1, "y": Z2}, {"target": SCORES}, {"scale": 5.0}, lambda x, y: cosent(x, y, SCORES, 5))
V1, V2 = rand(5, 3), rand(5, 3)


def barlow(a, b, weight):                                # facebookresearch/barlowtwins, BarlowTwins.forward
    norm = [F.batch_norm(v, None, None, training=True, eps=1e-5) for v in (a, b)]
    c = norm[0].T @ norm[1] / len(a)
    on = (torch.diagonal(c) - 1).pow(2).sum()
    return on + weight * (c.pow(2).sum() - torch.diagonal(c).pow(2).sum())


row("barlow_twins", "", {"a": V1, "b": V2}, {}, {"weight": 0.1}, lambda a, b: barlow(a, b, 0.1))


def vicreg(a, b, sim, var, cov):                         # facebookresearch/vicreg, VICReg.forward
    def std(x):
        return F.relu(1 - (x.var(0) + 1e-4).sqrt()).mean() / 2

    def off(x):
        c = torch.cov(x.T)
        return (c.pow(2).sum() - torch.diagonal(c).pow(2).sum()) / x.shape[1]
    return sim * F.mse_loss(a, b) + var * (std(a) + std(b)) + cov * (off(a) + off(b))


row("vicreg", "", {"a": V1, "b": V2}, {}, {"similarity": 25.0, "variance": 20.0, "covariance": 2.0},
    lambda a, b: vicreg(a, b, 25, 20, 2))

# ---- class vectors --------------------------------------------------------------------------------------------------------
COS = torch.tensor([[0.5, -0.25, 0.125], [0.875, 0.25, -0.5], [-0.9375, 0.5, 0.25], [0.1, 0.2, 0.3]])
WHO = torch.tensor([0, 0, 0, -1])


def margin_softmax(c, own, scale):                       # deepinsight/insightface, ArcFace, CosFace
    moved = torch.stack([torch.stack([own(c[i, k]) if k == WHO[i] else c[i, k] for k in range(3)]) for i in range(4)])
    return F.cross_entropy(moved * scale, WHO, ignore_index=-1)


def arc(c, m):
    return torch.cos(torch.acos(c) + m) if c > math.cos(math.pi - m) else c - m * math.sin(m)


row("arc_face", "the third row lies beyond pi - margin", {"cosines": COS}, {"labels": WHO}, {"margin": 0.5, "scale": 4.0},
    lambda cosines: margin_softmax(cosines, lambda c: arc(c, 0.5), 4))
row("cos_face", "", {"cosines": COS}, {"labels": WHO}, {"margin": 0.35, "scale": 4.0},
    lambda cosines: margin_softmax(cosines, lambda c: c - 0.35, 4))
PROXIES = rand(4, 3)


def proxy_anchor(x, proxies, delta, alpha):              # tjddus9597/Proxy-Anchor-CVPR2020, Proxy_Anchor
    s = unit(x) @ unit(proxies).T
    have = sorted({y for y in LABELS.tolist() if y >= 0})
    pull = sum((1 + sum((-alpha * (s[i, c] - delta)).exp() for i in range(len(x)) if LABELS[i] == c)).log() for c in have)
    push = sum((1 + sum((alpha * (s[i, c] + delta)).exp() for i in range(len(x)) if 0 <= LABELS[i] != c)).log() for c in range(4))
    return pull / len(have) + push / 4


row("proxy_anchor", "the last class has no example", {"x": Z, "proxies": PROXIES}, {"labels": LABELS}, {"margin": 0.1, "scale": 8.0},
    lambda x, proxies: proxy_anchor(x, proxies, 0.1, 8))

# ---- sequences ------------------------------------------------------------------------------------------------------------
E, TRANSITION, START, END = rand(8, 3), rand(3, 3), rand(3), rand(3)
OFFSETS, TAGS = [0, 3, 3, 4, 8], torch.tensor([0, 2, 1, 1, 2, 2, 0, 1])


def paths(e, t, start, end, tags):
    """Every path, one by one. kmkurn/pytorch-crf, CRF, has the same likelihood."""
    def score(y):
        s = sum(e[i, k] for i, k in enumerate(y)) + sum(t[i, j] for i, j in zip(y, y[1:]))
        return s + (start[y[0]] + end[y[-1]] if start is not None else 0)
    scores = [score(y) for y in itertools.product(range(e.shape[1]), repeat=len(e))]
    return torch.stack([torch.as_tensor(s) for s in scores]).logsumexp(0) - score(tags)


def crf(e, t, start=None, end=None):
    return [paths(e[a:b], t, start, end, TAGS[a:b].tolist()) for a, b in zip(OFFSETS, OFFSETS[1:]) if a < b]


SEQUENCES = {"tags": TAGS, "offsets": torch.tensor(OFFSETS)}
row("crf_nll", "", {"emissions": E, "between": TRANSITION}, SEQUENCES, {},
    lambda emissions, between: sum(crf(emissions, between)) / 3)
row("crf_nll", "start and end", {"emissions": E, "between": TRANSITION, "start": START, "end": END}, SEQUENCES, {},
    lambda emissions, between, start, end: sum(crf(emissions, between, start, end)) / 3)
row("crf_nll", "per token", {"emissions": E, "between": TRANSITION}, SEQUENCES, {"token": 1.0},
    lambda emissions, between: sum(crf(emissions, between)) / 8)


def memm(e, t, reverse):
    total = 0
    for a, b in zip(OFFSETS, OFFSETS[1:]):
        for i in range(a, b):
            given = i + 1 if reverse else i - 1
            logits = e[i] + (0 if given < a or given >= b else t[:, TAGS[given]] if reverse else t[TAGS[given]])
            total = total - logits.log_softmax(0)[TAGS[i]]
    return total


for reverse in (False, True):
    row("memm_nll", "", {"emissions": E, "between": TRANSITION}, SEQUENCES, {"reversed": float(reverse)},
        lambda emissions, between: memm(emissions, between, reverse) / 8)
row("memm_nll", "per sequence", {"emissions": E, "between": TRANSITION}, SEQUENCES, {"token": 0.0},
    lambda emissions, between: memm(emissions, between, False) / 3)
FRAMES, TARGET_OFFSETS, SYMBOLS = [0, 6, 9, 11, 15], [0, 3, 4, 6, 6], torch.tensor([1, 1, 2, 3, 1, 2])
C = rand(15, 4)


def ctc(x, blank):
    total = 0
    for k in range(4):
        a, b, s, t = FRAMES[k], FRAMES[k + 1], TARGET_OFFSETS[k], TARGET_OFFSETS[k + 1]
        symbols = SYMBOLS[s:t] if blank == 0 else SYMBOLS[s:t] - 1
        total = total + F.ctc_loss(x[a:b].log_softmax(1)[:, None], symbols[None], torch.tensor([b - a]), torch.tensor([t - s]), blank=blank,
                                   reduction="none").sum()
    return total / 4


for blank in (0, 3):
    row("ctc", "a repeat, a short one, a full one, an empty target", {"logits": C},
        {"offsets": torch.tensor(FRAMES), "targets": SYMBOLS if blank == 0 else SYMBOLS - 1,
         "target_offsets": torch.tensor(TARGET_OFFSETS)},
        {"blank": float(blank)}, lambda logits: ctc(logits, blank))

# ---- variants of published code -------------------------------------------------------------------------------------------
row("cross_entropy", "each class of the smoothed label by its own weight (torch)", {"logits": X}, {"labels": Y},
    {"smoothing": 0.1, "by_class": 1.0, **{f"weight_{c}": w for c, w in enumerate(W)}},
    lambda logits: F.cross_entropy(logits, Y, weight=torch.tensor(W), label_smoothing=0.1, ignore_index=-1))


def memm_layer(emissions, between):
    """bert4keras, MaximumEntropyMarkovModel.basic_loss: the first tag's history is its own emission, then half of both."""
    total = 0
    for a, b in zip(OFFSETS, OFFSETS[1:]):
        for i in range(a, b):
            history = emissions[i] if i == a else between[TAGS[i - 1]]
            total = total + F.cross_entropy(((emissions[i] + history) / 2)[None], TAGS[i:i + 1])
    return total / 8


row("memm_nll", "half of emission and transition", {"emissions": E, "between": TRANSITION}, SEQUENCES, {"mean": 1.0}, memm_layer)


def ctc_mean(logits):
    """torch's default: every sequence over its own number of symbols, then the mean."""
    each = [F.ctc_loss(logits[a:b].log_softmax(1)[:, None], SYMBOLS[s:t][None], [b - a], [t - s], reduction="mean")
            for a, b, s, t in zip(FRAMES, FRAMES[1:], TARGET_OFFSETS, TARGET_OFFSETS[1:])]
    return sum(each) / 4


row("ctc", "torch's default mean", {"logits": C},
    {"offsets": torch.tensor(FRAMES), "targets": SYMBOLS, "target_offsets": torch.tensor(TARGET_OFFSETS)},
    {"blank": 0.0, "token": 1.0}, ctc_mean)


def asymmetric_code(x, y, hold=False):
    """Alibaba-MIIL/ASL, AsymmetricLoss: probabilities, clipping, focusing weights in this order (there summed, here a mean).

    hold: its disable_torch_grad_focal_loss, which is on by default."""
    positive, negative = x.sigmoid(), (1 - x.sigmoid() + 0.05).clamp(max=1)
    each = y * positive.log() + (1 - y) * negative.log()
    of_answer = positive * y + negative * (1 - y)
    focus = (1 - of_answer) ** (1 * y + 4 * (1 - y))
    return -(each * (focus.detach() if hold else focus)).mean()


HARD = POSITIVE.double()
row("asymmetric_multilabel", "labels of 0 and 1", {"logits": S}, {"target": HARD},
    {"gamma_positive": 1.0, "gamma_negative": 4.0, "clip": 0.05}, lambda logits: asymmetric_code(logits, HARD))
row("asymmetric_multilabel_held", "labels of 0 and 1", {"logits": S}, {"target": HARD},
    {"gamma_positive": 1.0, "gamma_negative": 4.0, "clip": 0.05}, lambda logits: asymmetric_code(logits, HARD, hold=True))


def smoothed(x, y, e):
    """fairseq, label_smoothed_nll_loss: e / (V - 1) on each class, what is left of 1 - e on the label (there summed, here a mean)."""
    each = e / (len(x) - 1)
    return -(1 - e - each) * x.log_softmax(0)[y] - each * x.log_softmax(0).sum()


row("cross_entropy", "smoothing over all classes", {"logits": X}, {"labels": Y}, {"smoothing": 0.1},
    lambda logits: F.cross_entropy(logits, Y, label_smoothing=0.1, ignore_index=-1))
row("cross_entropy", "smoothing over the other classes (fairseq)", {"logits": X}, {"labels": Y}, {"smoothing": 0.1, "others": 1.0},
    lambda logits: labelled_mean(lambda i, y: smoothed(logits[i], y, 0.1), Y))
# HanxunH/SCELoss-Reproduce, SCELoss: a label of 0 is 1e-4 under the logarithm
classification("symmetric_cross_entropy", {"alpha": 0.1, "beta": 1.0, "log_zero": math.log(1e-4)},
               lambda x, y: 0.1 * F.cross_entropy(x[None], torch.tensor([y])) - (x.softmax(0) * F.one_hot(torch.tensor(y), 4).clamp(min=1e-4).log()).sum())


def dice_code(x, y, alpha, smooth):
    """ShannonAI/dice_loss_for_NLP, DiceLoss with square_denominator: every class by itself, then their sum."""
    p = x.softmax(0)
    f, t = (1 - p) ** alpha * p, F.one_hot(torch.tensor(y), len(x))
    return (1 - (2 * f * t + smooth) / (f.square() + t.square() + smooth)).sum()


for alpha, smooth in ((0.7, 0.5), (0.0, 1e-4)):
    classification("dice_of_classes", {"alpha": alpha, "smooth": smooth}, lambda x, y: dice_code(x, y, alpha, smooth))


def effective_numbers(counts, beta):
    """richardaecn/class-balanced-loss, cifar_main.py: 1 over the effective number of examples, scaled to a sum of the classes."""
    w = [(1 - beta) / (1 - beta ** n) for n in counts]
    return [v / sum(w) * len(w) for v in w]


for counts, beta in (((40, 7, 100, 1), 0.99), ((5000, 300, 20, 2), 0.9999)):
    row("class_balanced", "", {"logits": X}, {"labels": Y}, {"beta": beta, **{f"count_{c}": float(n) for c, n in enumerate(counts)}},
        lambda logits: F.cross_entropy(logits, Y, weight=torch.tensor(effective_numbers(counts, beta)), ignore_index=-1))
row("cosent", "the scale of its code", {"x": Z1, "y": Z2}, {"target": SCORES}, {"scale": 20.0}, lambda x, y: cosent(x, y, SCORES, 20))
PAIRED = torch.tensor([0, 1, 0, 1, 2, 2, 2])


def multi_similarity_code(z, alpha, beta):
    """msight-tech/research-ms-loss: an anchor that keeps no positive or no negative after mining adds nothing."""
    z, total = unit(z), 0
    for i in range(len(z)):
        s = z @ z[i]
        positive, negative = (s[[j for j in range(len(z)) if j != i and (PAIRED[j] == PAIRED[i]) == same]] for same in (True, False))
        kept, pushed = positive[positive - 0.1 < negative.max()], negative[negative + 0.1 > positive.min()]
        if len(kept) and len(pushed):
            total = total + (1 + (-alpha * (kept - 0.5)).exp().sum()).log() / alpha + (1 + (beta * (pushed - 0.5)).exp().sum()).log() / beta
    return total / len(z)


row("multi_similarity", "mined as its code", {"z": Z}, {"labels": PAIRED}, {"alpha": 2.0, "beta": 50.0, "base": 0.5, "mining": 0.1},
    lambda z: multi_similarity_code(z, 2, 50))
row("huber", "the delta of torch", {"prediction": P, "target": T}, {}, {"delta": 1.0},
    lambda prediction, target: F.smooth_l1_loss(prediction, target))

if __name__ == "__main__":
    print('{"rows": [')
    print(",\n".join(json.dumps(r) for r in rows))
    print("]}")
