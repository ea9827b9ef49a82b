"""Makes contrastive.json: what PyTorch computes for the contrastive objectives of tests/contrastive_golden_test.cpp.

The encoder is the twin of twin.py; the losses here are written from the papers with loops where loops are clearer.
Run: python3 tests/golden/contrastive.py > tests/golden/contrastive.json   (PyTorch 2.13, float64 throughout)
"""
import json
import math

import torch

import twin
from objectives import KEY, weight_shift
from twin import PLAIN, WIDTH, Twin, fold, model_json, numbers, shapes

PROJECTION = 5
BATCHES = {
    "single": {"tokens": [1, 5, 2, 8, 3, 1, 7, 4, 6, 1, 2, 3, 4, 4], "lengths": [4, 1, 5, 2, 2], "labels": [2, 0, 1, 0, 2], "texts": 1, "classes": 3},
    "pairs": {"tokens": [1, 5, 2, 8, 3, 1, 7, 4, 6, 1, 2, 3, 4, 4, 8], "lengths": [3, 1, 2, 4, 2, 3], "labels": [], "texts": 2, "classes": 3},
    "triplets": {"tokens": [1, 5, 2, 8, 3, 1, 7, 4, 6, 1, 2, 3, 4, 4, 8, 2], "lengths": [3, 1, 2, 4, 2, 4], "labels": [], "texts": 3, "classes": 3},
    "templates": {"tokens": [1, 5, 2, 8, 3, 7, 1, 4, 6, 3, 1, 5, 2, 3, 7, 1, 4, 6, 8, 2, 3, 1, 5, 4, 8, 3, 7, 1, 4, 2, 3],
                  "lengths": [6, 4, 5, 6, 6, 4], "labels": [], "texts": 2, "classes": 3,
                  "stands": [4, 9, 13, 20, 25, 30], "spans": [[2, 4], [8, 9], [12, 13], [17, 20], [23, 25], [29, 29]]},
    "lonely": {"tokens": [1, 5, 2, 8, 3, 1, 7, 4], "lengths": [3, 1, 2, 2], "labels": [0, 1, 1, 2], "texts": 1, "classes": 3},
    "template triplets": {"tokens": [1, 5, 2, 8, 3, 7, 1, 4, 6, 3, 1, 5, 2, 3, 7, 1, 4, 6, 8, 2, 3, 1, 5, 4, 8, 3, 7, 1, 4, 2, 3],
                          "lengths": [6, 4, 5, 6, 6, 4], "labels": [], "texts": 3, "classes": 3,
                          "stands": [4, 9, 13, 20, 25, 30], "spans": [[2, 4], [8, 9], [12, 13], [17, 20], [23, 25], [29, 29]]},
    "one": {"tokens": [1, 5, 2], "lengths": [3], "labels": [1], "texts": 1, "classes": 3},
    "identical": {"tokens": [1, 5, 2, 1, 5, 2, 1, 5, 2], "lengths": [3, 3, 3], "labels": [0, 0, 1], "texts": 1, "classes": 3},
}




def in_templates(texts, *templates):
    """Each text in each template, a list of (before, after) whose part behind the text begins with the mask."""
    b = {"tokens": [], "lengths": [], "labels": [], "texts": len(templates), "classes": 3, "stands": [], "spans": []}
    for text in texts:
        for k, (before, after) in enumerate(templates):
            words = text[k] if isinstance(text[0], list) else text
            at = len(b["tokens"]) + len(before)
            b["tokens"] += before + words + after
            b["lengths"].append(len(before + words + after))
            b["spans"].append([at, at + len(words)])
            b["stands"].append(at + len(words))
    return b


BATCHES["prompts"] = in_templates([[2, 8], [2], [6, 4]], ([1, 5], [3, 7]), ([1, 4], [3]))
BATCHES["prompt triplets"] = in_templates([[[2, 8], [8], [6]], [[6, 4], [6], [2, 8]]], *3 * [([1, 5], [3, 7])])


class Views(Twin):
    """The model "sentence" (dense projection) or "text" (linear head and the same projection)."""

    def view(self, key, delta=None, bias=None):
        x, sites = self.hidden(key, lambda site, x: x if delta is None or site != "embedding" else x + delta)
        if self.o["pooling"] == "mask":
            pooled = x[twin.BATCH["stands"]]
        else:
            pooled = torch.stack([{"first": lambda r: r[0], "mean": lambda r: r.mean(0)}[self.o["pooling"]](r) for r in x.split(twin.BATCH["lengths"])])
        self.pooled = pooled = pooled if bias is None else pooled - bias
        z = torch.tanh(self.linear(pooled, "projection")) if self.o["project"] else pooled
        logits = None
        if self.o["kind"] == "text":
            logits = self.linear(self.dropout(pooled, self.o["dropout"], "head", key), "head")
        return z, logits, sites["embedding"]


def without_texts(b):
    """The templates alone, every token at the position it had."""
    bare = {"tokens": [], "positions": [], "lengths": [], "stands": [], "texts": b["texts"], "classes": b["classes"]}
    start = 0
    for n, stand, (begin, end) in zip(b["lengths"], b["stands"], b["spans"]):
        rows = [r for r in range(start, start + n) if not begin <= r < end]
        bare["stands"].append(len(bare["tokens"]) + rows.index(stand))
        bare["tokens"] += [b["tokens"][r] for r in rows]
        bare["positions"] += [r - start for r in rows]
        bare["lengths"].append(len(rows))
        start += n
    return bare


def parameters(o):
    """twin.parameters with the parameters that these models have: values by sorted position."""
    s = {path: shape for path, shape in shapes(dict(o, head="linear")).items() if o["kind"] == "text" or not path.startswith("head")}
    if o["project"]:
        s["projection.weight"], s["projection.bias"] = (PROJECTION, WIDTH), (PROJECTION,)
    out = {}
    for i, (path, shape) in enumerate(sorted(s.items())):
        n = math.prod(shape)
        wave = torch.tensor([math.sin(1.7 * i + 0.9 * j + 0.013 * j * j) for j in range(n)]).reshape(shape)
        out[path] = (wave * 0.3 + (1.0 if path.endswith("layer_norm.weight") else 0.0)).requires_grad_()
    return out


def teacher(o):
    """Other values of the same parameters."""
    out = {}
    for i, (path, v) in enumerate(parameters(o).items()):
        wave = torch.tensor([math.cos(1.3 * i + 0.7 * j) for j in range(v.numel())]).reshape(v.shape)
        out[path] = wave * 0.25 + (1.0 if path.endswith("layer_norm.weight") else 0.0)
    return out


def cosine(a, b):
    return (a / a.norm(dim=1, keepdim=True)) @ (b / b.norm(dim=1, keepdim=True)).T


def info_nce(a, b, t):                                   # princeton-nlp/SimCSE, cl_forward
    return -(cosine(a, b) / t).log_softmax(1).diagonal().mean()


def nt_xent(a, b, t):
    z, n = torch.cat([a, b]), len(a)
    total = 0.0
    for i in range(2 * n):
        s = cosine(z[i:i + 1], z)[0] / t
        rest = [k for k in range(2 * n) if k != i]
        total = total - (s[(i + n) % (2 * n)] - s[rest].logsumexp(0))
    return total / (2 * n)


def hard_negatives(a, p, h, t, weight):
    total = 0.0
    for i in range(len(a)):
        easy, hard = cosine(a[i:i + 1], p)[0] / t, cosine(a[i:i + 1], h)[0] / t
        below = sum(easy[j].exp() + (weight if j == i else 1.0) * hard[j].exp() for j in range(len(a)))
        total = total - (easy[i] - below.log())
    return total / len(a)


def sup_con(views, labels, s):                           # HobbitLong/SupContrast, SupConLoss
    z = torch.cat(views)
    y = labels * len(views)
    t = s.get("temperature", 0.1)
    anchors = len(labels) if s.get("anchors") == "one" else len(z)
    losses, counted = [], 0
    for i in range(anchors):
        others = [j for j in range(len(z)) if j != i]
        positive = [j for j in others if y[j] == y[i]]
        if not positive:
            continue
        counted += 1
        sim = cosine(z[i:i + 1], z)[0] / t
        log_p = sim - sim[others].logsumexp(0)
        if s.get("form", "out") == "out":
            losses.append(-log_p[positive].mean())
        else:
            losses.append(-(log_p[positive].exp().mean()).log())
    scale = t / s["base_temperature"] if s.get("base_temperature") else 1.0
    if not losses:
        return z.sum() * 0
    return sum(losses) / (counted if s.get("no_positive") == "drop" else anchors) * scale


class Passes:
    """Numbers the passes of an update, as Step does."""

    def __init__(self, twin):
        self.twin, self.count, self.first = twin, 0, None

    def key(self, n):
        return fold(fold(KEY, "pass"), n)

    def run(self, bias=None):
        self.count += 1
        view = self.twin.view(self.key(self.count - 1), bias=bias)
        self.first = self.first or view
        return view

    def again(self, n, delta):
        return self.twin.view(self.key(n), delta)

    def other(self, batch):
        whole, twin.BATCH = twin.BATCH, batch
        out = self.twin.view(fold(fold(KEY, "other"), self.count))
        twin.BATCH = whole
        return out


FOUND = None                                              # the shift that a second pass at moved weights goes to as well


def fgm(g, adversary):
    return torch.cat([adversary["epsilon"] * part / part.norm() for part in g.split(twin.BATCH["lengths"])])


def search(slope, adversary):
    """The shift along slope(), found once where weights move around the attack (csdongxian/AWP, train_trades_cifar.py)."""
    global FOUND
    delta = FOUND if torch.is_tensor(FOUND) else fgm(slope(), adversary)
    if FOUND is not None:
        FOUND = delta
    return delta


def two_texts(passes, texts):
    """The rows of the first text and of the second, or of a second pass."""
    z = passes.run()[0]
    if texts == 1:
        return z, passes.run()[0], z
    parts = z.reshape(len(z) // texts, texts, -1)
    return parts[:, 0], parts[:, 1], parts


def value(passes, s, batch):
    kind, texts, labels, first = s["type"], batch["texts"], batch["labels"], passes.count
    ce = lambda logits: torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
    if kind == "cross_entropy":
        return ce(passes.run()[1])
    if kind == "simcse":
        t = s.get("temperature", 0.05)
        a, b, parts = two_texts(passes, texts)
        if texts == 3:
            return hard_negatives(a, b, parts[:, 2], t, s["hard_negative_weight"])
        return nt_xent(a, b, t) if s.get("candidates") == "2n-1" else info_nce(a, b, t)
    if kind == "nt_xent":
        return nt_xent(*two_texts(passes, texts)[:2], s["temperature"]) * (2 if s.get("scale") == "code" else 1)
    if kind == "sup_con":
        views = [passes.run() for _ in range(s.get("passes", 2))]
        pull = sup_con([v[0] for v in views], labels, s)
        w = s["weight"]
        return pull if w == 1 else (1 - w) * sum(ce(v[1]) for v in views) / len(views) + w * pull
    if kind == "scal":
        z, logits, site = passes.run()
        clean = ce(logits)
        delta = search(lambda: torch.autograd.grad(clean, site, retain_graph=True)[0], s["adversary"])
        shifted, shifted_logits, _ = passes.again(first, delta)
        pairs = nt_xent if s.get("candidates") == "2n-1" else info_nce
        return clean + ce(shifted_logits) + s["weight"] * pairs(z, shifted, s["temperature"])
    if kind == "uscal":
        (a, _, site_a), (b, _, site_b) = passes.run(), passes.run()
        base = info_nce(a, b, s["temperature"])
        delta = search(lambda: sum(torch.autograd.grad(base, [site_a, site_b], retain_graph=True)), s["adversary"])
        shifted = passes.again(first, delta)[0]
        return info_nce(a, shifted, s["temperature"]) + s["alpha"] * info_nce(b, shifted, s["temperature"])
    if kind == "prompt_bert":
        # kongds/Prompt-BERT cl_forward: without mask_embedding_sentence_org_mlp the delta of the template goes off before the mlp
        before = s.get("denoise", True) and passes.twin.o["project"] and s.get("subtract", "before") == "before"
        if before:
            passes.other(without_texts(batch))
            z = passes.run(passes.twin.pooled)[0]
        else:
            z = passes.run()[0]
            if s.get("denoise", True):
                z = z - passes.other(without_texts(batch))[0]
        parts = z.reshape(len(z) // texts, texts, -1)
        if s.get("hard_negatives"):
            return hard_negatives(parts[:, 0], parts[:, 1], parts[:, 2], s["temperature"], s.get("hard_negative_weight", 1.0))
        return info_nce(parts[:, 0], parts[:, 1], s["temperature"])
    if kind in ("mean_teacher", "temporal_ensembling", "distillation"):
        task, o = value(passes, s["loss"], batch), passes.twin.o
        own, rows = passes.first[1], len(labels)
        if kind == "distillation":                       # HobbitLong/RepDistiller, DistillKL
            t = s["temperature"]
            p, q = ((logits / t).log_softmax(1) for logits in (Views(dict(o, dropout=0.0), teacher(o)).view(0)[1], own))
            return (1 - s["weight"]) * task + s["weight"] * t * t * (p.exp() * (p - q)).sum() / rows
        p = own.softmax(1)
        if kind == "mean_teacher":                       # CuriousAI/mean-teacher, softmax_mse_loss times the classes
            target = Views(o, teacher(o)).view(fold(fold(KEY, "observe"), 0))[1].softmax(1)
        else:  # s-laine/tempens, train.py: the running mean i, c is 0.1 + 0.05 (3 i + c mod 7) before correction; example i was seen i times
            target = p.detach().clone()
            for i in range(1, rows):
                for c in range(p.shape[1]):
                    target[i, c] = (0.1 + 0.05 * ((3 * i + c) % 7)) / (1 - s["decay"] ** i)
        return task + s["weight"] * (p - target).square().sum() / rows
    if kind == "awp":
        return at_moved_weights(passes, s, batch)
    if kind == "sum":
        return sum(term.get("weight", 1.0) * value(passes, term["loss"], batch) for term in s["terms"])
    raise ValueError(kind)


def at_moved_weights(passes, s, batch):
    global FOUND
    FOUND = True if s.get("attack", "once") == "once" else None
    clean, values = value(passes, s["loss"], batch), passes.twin.p
    gradients = torch.autograd.grad(clean, list(values.values()), retain_graph=True, allow_unused=True, materialize_grads=True)
    shift = weight_shift(s, values, dict(zip(values, gradients)))
    sharp = value(Passes(Views(passes.twin.o, {p: v + shift[p] for p, v in values.items()})), s["loss"], batch)
    FOUND = None
    return sharp


SENTENCE = dict(PLAIN, layers=1, dropout=0.2, kind="sentence", project=True, pooling="mean")
TEXT = dict(PLAIN, layers=1, dropout=0.2, kind="text", project=True)
BARE = dict(SENTENCE, project=False, norm="pre")
CASES = [
    ("simcse", SENTENCE, "single", {"type": "simcse"}),
    ("simcse, 2n-1", BARE, "single", {"type": "simcse", "candidates": "2n-1", "temperature": 0.3}),
    ("simcse, pairs", SENTENCE, "pairs", {"type": "simcse", "temperature": 0.2}),
    ("simcse, triplets", SENTENCE, "triplets", {"type": "simcse", "temperature": 0.5, "hard_negative_weight": 2.0}),
    ("nt_xent", SENTENCE, "single", {"type": "nt_xent", "temperature": 0.5}),
    ("nt_xent, as published code scales it", BARE, "single", {"type": "nt_xent", "temperature": 0.1, "scale": "code"}),
    ("sup_con", TEXT, "single", {"type": "sup_con", "weight": 0.9}),
    ("sup_con alone, pre-norm", dict(TEXT, norm="pre"), "single", {"type": "sup_con", "weight": 1.0, "temperature": 0.3}),
    ("sup_con, mean inside the logarithm", TEXT, "single", {"type": "sup_con", "weight": 0.5, "form": "in", "temperature": 0.3}),
    ("sup_con, base temperature, one view as anchors", TEXT, "single",
     {"type": "sup_con", "weight": 0.7, "base_temperature": 0.07, "anchors": "one", "passes": 3}),
    ("sup_con, anchors without positives kept", TEXT, "lonely", {"type": "sup_con", "weight": 0.6, "passes": 1}),
    ("sup_con, anchors without positives dropped", TEXT, "lonely", {"type": "sup_con", "weight": 0.6, "passes": 1, "no_positive": "drop"}),
    ("sup_con, identical rows", dict(TEXT, dropout=0.0), "identical", {"type": "sup_con", "weight": 0.5}),
    ("scal", TEXT, "single", {"type": "scal", "weight": 0.5, "adversary": {"type": "fgm", "epsilon": 0.3, "at": "embedding"}, "temperature": 0.05}),
    ("scal, 2n-1, pre-norm", dict(TEXT, norm="pre"), "single",
     {"type": "scal", "weight": 1.0, "adversary": {"type": "fgm", "epsilon": 0.1, "at": "embedding"}, "temperature": 0.2, "candidates": "2n-1"}),
    ("uscal", SENTENCE, "single", {"type": "uscal", "alpha": 0.5, "adversary": {"type": "fgm", "epsilon": 0.3, "at": "embedding"}, "temperature": 0.05}),
    ("scal under awp", TEXT, "single",
     {"type": "awp", "gamma": 0.1, "loss": {"type": "scal", "weight": 0.5, "adversary": {"type": "fgm", "epsilon": 0.3, "at": "embedding"},
                                            "temperature": 0.05}}),
    ("scal under awp, attacked again", TEXT, "single",
     {"type": "awp", "gamma": 0.1, "attack": "again",
      "loss": {"type": "scal", "weight": 0.5, "adversary": {"type": "fgm", "epsilon": 0.3, "at": "embedding"}, "temperature": 0.05}}),
    ("uscal under awp", SENTENCE, "single",
     {"type": "awp", "gamma": 0.1, "loss": {"type": "uscal", "alpha": 0.5, "adversary": {"type": "fgm", "epsilon": 0.3, "at": "embedding"},
                                            "temperature": 0.05}}),
    ("prompt_bert without dropout", dict(SENTENCE, pooling="mask", dropout=0.0), "prompts", {"type": "prompt_bert", "temperature": 0.3}),
    ("prompt_bert without dropout, subtracted behind the projection", dict(SENTENCE, pooling="mask", dropout=0.0), "prompts",
     {"type": "prompt_bert", "temperature": 0.3, "subtract": "after"}),
    ("prompt_bert without dropout, triplets", dict(SENTENCE, pooling="mask", dropout=0.0), "prompt triplets",
     {"type": "prompt_bert", "temperature": 0.3, "hard_negatives": True, "hard_negative_weight": 2.0}),
    ("prompt_bert", dict(SENTENCE, pooling="mask"), "templates", {"type": "prompt_bert", "temperature": 0.3}),
    ("prompt_bert, subtracted behind the projection", dict(SENTENCE, pooling="mask"), "templates",
     {"type": "prompt_bert", "temperature": 0.3, "subtract": "after"}),
    ("prompt_bert without a projection", dict(BARE, pooling="mask"), "templates", {"type": "prompt_bert", "temperature": 0.3}),
    ("prompt_bert, triplets in one template", dict(SENTENCE, pooling="mask"), "template triplets",
     {"type": "prompt_bert", "temperature": 0.3, "hard_negatives": True, "hard_negative_weight": 2.0}),
    ("prompt_bert without denoising", dict(BARE, pooling="mask"), "templates", {"type": "prompt_bert", "temperature": 0.3, "denoise": False}),
    ("sum", TEXT, "single", {"type": "sum", "terms": [
        {"loss": {"type": "cross_entropy"}}, {"loss": {"type": "simcse", "temperature": 0.2}, "weight": 0.5},
        {"loss": {"type": "sup_con", "weight": 1.0}, "weight": 0.25}]}),
    ("mean_teacher", TEXT, "single", {"type": "mean_teacher", "loss": {"type": "cross_entropy"}, "weight": 0.7}),
    ("mean_teacher around sup_con", TEXT, "single", {"type": "mean_teacher", "loss": {"type": "sup_con", "weight": 0.5}, "weight": 2.0}),
    ("temporal_ensembling", TEXT, "single", {"type": "temporal_ensembling", "loss": {"type": "cross_entropy"}, "weight": 0.7, "decay": 0.6}),
    ("distillation", TEXT, "single",
     {"type": "distillation", "loss": {"type": "cross_entropy"}, "teacher": "checkpoint", "weight": 0.4, "temperature": 2.0}),
]


def full_model(o):
    m = model_json(dict(o, head="linear"))
    if o["kind"] == "sentence":
        del m["head"]
    if o["pooling"] == "mask":
        m["templates"] = ["{} [MASK]"]
    if o["project"]:
        m["projection"] = {"type": "dense", "out": PROJECTION}
    return dict(m, type=o["kind"])


def run(name, options, batch, spec):
    twin.BATCH = BATCHES[batch]
    params = parameters(options)
    loss = value(Passes(Views(options, params)), spec, BATCHES[batch])
    gradients = torch.autograd.grad(loss, list(params.values()), allow_unused=True)
    zero = lambda p, g: torch.zeros_like(p) if g is None else g
    return {"name": name, "model": full_model(options), "batch": batch, "objective": spec, "loss": loss.item(),
            "gradients": {path: numbers(zero(p, g)) for (path, p), g in zip(params.items(), gradients)}}


if __name__ == "__main__":
    print('{"vocabulary": %d, "max_length": %d, "seed": 7, "step": 3,\n"batches": %s,\n"cases": [\n%s\n]}' % (
        twin.VOCABULARY, twin.MAX_LENGTH, json.dumps(BATCHES), ",\n".join(json.dumps(run(*c)) for c in CASES)))
