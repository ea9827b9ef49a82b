"""The second implementation that tapedeck's numbers are held against: Philox, key folding, and the text model in torch primitives.

Nothing here knows tapedeck: masks, noise and permutations come from formulas written down a second time. Used by encoder.py
(the model) and objectives.py (the training methods). float64 throughout, PyTorch 2.13.
"""
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


def philox(key, counter, stream=0):
    c = [counter & 0xFFFFFFFF, counter >> 32, stream, 0]
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


def uniform(shape, key, low, high):
    n = math.prod(shape)
    words = [w for block in range((n + 3) // 4) for w in philox(key, block)]
    return torch.tensor([low + (high - low) * ((w >> 8) / 16777216) for w in words[:n]]).reshape(shape)


def normal(shape, key, deviation):
    """Box and Muller: element e from words 0, 1 or 2, 3 of block e / 2 of stream 1."""
    out = []
    for e in range(math.prod(shape)):
        a, b = philox(key, e // 2, 1)[e % 2 * 2:][:2]
        out.append(deviation * math.sqrt(-2 * math.log((a + 1) / 2**32)) * math.cos(2 * math.pi * b / 2**32))
    return torch.tensor(out).reshape(shape)


def below(key, i, n):
    """Uniform in 0..n-1: as many bits as n needs, drawn again on the next stream while they are too many."""
    bits = M64 >> (64 - (n - 1).bit_length()) if n > 1 else 0
    stream = 0
    while True:
        block = philox(key, i >> 1, stream)
        value = (block[(i & 1) * 2] | block[(i & 1) * 2 + 1] << 32) & bits
        if value < n:
            return value
        stream += 1


def permutation(key, n):
    order = list(range(n))
    for i in range(n, 1, -1):
        j = below(key, i - 1, i)
        order[i - 1], order[j] = order[j], order[i - 1]
    return order


BATCH = {"tokens": [1, 5, 2, 8, 3, 1, 7, 4, 6, 1], "lengths": [4, 1, 5], "labels": [2, 0, 1], "classes": 3}
VOCABULARY, MAX_LENGTH, WIDTH, HEADS, HIDDEN, SPAN = 9, 6, 8, 2, 12, 4


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

    def hidden(self, key, change=lambda site, x: x):
        """The rows of the last layer and the values at the sites; `change` may change what it is shown there."""
        o, p = self.o, self.o["dropout"]
        tokens = torch.tensor(BATCH["tokens"])
        positions = torch.tensor(BATCH["positions"]) if "positions" in BATCH else torch.cat([torch.arange(n) for n in BATCH["lengths"]])
        word = change("encoder.embeddings.word", self.p["encoder.embeddings.word"])
        x = word[tokens]
        if o["positions"] == "learned":
            x = x + self.p["encoder.embeddings.position"][positions]
        embedding = x = change("embedding", x)
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
        hidden = change("hidden", x)
        return hidden, {"encoder.embeddings.word": word, "embedding": embedding, "hidden": hidden}

    def span_scores(self, hidden):
        """GlobalPointer, span by span: text, type, last token, first token; -inf where the last comes before the first."""
        points, types, row, out = self.linear(hidden, "spans.points"), BATCH["classes"], 0, []
        half = points.shape[1] // 2
        for n in BATCH["lengths"]:
            mine = points[row:row + n]
            kinds = self.linear(mine, "spans.kinds") if self.o["efficient"] else None
            for a in range(types):
                at = 0 if self.o["efficient"] else a * SPAN
                q, k = (self.turn(mine[:, start + at:start + at + SPAN]) for start in (0, half))
                for j in range(n):
                    for i in range(n):
                        s = q[i] @ k[j] / math.sqrt(SPAN)
                        if kinds is not None:
                            s = s + (kinds[i, a] + kinds[j, types + a]) / 2
                        out.append(s if i <= j else torch.tensor(-math.inf))
            row += n
        return torch.stack(out)

    def turn(self, x):
        angle = torch.arange(len(x))[:, None] * 10000.0 ** (-2.0 * torch.arange(SPAN // 2) / SPAN)
        a, b = x[:, :SPAN // 2], x[:, SPAN // 2:]
        return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)

    def span_loss(self, scores, labels):
        """Mean over texts whose spans are known and over types of the two logarithms."""
        at, total, types = 0, 0, BATCH["classes"]
        for text, n in enumerate(BATCH["lengths"]):
            for a in range(types):
                yes, no = [], []
                for j in range(n):
                    for i in range(j + 1):
                        (yes if [text, i, j, a] in BATCH["spans"] else no).append(scores[at + j * n + i])
                if labels[text] >= 0:
                    total = total + torch.log(1.0 + sum((s.exp() for s in no), torch.tensor(0.0))) + torch.log(1.0 + sum(((-s).exp() for s in yes), torch.tensor(0.0)))
                at += n * n
        return total / (types * sum(label >= 0 for label in labels))

    def forward(self, key, change=lambda site, x: x):
        """logits and the values at the sites."""
        hidden, sites = self.hidden(key, change)
        if self.o["head"] == "span":
            return self.span_scores(hidden), sites
        o, rows = self.o, hidden.split(BATCH["lengths"])
        pooled = torch.stack([{"first": lambda r: r[0], "mean": lambda r: r.mean(0), "max": lambda r: r.max(0).values}[o["pooling"]](r) for r in rows])
        pooled = change("pooled", pooled)
        sites["pooled"] = pooled
        if o["head"] == "mlp":
            return self.linear(self.linear(pooled, "head.dense", "tanh"), "head.out"), sites
        return self.linear(self.dropout(pooled, o["dropout"], "head", key), "head"), sites


def span_shapes(o, types):
    points = 2 * SPAN * (1 if o["efficient"] else types)
    return [("spans.points", points, WIDTH)] + ([("spans.kinds", 2 * types, 2 * SPAN)] if o["efficient"] else [])


def shapes(o, classes=BATCH["classes"]):
    s = {"encoder.embeddings.word": (VOCABULARY, WIDTH)}
    if o["positions"] == "learned":
        s["encoder.embeddings.position"] = (MAX_LENGTH, WIDTH)
    norms = ["encoder.embeddings.layer_norm"] if o["norm"] == "post" else ["encoder.layer_norm"]
    linears = span_shapes(o, classes) if o["head"] == "span" else [("head", classes, WIDTH)] if o["head"] == "linear" else [("head.dense", WIDTH, WIDTH), ("head.out", classes, WIDTH)]
    for i in range(o["layers"]):
        at, ff = f"encoder.layers.{i}.attention", f"encoder.layers.{i}.feed_forward"
        linears += [(at + ".qkv", 3 * WIDTH, WIDTH), (at + ".out", WIDTH, WIDTH), (ff + ".in", HIDDEN, WIDTH), (ff + ".out", WIDTH, HIDDEN)]
        norms += [at + ".layer_norm", ff + ".layer_norm"]
    for path, out, inner in linears:
        s[path + ".weight"], s[path + ".bias"] = (out, inner), (out,)
    for path in norms:
        s[path + ".weight"], s[path + ".bias"] = (WIDTH,), (WIDTH,)
    return s


def parameters(o, classes=BATCH["classes"]):
    """Values both sides can compute: no need to store them. Index i runs over the parameters in sorted order."""
    out = {}
    for i, (path, shape) in enumerate(sorted(shapes(o, classes).items())):
        n = math.prod(shape)
        wave = torch.tensor([math.sin(1.7 * i + 0.9 * j + 0.013 * j * j) for j in range(n)]).reshape(shape)
        out[path] = (wave * 0.3 + (1.0 if path.endswith("layer_norm.weight") else 0.0)).requires_grad_()
    return out


PLAIN = dict(norm="post", layers=2, dropout=0.0, pooling="first", head="linear", positions="learned", causal=False, activation="gelu")


def model_json(o):
    encoder = {"type": "transformer", "layers": o["layers"], "width": WIDTH, "heads": HEADS, "feed_forward": HIDDEN, "norm": o["norm"],
               "dropout": o["dropout"], "positions": o["positions"], "causal": o["causal"], "activation": o["activation"]}
    if o["head"] == "span":
        return {"type": "span", "encoder": encoder, "head_size": SPAN, "efficient": o["efficient"]}
    head = {"type": "linear", "dropout": o["dropout"]} if o["head"] == "linear" else {"type": "mlp", "activation": "tanh"}
    return {"encoder": encoder, "pooling": o["pooling"], "head": head}


def numbers(t, digits=15):
    return [float(f"{v:.{digits}g}") for v in t.detach().flatten().tolist()]
