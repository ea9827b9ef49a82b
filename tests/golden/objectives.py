"""Makes objectives.json: every training method of tests/golden_objectives_test.cpp, in PyTorch.

Written from the papers' formulas on the model of twin.py: attacks are found with torch.autograd and then held constant, and
second derivatives are taken by create_graph. loss(spec, step) is the loss of the objective that `spec` names in JSON.
Comments name the published code of the same algorithm; docs/guide/originals.md says how closely the two agree.
Run: python3 tests/golden/objectives.py > tests/golden/objectives.json   (PyTorch 2.13, float64 throughout)
"""
import fnmatch
import json
import math

import torch

import losses
from twin import BATCH, PLAIN, Twin, fold, mix, model_json, normal, numbers, parameters, permutation, uniform

KEY = fold(fold(mix(7), "step"), 3)
LENGTHS = BATCH["lengths"]
grad = torch.autograd.grad


class Step:
    """One batch and its passes; change(site, f) gives the same passes with f applied at the site."""

    def __init__(self, twin, key, number=0, labels=None, targets=None):
        self.twin, self.key, self.number, self.targets = twin, key, number, targets
        self.labels = BATCH["labels"] if labels is None else labels
        self.changes, self.start, self.views, self.partners = [], 0, [], None
        self.parent, self.crossed = None, []

    def forward(self, dropout=None):
        options, rate = self.twin.o, self.twin.o["dropout"]
        if dropout is not None:
            self.twin.o = dict(options, dropout=dropout)
        self.views.append(self.twin.forward(fold(fold(self.key, "pass"), self.start + len(self.views)), self.at))
        self.twin.o = dict(options, dropout=rate)
        above = self
        while above:
            above.crossed.append(self.views[-1][1])
            above = above.parent
        return self.views[-1][0]

    def first(self):
        return self.views[0][0] if self.views else self.forward()

    def at(self, site, x):
        for name, f in self.changes:
            x = f(x) if name == site else x
        return x

    def again(self, fresh=False, twin=None):
        s = Step(twin or self.twin, self.key, self.number, self.labels, self.targets)
        s.changes, s.partners, s.parent = list(self.changes), self.partners, self
        s.start = self.start + (len(self.views) if fresh else 0)
        return s

    def change(self, site, f, fresh=False):
        s = self.again(fresh)
        s.changes.append((site, f))
        return s

    def shift(self, site, delta, fresh=False):
        return self.change(site, lambda x: x + delta, fresh)

    def task(self, spec, logits):
        def one(labels, targets):
            if spec["type"] == "global_pointer":
                return self.twin.span_loss(logits, labels)
            if spec["type"] == "mse":
                return (logits[:, 0] - torch.tensor(targets)).square().sum() / len(targets)
            if spec["type"] == "class_balanced":           # richardaecn/class-balanced-loss, cifar_main.py
                w = torch.tensor([(1 - spec["beta"]) / (1 - spec["beta"] ** n) for n in spec["counts"]])
                w = (w / w.sum() * len(w))[labels]
                each = -w * logits.log_softmax(-1)[range(len(labels)), labels]
                return each.sum() / (len(labels) if spec.get("divide") == "examples" else w.sum())
            if spec["type"] == "confidence_penalty":       # Pereyra et al. 2017
                p = logits.log_softmax(-1)
                return torch.nn.functional.cross_entropy(logits, torch.tensor(labels)) + spec["beta"] * (p.exp() * p).sum(-1).mean()
            each = torch.nn.functional.cross_entropy(logits, torch.tensor(labels), label_smoothing=spec.get("label_smoothing", 0.0), ignore_index=-1, reduction="none")
            return each.sum() / max(1, sum(label >= 0 for label in labels))     # 0 when no example has a label
        if self.partners is None:
            return one(self.labels, self.targets)
        keep, order = self.partners
        return keep * one(self.labels, self.targets) + (1 - keep) * one([self.labels[i] for i in order], self.targets and [self.targets[i] for i in order])

    def slope(self, value, site, **how):
        """The gradient at a site, summed over the passes of this step, and of those made from it, that crossed it."""
        return sum(grad(value, [sites[site] for sites in self.crossed], retain_graph=True, allow_unused=True, materialize_grads=True, **how))


# ---- norms, steps, noise ----------------------------------------------------------------------------------------------------
def parts(x, scope):
    if scope in ("tensor", "batch"):
        return [x]
    return list(x.split(1)) if scope == "token" or x.shape[0] == len(LENGTHS) else list(x.split(LENGTHS))


def by_parts(f, x, scope):
    return torch.cat([f(p) for p in parts(x, scope)])


def size(x, norm):
    return {"l2": x.norm(), "linf": x.abs().max(), "l1": x.abs().sum()}[norm]


def steepest(g, length, norm, scope):
    def one(p):
        if norm == "linf":
            return length * p.sign()
        if norm == "l2":
            return length * p / p.norm()
        flat = torch.zeros(p.numel())
        flat[p.abs().argmax()] = length * p.flatten()[p.abs().argmax()].sign()
        return flat.reshape(p.shape)
    return by_parts(one, g.detach(), scope)


def unit(g, length, norm, scope):
    """zhuchen03/FreeLB run_glue_freelb.py and algorithm 1 of SMART: the gradient over its own norm, each part by itself."""
    return by_parts(lambda p: length * p / size(p, norm), g.detach(), scope)


def project(x, radius, norm, scope):
    def one(p):
        if size(p, norm) <= radius:
            return p
        if norm == "l2":
            return p * radius / p.norm()
        if norm == "linf":
            return p.clamp(-radius, radius)
        low, high = 0.0, float(p.abs().max())              # the soft threshold, by bisection
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if (p.abs() - middle).clamp(min=0).sum() > radius else (low, middle)
        return p.sign() * (p.abs() - low).clamp(min=0)
    return by_parts(one, x, scope)


def border(x, length, norm, scope):
    return by_parts(lambda p: length * p / (size(p, norm) + 1e-6), x, scope)


def noise(kind, length, norm, scope, shape, key):
    if kind == "uniform":
        return uniform(shape, key, -length, length)
    if kind == "normal":
        return normal(shape, key, length)
    if kind == "direction":
        return steepest(normal(shape, key, 1.0), length, norm, scope)
    scale = {"l2": lambda n: length / math.sqrt(n), "linf": lambda n: length, "l1": lambda n: length / n}[norm]
    return by_parts(lambda p: p * scale(p.numel()), uniform(shape, key, -1.0, 1.0), scope)


def scope_of(s):
    return s.get("scope", "tensor" if "." in s["at"] else "sample")


def with_noise(step, site, key, kind, length, norm, scope, fresh=False):
    """Noise needs the shape that it finds at the site."""
    return step.change(site, lambda x: x + noise(kind, length, norm, scope, tuple(x.shape), key), fresh)


# ---- divergences ------------------------------------------------------------------------------------------------------------
def distance(name, a, b):
    """Summed over positions; a is the clean prediction."""
    if name == "bernoulli":
        cells = a.isfinite()                              # a span that ends before it begins is none
        return ((a[cells].sigmoid() - b[cells].sigmoid()) * (a[cells] - b[cells])).sum()
    p, q = a.log_softmax(-1), b.log_softmax(-1)
    kl = lambda x, y: (x.exp() * (x - y)).sum()
    m = torch.logaddexp(p, q) - math.log(2)
    return {"kl": lambda: kl(p, q), "reverse_kl": lambda: kl(q, p), "symmetric_kl": lambda: kl(p, q) + kl(q, p),
            "js": lambda: (kl(p, m) + kl(q, m)) / 2, "hellinger": lambda: ((p / 2).exp() - (q / 2).exp()).square().sum() / 2,
            "mse": lambda: (a - b).square().sum()}[name]()


def divergence(s, usual, step, a, b):
    if s.get("stop_grad") == "both":                      # namisan/mt-dnn loss.py, SymKlCriterion: each target is detached
        kl = lambda x, y: torch.nn.functional.kl_div(x.log_softmax(-1), y.detach().softmax(-1), reduction="sum")
        return (kl(a, b) + kl(b, a)) / len(LENGTHS)
    return distance(s.get("distance", "mse" if step.targets else "bernoulli" if step.twin.o["head"] == "span" else usual), a, b) / len(LENGTHS)


# ---- attacks ----------------------------------------------------------------------------------------------------------------
SEARCH = {"at": "embedding", "epsilon": 1.0, "norm": "l2", "steps": 1, "start": 0.0, "start_from": "ball", "direction": "steepest", "project": "none"}
DEFAULTS = {
    "fgm": {}, "fgsm": {"norm": "linf"}, "pgd": {"steps": 3, "step_size": 0.3, "project": "ball"}, "random": {},
    "vat": {"xi": 1e-3, "iterations": 1},
    "freelb": {"steps": 3, "epsilon": 0.3, "step_size": 0.1, "project": "ball"},
    "smart": {"epsilon": 1e-5, "start": 1e-5, "step_size": 1e-3, "norm": "linf", "start_from": "normal", "direction": "unit", "project": "ball"},
}


def start_of(a, step):
    fresh = a.get("dropout") == "fresh"
    if a["start"] == 0:
        return step.again(fresh)
    return with_noise(step, a["at"], fold(fold(step.key, "start"), a["at"]), a["start_from"], a["start"], a["norm"], scope_of(a), fresh)


def advance(a, step, delta, g):                           # Tongjilibo/bert4torch FGM, PGD; cleverhans projected_gradient_descent
    scope, length = scope_of(a), a.get("step_size", a["epsilon"])
    if delta is None:
        drawn = a["start"] and noise(a["start_from"], a["start"], a["norm"], scope, tuple(g.shape), fold(fold(step.key, "start"), a["at"]))
        delta = torch.zeros_like(g) + drawn
    move = {"steepest": steepest, "unit": unit, "gradient": lambda g, length, *_: length * g}[a["direction"]]
    delta = (delta + move(g, length, a["norm"], scope)).detach()
    return {"ball": project, "border": border, "none": lambda x, *_: x}[a["project"]](delta, a["epsilon"], a["norm"], scope)


FOUND = None                                              # shifts that a second pass at moved weights goes to as well


def arrive(a, step, delta, fresh):
    if FOUND is not None:
        FOUND[json.dumps(a, sort_keys=True)] = delta
    return step.shift(a["at"], delta, fresh)


def attack(a, step, climb, clean=None):
    """The step shifted to where the adversary `a` ends; clean: the climbed loss of the unshifted step where it is known."""
    fresh = a.get("dropout") == "fresh"
    if FOUND and json.dumps(a, sort_keys=True) in FOUND:
        return step.shift(a["at"], FOUND[json.dumps(a, sort_keys=True)], fresh)
    if a["type"] == "random":
        return with_noise(step, a["at"], fold(fold(step.key, "start"), a["at"]), "direction", a["epsilon"], a["norm"], scope_of(a), fresh)
    if a["type"] == "vat":                                # lyakaap/VAT-pytorch VATLoss, without the 1e-8 under its norms
        clean, scope = step.first().detach(), scope_of(a)
        trial = with_noise(step, a["at"], fold(fold(step.key, "start"), a["at"]), "direction", a["xi"], "l2", scope, fresh)
        for _ in range(a["iterations"]):
            g = trial.slope(divergence(a, "kl", step, clean, trial.forward()), a["at"])
            trial = step.shift(a["at"], steepest(g, a["xi"], "l2", scope), fresh)
        return arrive(a, step, steepest(g, a["epsilon"], a["norm"], scope), fresh)
    delta = None
    for _ in range(a["steps"]):
        if delta is None and clean is not None:
            delta = advance(a, step, delta, step.slope(clean, a["at"]))
            continue
        here = start_of(a, step) if delta is None else step.shift(a["at"], delta, fresh)
        delta = advance(a, step, delta, here.slope(climb(here), a["at"]))
    return arrive(a, step, delta, fresh)


def weight_shift(s, values, gradients):
    """What SAM and AWP add to each parameter: davda54/sam first_step; csdongxian/AWP diff_in_weights (limit: TorchBlocks AWP)."""
    moving = {path for path in values if any(fnmatch.fnmatch(path, g) for g in s.get("parameters", ["*"]))}
    if s["type"] == "sam":
        t = {path: values[path].abs() if s.get("adaptive") else torch.ones(()) for path in moving}
        length = sum((t[path] * gradients[path]).square().sum() for path in moving).sqrt()
        return {path: (s.get("rho", 0.05) * t[path] ** 2 * gradients[path] / length).detach() for path in moving}
    shift = {}
    for path in moving:
        g, w = gradients[path], values[path]
        e = s.get("gamma", 0.01) * w.norm() * g / g.norm() if g.norm() > 0 else torch.zeros_like(w)
        bound = s["limit"] * w.abs() if "limit" in s else torch.full_like(w, math.inf)
        shift[path] = torch.minimum(torch.maximum(e, -bound), bound).detach()
    return shift


# ---- methods ----------------------------------------------------------------------------------------------------------------
def loss(s, step):
    if isinstance(s, str):
        s = {"type": s}
    return globals()["loss_" + s["type"]](s, step)


def inner(s):
    return s.get("loss", {"type": "cross_entropy"})


def strength(s, step, weight=1.0):
    ramp = float(s["ramp"].split()[0]) if "ramp" in s else 0
    share = min(1, step.number / ramp) if ramp else 1
    value = s.get("weight", weight) * (math.exp(-5 * (1 - share) ** 2) if s.get("ramp_shape") == "sigmoid" else share)
    return 0 if step.number % s.get("every", 1) else value


def loss_cross_entropy(s, step):
    return step.task(s, step.forward())


loss_mse = loss_cross_entropy


def loss_supervised(s, step):
    return step.task(s["loss"], step.forward())


def embedding_loss(spec, a, b, labels, targets):
    z, kind = torch.cat([a, b]), spec["type"]
    losses.LABELS = torch.tensor(labels + labels)
    return {"triplet": lambda: losses.mined(z / z.norm(dim=-1, keepdim=True), spec.get("margin"), spec.get("mining") == "semi_hard"),
            "multi_similarity": lambda: losses.multi_similarity(z, 2, 50, 0.5, 0.1),
            "circle": lambda: losses.circle(z, 0.25, spec.get("scale", 64)),
            "n_pairs": lambda: losses.n_pairs(a, b, 0.02),
            "barlow_twins": lambda: losses.barlow(a, b, 0.005),
            "vicreg": lambda: losses.vicreg(a, b, 25, 25, 1),
            "align_uniform": lambda: losses.align_uniform(a, b, 1),
            "cosent": lambda: losses.cosent(a, b, targets, 20)}[kind]()


def loss_metric_learning(s, step):
    logits = [step.forward(), step.forward()]
    a, b = (sites["pooled"] for _, sites in step.views[-2:])
    pull, weight = embedding_loss(s["embedding_loss"], a, b, step.labels, step.targets), s.get("weight", 0.5)
    return (1 - weight) * sum(step.task(inner(s), x) for x in logits) / 2 + weight * pull


def loss_r_drop(s, step):
    m, rates = s.get("passes", 2), s.get("dropout") or [None] * s.get("passes", 2)
    logits = [step.forward(rate) for rate in rates]
    ce = sum(step.task(inner(s), a) for a in logits)
    of = lambda a, b: divergence(s, "symmetric_kl", step, a, b) * (2 if step.targets else 1)
    if s.get("pair_pool") == "to_mean":
        mean = torch.logsumexp(torch.stack([a.log_softmax(-1) for a in logits]), 0) - math.log(m)
        d = sum((a.softmax(-1) * (a.log_softmax(-1) - mean)).sum() / len(LENGTHS) for a in logits)
    else:
        pairs = [of(logits[i], logits[j]) for i in range(m) for j in range(i + 1, m)]
        d = sum(pairs) / (len(pairs) if s.get("pair_pool", "mean") == "mean" else 1)
    alpha, rows = s.get("alpha", 1.0), len(LENGTHS)
    # dropreg/R-Drop: README compute_kl_loss and vit_src/models/modeling.py sum the KL over the batch, as modeling_bert.py does
    return {"paper": ce + alpha / 2 * d, "readme": ce / m + alpha / 2 * d * rows, "su": ce / m + alpha / 4 * d, "vit": ce + alpha * d * rows,
            "hf_bert": ce + alpha / 2 * d * rows, "bert4torch": ce / m + alpha / 4 * d / logits[0].shape[-1]}[s.get("preset", "paper")]


def loss_adversarial(s, step):
    spec = s.get("adversary", "fgm")
    spec = {"type": spec} if isinstance(spec, str) else spec
    a = {**SEARCH, **DEFAULTS[spec["type"]], **spec}
    climb = lambda here: loss(inner(s), here)
    train = s.get("train", "both")
    from_clean = a["type"] not in ("vat", "random") and a["start"] == 0
    clean = climb(step) if train != "adversarial" or from_clean else None
    shifted = climb(attack(a, step, climb, clean if from_clean else None))
    return shifted if train == "adversarial" else (clean + shifted) / (2 if train == "mean" else 1)


def loss_fgm(s, step):
    a = {**s, "type": "fgm", "at": s.get("at", "encoder.embeddings.word")}
    return loss_adversarial({"adversary": a, "loss": inner(s), "train": s.get("train", "both")}, step)


def loss_fgsm(s, step):
    return loss_adversarial({"adversary": {"epsilon": 0.01, **s}, "loss": inner(s), "train": s.get("train", "mean")}, step)


def loss_pgd(s, step):
    return loss_adversarial({"adversary": s, "loss": inner(s), "train": s.get("train", "both")}, step)


def loss_freelb(s, step):                                 # zhuchen03/FreeLB run_glue_freelb.py
    a, delta, total = {**SEARCH, **DEFAULTS["freelb"], **s}, None, 0
    passes = a["steps"] + (s.get("passes") == "steps_and_one")        # fairseq-RoBERTa: 1 + adv_steps
    for t in range(passes):
        here = start_of(a, step) if delta is None else step.shift(a["at"], delta, a.get("dropout") == "fresh")
        value = loss(inner(s), here)
        total = total + value / passes
        delta = advance(a, step, delta, here.slope(value, a["at"]))
    return total


def loss_vat(s, step):
    value, weight = loss(inner(s), step), strength(s, step)
    if weight == 0:
        return value
    clean = step.first()
    shifted = attack({**SEARCH, **DEFAULTS["vat"], **s}, step, None)
    return value + weight * divergence(s, "kl", step, clean.detach(), shifted.forward())


def stable_kl(clean, shifted):
    """namisan/mt-dnn loss.py, stable_kl without reduction, as perturbation.py climbs it: the logits of the odds are constants."""
    odds = lambda p: -(1 / (p.detach() + 1e-6) - 1 + 1e-6).log()
    p = shifted.softmax(-1)
    return (p * (odds(p) - odds(clean.softmax(-1))) * 2).sum()


def loss_smart(s, step):
    value, weight = loss(inner(s), step), strength(s, step)
    if weight == 0:
        return value
    clean = step.first()
    climb = lambda here: divergence(s, "symmetric_kl", step, clean.detach(), here.forward())
    if s.get("search") == "stable_kl":
        of = stable_kl if step.targets is None else lambda a, b: (a - b).square().sum()
        climb = lambda here: of(clean.detach(), here.forward())
    shifted = attack({**SEARCH, **DEFAULTS["smart"], **s}, step, climb)
    return value + weight * divergence(s, "symmetric_kl", step, clean, shifted.forward())


def loss_noise_consistency(s, step, usual="kl", length=0.1):
    value, weight = loss(inner(s), step), strength(s, step)
    if weight == 0:
        return value
    clean, at = step.first(), s.get("at", "embedding")
    key = fold(fold(step.key, "noise"), at)
    if "hold" in s:        # fairseq, sentence_prediction_r3f: the noisy pass reads token_embeddings.detach()
        held = step.change(s["hold"], lambda x: x.detach(), s.get("dropout") == "fresh")
    else:
        held = step
    noisy = with_noise(held, at, key, s.get("noise", "normal"), s.get("size", length), "l2", scope_of({"at": at}),
                       s.get("dropout") == "fresh" and held is step)
    clean = clean.detach() if s.get("stop_gradient") == "clean" or s.get("stop_grad") == "target" else clean
    return value + weight * divergence(s, usual, step, clean, noisy.forward())


def loss_r3f(s, step):
    return loss_noise_consistency(s, step, "symmetric_kl", 1e-5)


def loss_entropy(s, step):
    value = loss(inner(s), step)
    p = step.first().log_softmax(-1)
    h = -(p.exp() * p).sum() / len(LENGTHS)
    return value + strength(s, step) * (h if s.get("towards", "low") == "low" else -h)


def loss_gradient_penalty(s, step):                       # caogang/wgan-gp calc_gradient_penalty; bojone/bert4keras, its example
    at, form = s.get("at", "embedding"), s.get("form", "squared")
    value = loss(inner(s), step)
    g = step.slope(value, at, create_graph=True)
    count = sum(label >= 0 for label in step.labels) if step.targets is None else len(step.targets)
    if s.get("per_sample", True):
        squares = torch.stack([p.square().sum() for p in parts(g, "sample")]) * count**2
    else:
        squares, count = g.square().sum()[None], 1
    norm = (squares + 1e-12).sqrt()
    return value + strength(s, step, 0.5) * {"squared": squares, "norm": norm, "two_sided": (norm - s.get("target", 1.0)) ** 2}[form].sum() / count


def loss_sam(s, step):
    """davda54/sam; csdongxian/AWP: inputs are attacked once, at the weights before they move."""
    global FOUND
    outer, FOUND = FOUND, {} if s.get("attack", "once" if s["type"] == "awp" else "again") == "once" else None
    try:
        return at_moved_weights(s, step)
    finally:
        FOUND = outer


def at_moved_weights(s, step):
    clean, values = loss(inner(s), step), step.twin.p
    gradients = dict(zip(values, grad(clean, list(values.values()), retain_graph=True)))
    shift = weight_shift(s, values, gradients)
    moved = Twin(step.twin.o, {path: v + shift[path] if path in shift else v for path, v in values.items()})
    sharp = loss(inner(s), step.again(s.get("dropout") == "fresh", moved))
    return sharp if s.get("train", "adversarial") == "adversarial" else clean + sharp


loss_awp = loss_sam


def loss_mixup(s, step):                                  # facebookresearch/mixup-cifar10 mixup_data, mixup_criterion
    key, keep, at = fold(step.key, "mixup"), s["share"], s.get("at", ["embedding"])[0]
    order = permutation(fold(key, "partner"), len(LENGTHS))

    def mixed(x):
        if at == "pooled":
            return keep * x + (1 - keep) * x[order]
        rows = x.split(LENGTHS)
        out = []
        for i, own in enumerate(rows):
            n = min(len(own), len(rows[order[i]]))
            out += [keep * own[:n] + (1 - keep) * rows[order[i]][:n], own[n:]]
        return torch.cat(out)
    other = step.again()
    other.changes.insert(0, (at, mixed))
    other.partners = (keep, order)
    return loss(inner(s), other)


def loss_periodic(s, step):
    n = step.number
    chosen = n % s.get("every", 1) == 0 and n >= float(s.get("from", "0 steps").split()[0]) and n < float(s.get("until", "inf steps").split()[0])
    return loss(s["loss"] if chosen else s.get("otherwise", {"type": "cross_entropy"}), step)


# ---- cases: name, changes to the model, objective, and what else differs from the batch of twin.py ----------------------------
CE = {"type": "cross_entropy"}
WET, DRY = {"dropout": 0.2}, {"dropout": 0.0}
SPANS = {"dropout": 0.2, "head": "span", "efficient": False}
EFFICIENT = {"dropout": 0.2, "head": "span", "efficient": True}
GP = {"type": "supervised", "loss": {"type": "global_pointer"}}
MARKED = [[0, 1, 2, 0], [0, 3, 3, 0], [0, 0, 3, 2], [1, 0, 0, 1], [2, 1, 4, 1], [2, 2, 2, 1]]     # text, first, last, type
CASES = [
    ("fgm, clean mask replayed", WET, {"type": "fgm", "epsilon": 0.3, "at": "embedding"}, {}),
    ("fgm, fresh masks", WET, {"type": "fgm", "epsilon": 0.3, "at": "embedding", "dropout": "fresh"}, {}),
    ("fgm, half of each loss", WET, {"type": "fgm", "epsilon": 0.3, "train": "mean"}, {}),
    ("fgsm", WET, {"type": "fgsm"}, {}),
    ("fgsm, shifted loss alone", DRY, {"type": "fgsm", "epsilon": 0.05, "train": "adversarial", "at": "hidden"}, {}),
    ("pgd", WET, {"type": "pgd", "epsilon": 0.5}, {}),
    ("pgd, linf from a random start", WET, {"type": "pgd", "epsilon": 0.05, "step_size": 0.03, "norm": "linf", "start": 0.05, "train": "adversarial"}, {}),
    ("pgd, l1 per token", DRY, {"type": "pgd", "epsilon": 0.2, "step_size": 0.15, "norm": "l1", "scope": "token"}, {}),
    ("pgd on the table", WET, {"type": "pgd", "epsilon": 0.4, "step_size": 0.3, "at": "encoder.embeddings.word"}, {}),
    ("pgd on pooled vectors, random start, both losses", WET, {"type": "pgd", "epsilon": 0.4, "start": 0.2, "at": "pooled", "steps": 2}, {}),
    ("pgd, one norm over the batch, half of each loss", DRY, {"type": "pgd", "epsilon": 1.0, "scope": "batch", "train": "mean"}, {}),
    ("pgd along the gradient itself, kept on the border", DRY, {"type": "pgd", "epsilon": 0.3, "direction": "gradient", "step_size": 2.0, "project": "border", "start": 0.01, "start_from": "uniform"}, {}),
    ("freelb", WET, {"type": "freelb"}, {}),
    ("freelb from a random start", WET, {"type": "freelb", "start": 0.2, "steps": 2, "epsilon": 0.25}, {}),
    ("freelb, linf", DRY, {"type": "freelb", "norm": "linf", "epsilon": 0.04, "step_size": 0.03, "start": 0.02}, {}),
    ("freelb, one step without a bound is clean training", WET, {"type": "freelb", "steps": 1}, {}),
    ("random direction", WET, {"type": "adversarial", "adversary": {"type": "random", "epsilon": 0.5}, "train": "adversarial"}, {}),
    ("random direction, linf on the table", WET, {"type": "adversarial", "adversary": {"type": "random", "epsilon": 0.1, "norm": "linf", "at": "encoder.embeddings.word"}}, {}),
    ("labelled loss in the virtual direction", WET, {"type": "adversarial", "adversary": {"type": "vat", "epsilon": 0.5}}, {}),
    ("vat", WET, {"type": "vat", "epsilon": 0.5}, {}),
    ("vat, two iterations, one example without a label", WET, {"type": "vat", "epsilon": 0.5, "iterations": 2, "xi": 0.01, "weight": 0.7}, {"labels": [2, -1, 1]}),
    ("vat on the table, symmetric", DRY, {"type": "vat", "epsilon": 0.5, "at": "encoder.embeddings.word", "distance": "symmetric_kl"}, {}),
    ("vat, jensen-shannon", DRY, {"type": "vat", "epsilon": 0.5, "distance": "js", "norm": "linf", "scope": "token"}, {}),
    ("vat, every logit a decision", DRY, {"type": "vat", "epsilon": 0.5, "distance": "bernoulli"}, {}),
    ("vat, hellinger", DRY, {"type": "vat", "epsilon": 0.5, "distance": "hellinger"}, {}),
    ("vat, reverse", DRY, {"type": "vat", "epsilon": 0.5, "distance": "reverse_kl"}, {}),
    ("vat for regression", WET, {"type": "vat", "epsilon": 0.5, "loss": {"type": "mse"}}, {"targets": [0.5, -1.0, 0.25]}),
    ("vat, half way up its ramp", WET, {"type": "vat", "epsilon": 0.5, "ramp": "8 steps", "every": 2}, {"number": 4}),
    ("vat, an update without it", WET, {"type": "vat", "epsilon": 0.5, "every": 2}, {"number": 5}),
    ("smart", DRY, {"type": "smart", "epsilon": 0.1, "start": 0.05, "step_size": 0.5, "weight": 3.0}, {}),
    ("smart, published code: on the border per token", WET, {"type": "smart", "epsilon": 1.0, "start": 0.05, "scope": "token", "project": "border"}, {}),
    ("smart for regression, two steps", WET, {"type": "smart", "epsilon": 0.1, "start": 0.05, "step_size": 0.5, "steps": 2, "loss": {"type": "mse"}},
     {"targets": [0.5, -1.0, 0.25]}),
    ("gradient norm per example", DRY, {"type": "gradient_penalty", "form": "norm", "weight": 0.3}, {}),
    ("gradient norm pulled to one", WET, {"type": "gradient_penalty", "form": "two_sided", "weight": 0.3, "target": 0.5}, {}),
    ("gradient norm of the batch", DRY, {"type": "gradient_penalty", "form": "norm", "weight": 0.3, "per_sample": False, "at": "encoder.embeddings.word"}, {}),
    ("gradient penalty on pooled vectors", WET, {"type": "gradient_penalty", "at": "pooled", "form": "two_sided"}, {}),
    ("noise consistency", WET, {"type": "noise_consistency", "size": 0.2}, {}),
    ("noise consistency, constant target, ball", WET, {"type": "noise_consistency", "size": 5.0, "noise": "ball", "stop_gradient": "clean", "distance": "reverse_kl"}, {}),
    ("noise consistency, direction, fresh masks", WET, {"type": "noise_consistency", "size": 0.5, "noise": "direction", "dropout": "fresh", "weight": 2.0}, {}),
    ("noise consistency on the table", DRY, {"type": "noise_consistency", "size": 0.1, "at": "encoder.embeddings.word"}, {}),
    ("r3f", DRY, {"type": "r3f", "size": 0.1, "noise": "uniform", "weight": 0.5}, {}),
    ("entropy minimised", WET, {"type": "entropy", "weight": 0.3}, {"labels": [2, -1, 1]}),
    ("confidence penalty", WET, {"type": "entropy", "weight": 0.3, "towards": "high"}, {}),
    ("sam", WET, {"type": "sam", "rho": 0.1}, {}),
    ("sam, adaptive, both gradients", DRY, {"type": "sam", "rho": 0.5, "adaptive": True, "train": "both", "parameters": ["encoder.layers.*"]}, {}),
    ("awp", WET, {"type": "awp", "gamma": 0.1}, {}),
    ("awp within a share of each weight", DRY, {"type": "awp", "gamma": 0.3, "limit": 0.2, "parameters": ["*.weight"], "dropout": "fresh"}, {}),
    ("mixup of embeddings", WET, {"type": "mixup", "share": 0.7}, {}),
    ("mixup of pooled vectors, smoothed labels", WET, {"type": "mixup", "share": 0.3, "at": ["pooled"], "loss": dict(CE, label_smoothing=0.1)}, {}),
    ("mixup of hidden vectors, regression", DRY, {"type": "mixup", "share": 0.3, "at": ["hidden"], "loss": {"type": "mse"}}, {"targets": [0.5, -1.0, 0.25]}),
    ("periodic, its update", WET, {"type": "periodic", "loss": {"type": "fgsm"}, "every": 2, "from": "2 steps"}, {"number": 2}),
    ("periodic, another's update", WET, {"type": "periodic", "loss": {"type": "fgsm"}, "until": "2 steps", "otherwise": {"type": "entropy", "weight": 0.1}}, {"number": 2}),
    ("r_drop, readme", WET, {"type": "r_drop", "alpha": 3.0, "preset": "readme"}, {}),
    ("r_drop, vit", WET, {"type": "r_drop", "alpha": 3.0, "preset": "vit"}, {}),
    ("r_drop, hf_bert", WET, {"type": "r_drop", "alpha": 3.0, "preset": "hf_bert"}, {}),
    ("r_drop, bert4torch", WET, {"type": "r_drop", "alpha": 3.0, "preset": "bert4torch"}, {}),
    ("r_drop, three passes to their mean", WET, {"type": "r_drop", "alpha": 3.0, "passes": 3, "pair_pool": "to_mean"}, {}),
    ("r_drop, three passes, sum of pairs, rates of their own", WET, {"type": "r_drop", "passes": 3, "pair_pool": "sum", "dropout": [0.1, 0.4, 0.2]}, {}),
    ("r_drop for regression", WET, {"type": "r_drop", "alpha": 3.0, "loss": {"type": "mse"}}, {"targets": [0.5, -1.0, 0.25]}),
    ("r_drop on span scores", WET, {"type": "r_drop", "alpha": 3.0, "distance": "bernoulli"}, {}),
    ("r_drop, smoothed labels", WET, {"type": "r_drop", "alpha": 3.0, "loss": dict(CE, label_smoothing=0.1)}, {}),
    ("r_drop, one example without a label", WET, {"type": "r_drop", "alpha": 3.0}, {"labels": [2, -1, 1]}),
    ("r_drop, no example with a label, su", WET, {"type": "r_drop", "alpha": 4.0, "preset": "su"}, {"labels": [-1, -1, -1]}),
    *[(f"metric_learning: {kind}{note}", WET, {"type": "metric_learning", "embedding_loss": {"type": kind, **options}, **share}, {})
      for kind, note, options, share in [
          ("triplet", "", {}, {}), ("triplet", ", semi-hard", {"mining": "semi_hard", "margin": 0.6}, {}), ("multi_similarity", "", {}, {}),
          ("circle", "", {"scale": 16}, {}), ("n_pairs", "", {}, {"weight": 0.2}), ("barlow_twins", "", {}, {"weight": 0.1}),
          ("vicreg", " alone", {}, {"weight": 1}), ("align_uniform", "", {}, {})]],
    ("metric_learning: cosent beside regression", WET, {"type": "metric_learning", "embedding_loss": {"type": "cosent"}, "loss": {"type": "mse"}},
     {"targets": [0.5, -1.0, 0.25]}),
    ("spans", SPANS, GP, {"spans": MARKED}),
    ("spans, types of one query and key", EFFICIENT, GP, {"spans": MARKED}),
    ("spans, those of one text not known", SPANS, GP, {"spans": MARKED, "labels": [0, -1, 0]}),
    ("r_drop on spans", SPANS, {"type": "r_drop", "alpha": 0.3, "distance": "bernoulli", "loss": {"type": "global_pointer"}}, {"spans": MARKED}),
    ("fgm on spans", EFFICIENT, {"type": "fgm", "epsilon": 0.3, "loss": GP}, {"spans": MARKED}),
    ("vat on spans", SPANS, {"type": "vat", "epsilon": 0.5, "loss": GP}, {"spans": MARKED}),
    # combinations
    ("fgm around r_drop on spans", SPANS, {"type": "fgm", "epsilon": 0.3, "loss": {"type": "r_drop", "alpha": 0.3, "loss": {"type": "global_pointer"}}}, {"spans": MARKED}),
    ("fgm around r_drop, shifted loss alone", WET, {"type": "fgm", "epsilon": 0.3, "train": "adversarial", "loss": {"type": "r_drop"}}, {}),
    ("mixup around r_drop", WET, {"type": "mixup", "share": 0.6, "loss": {"type": "r_drop", "alpha": 2.0}}, {}),
    ("fgm around mixup", WET, {"type": "fgm", "epsilon": 0.3, "at": "embedding", "loss": {"type": "mixup", "share": 0.6}}, {}),
    ("mixup around fgm", WET, {"type": "mixup", "share": 0.6, "loss": {"type": "fgm", "epsilon": 0.3, "at": "embedding"}}, {}),
    ("entropy around vat", WET, {"type": "entropy", "weight": 0.2, "loss": {"type": "vat", "epsilon": 0.5}}, {"labels": [2, -1, 1]}),
    ("vat around r_drop", WET, {"type": "vat", "epsilon": 0.5, "loss": {"type": "r_drop"}}, {}),
    ("freelb around r_drop", WET, {"type": "freelb", "loss": {"type": "r_drop"}}, {}),
    ("smart around fgm", WET, {"type": "smart", "epsilon": 0.1, "start": 0.05, "step_size": 0.5, "loss": {"type": "fgm", "epsilon": 0.3}}, {}),
    ("awp around pgd", WET, {"type": "awp", "gamma": 0.1, "loss": {"type": "pgd", "epsilon": 0.5, "steps": 2}}, {}),
    ("pgd around sam", WET, {"type": "pgd", "epsilon": 0.5, "steps": 2, "at": "embedding", "loss": {"type": "sam", "rho": 0.1}}, {}),
    ("gradient penalty around vat", WET, {"type": "gradient_penalty", "weight": 0.3, "loss": {"type": "vat", "epsilon": 0.5}}, {}),
    ("noise consistency around a gradient penalty", WET, {"type": "noise_consistency", "loss": {"type": "gradient_penalty", "weight": 0.3}}, {}),
    ("sam around mixup", WET, {"type": "sam", "rho": 0.1, "loss": {"type": "mixup", "share": 0.4, "at": ["pooled"]}}, {}),
    ("fgm around freelb around the virtual direction", WET,
     {"type": "fgm", "epsilon": 0.2, "loss": {"type": "freelb", "steps": 2, "loss": {"type": "adversarial", "adversary": {"type": "vat", "epsilon": 0.3}}}}, {}),
    ("smart, targets of both directions held", DRY, {"type": "smart", "epsilon": 0.1, "start": 0.05, "step_size": 0.5, "weight": 3.0, "stop_grad": "both"}, {}),
    ("smart, a raw gradient", DRY, {"type": "smart", "epsilon": 0.1, "start": 0.05, "step_size": 0.5, "direction": "gradient"}, {}),
    ("r_drop, each target held", WET, {"type": "r_drop", "alpha": 2.0, "stop_grad": "both"}, {}),
    ("freelb, one pass more than steps", WET, {"type": "freelb", "steps": 2, "passes": "steps_and_one"}, {}),
    ("freelb, linf as its code", DRY, {"type": "freelb", "norm": "linf", "direction": "unit", "epsilon": 0.04, "step_size": 0.03, "start": 0.02}, {}),
    ("pgd, l1, the gradient over its norm", DRY, {"type": "pgd", "epsilon": 0.2, "step_size": 0.15, "norm": "l1", "direction": "unit"}, {}),
    ("fgm on the table", WET, {"type": "fgm", "epsilon": 0.5}, {}),
    ("awp around pgd, as its code", DRY, {"type": "awp", "gamma": 0.1, "parameters": ["*qkv.weight", "*out.weight", "*in.weight", "head.weight"],
                                          "loss": {"type": "pgd", "epsilon": 0.5, "steps": 2, "train": "adversarial"}}, {}),
    ("awp around pgd, attacked again", WET, {"type": "awp", "gamma": 0.1, "attack": "again", "loss": {"type": "pgd", "epsilon": 0.5, "steps": 2}}, {}),
    ("awp around the virtual direction, attacked once", WET,
     {"type": "awp", "gamma": 0.1, "loss": {"type": "adversarial", "train": "adversarial", "adversary": {"type": "vat", "epsilon": 0.3}}}, {}),
    ("r_drop, su", WET, {"type": "r_drop", "alpha": 4.0, "preset": "su"}, {}),
    ("r_drop, as modeling_bert.py", WET, {"type": "r_drop", "alpha": 0.5, "preset": "hf_bert"}, {}),
    ("r_drop for regression, as modeling_bert.py", WET, {"type": "r_drop", "loss": {"type": "mse"}}, {"targets": [0.5, -1.0, 0.25]}),
    ("fgm on the table, shifted loss alone", WET, {"type": "fgm", "epsilon": 0.5, "train": "adversarial"}, {}),
    ("sam, adaptive", WET, {"type": "sam", "rho": 0.5, "adaptive": True}, {}),
    ("smart, as smart-pytorch", WET, {"type": "smart", "epsilon": 1.0, "start": 0.05, "step_size": 2.0, "direction": "gradient", "scope": "token",
                                      "project": "border", "stop_grad": "both"}, {}),
    ("smart, as mt-dnn", WET, {"type": "smart", "epsilon": 1.0, "start": 0.05, "step_size": 2.0, "steps": 2, "direction": "gradient",
                               "scope": "token", "project": "border", "stop_grad": "both", "search": "stable_kl", "weight": 3.0}, {}),
    ("smart for regression, as mt-dnn", WET, {"type": "smart", "epsilon": 1.0, "start": 0.05, "step_size": 2.0, "direction": "gradient",
                                              "scope": "token", "project": "border", "search": "stable_kl", "loss": {"type": "mse"}},
     {"targets": [0.5, -1.0, 0.25]}),
    ("freelb, one pass more than steps, random start", WET, {"type": "freelb", "steps": 2, "passes": "steps_and_one", "start": 0.2}, {}),
    ("vat, the xi of VAT-pytorch", WET, {"type": "vat", "epsilon": 1.0, "xi": 10.0}, {}),
    ("r3f, as fairseq", WET, {"type": "r3f", "size": 0.1, "noise": "uniform", "weight": 0.5, "hold": "encoder.embeddings.word"}, {}),
    ("noise consistency, fresh masks, the table held", WET, {"type": "noise_consistency", "size": 0.2, "dropout": "fresh", "hold": "encoder.embeddings.word"}, {}),
    ("gradient norm pulled to one, as wgan-gp", DRY, {"type": "gradient_penalty", "form": "two_sided", "weight": 10.0}, {}),
    ("gradient penalty of the batch's mean loss, as Su's code", DRY, {"type": "gradient_penalty", "per_sample": False, "weight": 0.5}, {}),
    ("mixup of pooled vectors", WET, {"type": "mixup", "share": 0.3, "at": ["pooled"]}, {}),
    ("vat, half way up a sigmoid ramp", WET, {"type": "vat", "epsilon": 0.5, "ramp": "8 steps", "ramp_shape": "sigmoid"}, {"number": 4}),
    ("entropy at the start of a sigmoid ramp", WET, {"type": "entropy", "ramp": "100 steps", "ramp_shape": "sigmoid"}, {}),
    ("class_balanced", WET, {"type": "supervised", "loss": {"type": "class_balanced", "counts": [40, 7, 100], "beta": 0.99}}, {"labels": [2, 0, 2]}),
    ("class_balanced over the examples", WET,
     {"type": "supervised", "loss": {"type": "class_balanced", "counts": [40, 7, 100], "beta": 0.99, "divide": "examples"}}, {"labels": [2, 0, 2]}),
    ("confidence_penalty", WET, {"type": "supervised", "loss": {"type": "confidence_penalty", "beta": 0.2}}, {}),
    ("sam around pgd, attacked once", DRY, {"type": "sam", "rho": 0.1, "attack": "once", "loss": {"type": "pgd", "epsilon": 0.5, "train": "adversarial"}}, {}),
]


def case(name, model, spec, more):
    options = dict(PLAIN, layers=1, **model)
    BATCH["spans"] = more.get("spans")
    params = parameters(options, classes=1 if "targets" in more else BATCH["classes"])
    step = Step(Twin(options, params), KEY, more.get("number", 0), more.get("labels"), more.get("targets"))
    value = loss(spec, step)
    gradients = grad(value, list(params.values()), allow_unused=True, materialize_grads=True)
    return {"name": name, "model": model_json(options), "objective": spec, **more, "loss": value.item(),
            "gradients": {path: numbers(g, 12) for path, g in zip(params, gradients)}}


if __name__ == "__main__":
    print('{"cases": [\n' + ",\n".join(json.dumps(case(*row)) for row in CASES) + "\n]}")
