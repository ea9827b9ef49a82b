"""Makes encoder.json: what PyTorch computes for the small encoders of tests/golden_test.cpp.

An independent twin: the model is written with torch primitives only, and the dropout masks come from a second
implementation of Philox and of the key folding, so that methods that need dropout are compared exactly as well.
Run: python3 tests/golden/encoder.py > tests/golden/encoder.json   (PyTorch 2.13, float64 throughout)
"""
import json
import math

import torch

torch.set_default_dtype(torch.float64)
M64 = (1 << 64) - 1


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & M64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & M64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & M64
    return x ^ (x >> 31)


def fold(key, part):
    if isinstance(part, int):
        return mix(mix(key ^ 0x14057B7EF767814F) ^ part)
    h = 0xCBF29CE484222325
    for c in part.encode():
        h = ((h ^ c) * 0x100000001B3) & M64
    return mix(mix(key ^ 0x5851F42D4C957F2D) ^ h)


def scope_hash(path):
    h = 0
    for part in path.split("."):
        h = fold(h, part)
    return h


def philox(key, counter):
    c = [counter & 0xFFFFFFFF, counter >> 32, 0, 0]
    k = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def mask(n, p, key):
    """0 or 1/keep for n elements: 16 bits each, dropped below the threshold."""
    threshold = int(p * 65536 + 0.5)
    scale = 65536 / (65536 - threshold)
    out = []
    for block in range((n + 7) // 8):
        for word in philox(key, block):
            for half in (word & 0xFFFF, word >> 16):
                out.append(scale if half >= threshold else 0.0)
    return torch.tensor(out[:n])


BATCH = {"tokens": [1, 5, 2, 8, 3, 1, 7, 4, 6, 1], "lengths": [4, 1, 5], "labels": [2, 0, 1], "classes": 3}
VOCABULARY, MAX_LENGTH, WIDTH, HEADS, HIDDEN = 9, 6, 8, 2, 12


class Twin:
    """The text model, functional in its parameters."""

    def __init__(self, options, params):
        self.o, self.p = options, params

    def dropout(self, x, p, path, key):
        return x if p == 0 else x * mask(x.numel(), p, fold(key, scope_hash(path))).reshape(x.shape)

    def linear(self, x, path, act=None):
        y = x @ self.p[path + ".weight"].T + self.p[path + ".bias"]
        if act is None:
            return y
        F = torch.nn.functional
        return {"gelu": F.gelu, "silu": F.silu, "tanh": torch.tanh, "relu": F.relu,
                "gelu_tanh": lambda v: F.gelu(v, approximate="tanh")}[act](y)

    def norm(self, x, path):
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * self.p[path + ".weight"] + self.p[path + ".bias"]

    def rotate(self, x, positions):
        d = WIDTH // HEADS
        angle = positions[:, None] * 10000.0 ** (-2.0 * torch.arange(d // 2) / d)
        x = x.reshape(-1, HEADS, d)
        a, b, c, s = x[..., : d // 2], x[..., d // 2:], angle.cos()[:, None], angle.sin()[:, None]
        return torch.cat([a * c - b * s, a * s + b * c], -1).reshape(-1, WIDTH)

    def attention(self, x, path, key, positions):
        d = WIDTH // HEADS
        q, k, v = self.linear(x, path + ".qkv").split(WIDTH, -1)
        if self.o["positions"] == "rotary":
            q, k = self.rotate(q, positions), self.rotate(k, positions)
        p = self.o["dropout"]
        pairs = HEADS * sum(n * n for n in BATCH["lengths"])
        drop = mask(pairs, p, fold(key, scope_hash(path))) if p else torch.ones(pairs)
        out, row, pair = [], 0, 0
        for n in BATCH["lengths"]:
            heads = []
            for h in range(HEADS):
                part = slice(h * d, (h + 1) * d)
                score = q[row:row + n, part] @ k[row:row + n, part].T / math.sqrt(d)
                if self.o["causal"]:
                    score = score.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), -math.inf)
                heads.append((score.softmax(-1) * drop[pair:pair + n * n].reshape(n, n)) @ v[row:row + n, part])
                pair += n * n
            out.append(torch.cat(heads, -1))
            row += n
        return self.linear(torch.cat(out), path + ".out")

    def forward(self, key, delta=None):
        o, p = self.o, self.o["dropout"]
        tokens = torch.tensor(BATCH["tokens"])
        positions = torch.cat([torch.arange(n) for n in BATCH["lengths"]])
        word = self.p["encoder.embeddings.word"]
        if delta is not None and delta[0] == "encoder.embeddings.word":
            word = word + delta[1]
        x = word[tokens]
        if o["positions"] == "learned":
            x = x + self.p["encoder.embeddings.position"][positions]
        if delta is not None and delta[0] == "embedding":
            x = x + delta[1]
        site = x
        if o["norm"] == "post":
            x = self.norm(x, "encoder.embeddings.layer_norm")
        x = self.dropout(x, p, "encoder.embeddings", key)
        for i in range(o["layers"]):
            at, ff = f"encoder.layers.{i}.attention", f"encoder.layers.{i}.feed_forward"
            if o["norm"] == "post":
                a = self.attention(x, at, key, positions)
                x = self.norm(x + self.dropout(a, p, at + ".layer_norm", key), at + ".layer_norm")
                f = self.linear(self.linear(x, ff + ".in", o["activation"]), ff + ".out")
                x = self.norm(x + self.dropout(f, p, ff + ".layer_norm", key), ff + ".layer_norm")
            else:  # the residual of a block is dropped under the path of the norm that follows it
                after = f"encoder.layers.{i + 1}.attention.layer_norm" if i + 1 < o["layers"] else "encoder.layer_norm"
                a = self.attention(self.norm(x, at + ".layer_norm"), at, key, positions)
                x = x + self.dropout(a, p, ff + ".layer_norm", key)
                f = self.linear(self.linear(self.norm(x, ff + ".layer_norm"), ff + ".in", o["activation"]), ff + ".out")
                x = x + self.dropout(f, p, after, key)
        if o["norm"] == "pre":
            x = self.norm(x, "encoder.layer_norm")
        rows = x.split(BATCH["lengths"])
        pooled = torch.stack([{"first": lambda r: r[0], "mean": lambda r: r.mean(0), "max": lambda r: r.max(0).values}[o["pooling"]](r) for r in rows])
        if o["head"] == "mlp":
            return self.linear(self.linear(pooled, "head.dense", "tanh"), "head.out"), site, word
        return self.linear(self.dropout(pooled, p, "head", key), "head"), site, word


def shapes(o):
    s = {"encoder.embeddings.word": (VOCABULARY, WIDTH)}
    if o["positions"] == "learned":
        s["encoder.embeddings.position"] = (MAX_LENGTH, WIDTH)
    norms = ["encoder.embeddings.layer_norm"] if o["norm"] == "post" else ["encoder.layer_norm"]
    linears = [("head", BATCH["classes"], WIDTH)] if o["head"] == "linear" else [("head.dense", WIDTH, WIDTH), ("head.out", BATCH["classes"], WIDTH)]
    for i in range(o["layers"]):
        at, ff = f"encoder.layers.{i}.attention", f"encoder.layers.{i}.feed_forward"
        linears += [(at + ".qkv", 3 * WIDTH, WIDTH), (at + ".out", WIDTH, WIDTH), (ff + ".in", HIDDEN, WIDTH), (ff + ".out", WIDTH, HIDDEN)]
        norms += [at + ".layer_norm", ff + ".layer_norm"]
    for path, out, inner in linears:
        s[path + ".weight"], s[path + ".bias"] = (out, inner), (out,)
    for path in norms:
        s[path + ".weight"], s[path + ".bias"] = (WIDTH,), (WIDTH,)
    return s


def parameters(o):
    """Values both sides can compute: no need to store them. Index i runs over the parameters in sorted order."""
    out = {}
    for i, (path, shape) in enumerate(sorted(shapes(o).items())):
        n = math.prod(shape)
        wave = torch.tensor([math.sin(1.7 * i + 0.9 * j + 0.013 * j * j) for j in range(n)]).reshape(shape)
        out[path] = (wave * 0.3 + (1.0 if path.endswith("layer_norm.weight") else 0.0)).requires_grad_()
    return out


def cross_entropy(logits, smoothing=0.0):
    return torch.nn.functional.cross_entropy(logits, torch.tensor(BATCH["labels"]), label_smoothing=smoothing)


def symmetric_kl(a, b):
    p, q = a.log_softmax(-1), b.log_softmax(-1)
    return ((p.exp() * (p - q)).sum() + (q.exp() * (q - p)).sum()) / a.shape[0]


class Objective:
    """loss(twin, key, delta) -> (value, sites and words of the passes it made)."""

    def __init__(self, spec):
        self.s = spec

    def loss(self, twin, key, delta=None, first=0):
        s, kind = self.s, self.s["type"]
        run = lambda n: twin.forward(fold(fold(key, "pass"), first + n), delta)
        if kind == "cross_entropy":
            logits, site, word = run(0)
            return cross_entropy(logits, s.get("label_smoothing", 0.0)), [site], [word]
        if kind == "r_drop":
            (a, sa, wa), (b, sb, wb) = run(0), run(1)
            ce, kl = cross_entropy(a) + cross_entropy(b), symmetric_kl(a, b)
            value = {"paper": ce + s["alpha"] / 2 * kl, "su": ce / 2 + s["alpha"] / 4 * kl}[s.get("preset", "paper")]
            return value, [sa, sb], [wa, wb]
        inner = Objective(s["loss"])
        value, sites, words = inner.loss(twin, key, delta, first)
        at = s["at"]
        targets = sites if at == "embedding" else words
        if kind == "gradient_penalty":
            g = sum(torch.autograd.grad(value, targets, create_graph=True))
            penalty = g.square().sum() * (len(BATCH["labels"]) if s["per_sample"] else 1)
            return value + s["weight"] * penalty, sites, words
        if kind == "fgm":
            g = sum(torch.autograd.grad(value, targets, retain_graph=True)).detach()
            shifted, _, _ = inner.loss(twin, key, (at, attack(g, s)), first)
            return (value + shifted if s.get("train", "both") == "both" else shifted), sites, words
        raise ValueError(kind)


def attack(g, s):
    scope = s.get("scope", "sample" if s["at"] == "embedding" else "tensor")
    parts = {"tensor": lambda: [g], "sample": lambda: g.split(BATCH["lengths"]), "token": lambda: g.split(1)}[scope]()
    out = []
    for part in parts:
        if s.get("norm", "l2") == "linf":
            out.append(s["epsilon"] * part.sign())
        elif s.get("norm", "l2") == "l1":
            flat = torch.zeros(part.numel())
            flat[part.abs().argmax()] = s["epsilon"] * part.flatten()[part.abs().argmax()].sign()
            out.append(flat.reshape(part.shape))
        else:
            out.append(s["epsilon"] * part / part.norm())
    return torch.cat(out) if len(out) > 1 else out[0]


KEY = fold(fold(mix(7), "step"), 3)
CE = {"type": "cross_entropy"}
PLAIN = dict(norm="post", layers=2, dropout=0.0, pooling="first", head="linear", positions="learned", causal=False, activation="gelu")
POST, PRE = PLAIN, dict(PLAIN, norm="pre")
CASES = [
    ("post-norm", POST, CE, 10), ("pre-norm", PRE, CE, 10),
    ("label smoothing", POST, dict(CE, label_smoothing=0.1), 0),
    ("rotary, causal, max pooling, silu", dict(PRE, positions="rotary", causal=True, pooling="max", activation="silu"), CE, 0),
    ("no positions, mean pooling, mlp head, gelu_tanh", dict(POST, positions="none", pooling="mean", head="mlp", activation="gelu_tanh"), CE, 0),
    ("dropout", dict(POST, dropout=0.2), CE, 0),
]
for name, base in (("post-norm", POST), ("pre-norm", PRE)):
    CASES += [
        (f"r_drop, {name}", dict(base, dropout=0.3), {"type": "r_drop", "alpha": 2.0}, 0),
        (f"fgm on the table, {name}", base, {"type": "fgm", "loss": CE, "epsilon": 0.5, "at": "encoder.embeddings.word"}, 0),
        (f"fgm on activations, {name}", base, {"type": "fgm", "loss": CE, "epsilon": 0.5, "at": "embedding", "train": "adversarial"}, 0),
        (f"gradient penalty, {name}", base, {"type": "gradient_penalty", "loss": CE, "weight": 0.5, "at": "embedding", "per_sample": True}, 0),
    ]
CASES += [
    ("r_drop, su", dict(POST, dropout=0.1), {"type": "r_drop", "alpha": 4.0, "preset": "su"}, 0),
    ("fgm linf per token", POST, {"type": "fgm", "loss": CE, "epsilon": 0.02, "norm": "linf", "scope": "token", "at": "embedding"}, 0),
    ("fgm l1 per token", POST, {"type": "fgm", "loss": CE, "epsilon": 0.1, "norm": "l1", "scope": "token", "at": "embedding"}, 0),
    ("gradient penalty on the table", PRE, {"type": "gradient_penalty", "loss": CE, "weight": 0.5, "at": "encoder.embeddings.word", "per_sample": False}, 0),
    ("fgm around r_drop", dict(PRE, dropout=0.2), {"type": "fgm", "loss": {"type": "r_drop", "alpha": 1.0}, "epsilon": 0.5, "at": "embedding"}, 0),
    ("gradient penalty around r_drop", dict(POST, dropout=0.2),
     {"type": "gradient_penalty", "loss": {"type": "r_drop", "alpha": 1.0}, "weight": 0.5, "at": "embedding", "per_sample": True}, 0),
]


def model_json(o):
    encoder = {"type": "transformer", "layers": o["layers"], "width": WIDTH, "heads": HEADS, "feed_forward": HIDDEN, "norm": o["norm"],
               "dropout": o["dropout"], "positions": o["positions"], "causal": o["causal"], "activation": o["activation"]}
    head = {"type": "linear", "dropout": o["dropout"]} if o["head"] == "linear" else {"type": "mlp", "activation": "tanh"}
    return {"encoder": encoder, "pooling": o["pooling"], "head": head}


def numbers(t):
    return [float(f"{v:.15g}") for v in t.detach().flatten().tolist()]


def run(name, options, spec, steps):
    params = parameters(options)
    twin, objective = Twin(options, params), Objective(spec)
    value, _, _ = objective.loss(twin, KEY)
    gradients = torch.autograd.grad(value, list(params.values()), allow_unused=True)
    case = {"name": name, "model": model_json(options), "objective": spec, "loss": value.item(),
            "logits": numbers(twin.forward(fold(fold(KEY, "pass"), 0))[0]),
            "gradients": {path: numbers(g) for path, g in zip(params, gradients)}}
    if steps:
        optimizer = torch.optim.AdamW(params.values(), lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.05)
        for _ in range(steps):
            optimizer.zero_grad()
            objective.loss(twin, KEY)[0].backward()
            optimizer.step()
        case["adamw"] = {"steps": steps, "values": {path: numbers(v) for path, v in params.items()}}
    return case


if __name__ == "__main__":
    cases = [run(*row) for row in CASES]
    print('{"batch": ' + json.dumps(BATCH) + f', "vocabulary": {VOCABULARY}, "max_length": {MAX_LENGTH}, "seed": 7, "step": 3,\n"cases": [\n'
          + ",\n".join(json.dumps(c) for c in cases) + "\n]}")
