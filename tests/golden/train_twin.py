"""Trains the PyTorch twin of an experiment, the same way: same files, split, vocabulary, model, schedule and batches.

python3 tests/golden/train_twin.py RUN/resolved.json [--seeds 1 2 3 4 5] > twin.json
Reads "labelled_lines" data, the "word" tokenizer, the "text" model with a transformer encoder and plain cross-entropy.
Masks and starting values come from PyTorch's own generator: the two sides agree in distribution, not number by number.
"""
import argparse
import collections
import json
import math
import os
import statistics
import string
import sys
import time

import torch
from torch import nn

sys.path.insert(0, os.path.dirname(__file__))
from encoder import fold, mix  # noqa: E402


def permutation(key, n):
    """Fisher-Yates with the bounded draw of base/random.cpp."""
    order = list(range(n))
    for i in range(n, 1, -1):
        bits = (1 << (i - 1).bit_length()) - 1
        attempt = 0
        while True:
            value = stream_draw(key, i - 1, attempt) & bits
            if value < i:
                break
            attempt += 1
        order[i - 1], order[value] = order[value], order[i - 1]
    return order


def stream_draw(key, i, stream):
    counter, half = i >> 1, (i & 1) * 2
    c = [counter & 0xFFFFFFFF, counter >> 32, stream & 0xFFFFFFFF, stream >> 32]
    k = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c[half] | c[half + 1] << 32


def words(text, lowercase):
    out, word = [], ""
    for c in text.lower() if lowercase else text:
        if c.isspace() or c in string.punctuation:
            if word:
                out.append(word)
            word = ""
            if c in string.punctuation:
                out.append(c)
        else:
            word += c
    return out + [word] if word else out


def read(path, encoding):
    rows = []
    with open(path, encoding=encoding, newline="\n") as file:
        for line in file:
            label, _, text = line.rstrip("\n").partition(" ")
            rows.append((label, text))
    return rows


class Encoder(nn.Module):
    def __init__(self, o, vocabulary, max_length, outputs, pooling, head_dropout):
        super().__init__()
        w, self.o, self.pooling = o["width"], o, pooling
        self.word, self.position = nn.Embedding(vocabulary, w), nn.Embedding(max_length, w)
        self.pre = o["norm"] == "pre"
        norm = lambda: nn.LayerNorm(w, eps=o["epsilon"])
        self.layers = nn.ModuleList(nn.ModuleDict({
            "qkv": nn.Linear(w, 3 * w), "out": nn.Linear(w, w), "up": nn.Linear(w, o["feed_forward"]), "down": nn.Linear(o["feed_forward"], w),
            "norm1": norm(), "norm2": norm()}) for _ in range(o["layers"]))
        self.norm, self.head = norm(), nn.Linear(w, outputs)
        self.drop, self.attention_drop, self.head_drop = nn.Dropout(o["dropout"]), nn.Dropout(o["attention_dropout"]), nn.Dropout(head_dropout)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Embedding):
                nn.init.normal_(m.weight, std=0.02)

    def attention(self, layer, x, valid):
        b, s, w = x.shape
        h = self.o["heads"]
        q, k, v = (t.reshape(b, s, h, w // h).transpose(1, 2) for t in layer["qkv"](x).chunk(3, -1))
        score = (q @ k.transpose(-1, -2) / math.sqrt(w // h)).masked_fill(~valid[:, None, None, :], -math.inf)
        return layer["out"]((self.attention_drop(score.softmax(-1)) @ v).transpose(1, 2).reshape(b, s, w))

    def forward(self, ids, valid):
        x = self.word(ids) + self.position(torch.arange(ids.shape[1]))
        x = self.drop(x if self.pre else self.norm(x))
        feed = lambda layer, v: layer["down"](nn.functional.gelu(layer["up"](v)))
        for layer in self.layers:
            if self.pre:
                x = x + self.drop(self.attention(layer, layer["norm1"](x), valid))
                x = x + self.drop(feed(layer, layer["norm2"](x)))
            else:
                x = layer["norm1"](x + self.drop(self.attention(layer, x, valid)))
                x = layer["norm2"](x + self.drop(feed(layer, x)))
        if self.pre:
            x = self.norm(x)
        mask = valid[..., None]
        pooled = {"first": lambda: x[:, 0], "mean": lambda: (x * mask).sum(1) / mask.sum(1),
                  "max": lambda: x.masked_fill(~mask, -math.inf).amax(1)}[self.pooling]()
        return self.head(self.head_drop(pooled))


def batch(rows):
    width = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    valid = torch.zeros(len(rows), width, dtype=torch.bool)
    for i, (row, _) in enumerate(rows):
        ids[i, :len(row)], valid[i, :len(row)] = torch.tensor(row), True
    return ids, valid, torch.tensor([y for _, y in rows])


def accuracy(model, rows):
    model.eval()
    with torch.no_grad():
        hits = sum((model(i, v).argmax(-1) == y).sum().item() for i, v, y in (batch(rows[at:at + 64]) for at in range(0, len(rows), 64)))
    model.train()
    return hits / len(rows)


def load(config):
    d, t = config["data"], config["tokenizer"]
    encoding = d.get("encoding", "utf-8")
    train, test = read(d["train"], encoding), read(d["test"], encoding)
    if str(d["validation"]).endswith("%"):
        share = float(d["validation"][:-1]) / 100
        chosen = set(permutation(fold(DATA_KEY, "validation"), len(train))[:round(share * len(train))])
        train, validation = [r for i, r in enumerate(train) if i not in chosen], [r for i, r in enumerate(train) if i in chosen]
    else:
        validation = read(d["validation"], encoding)
    counts = collections.Counter(w for _, text in train for w in words(text, t["lowercase"]))
    vocabulary = {w: i + 5 for i, w in enumerate(w for w, n in sorted(counts.items(), key=lambda c: (-c[1], c[0])) if n >= t["min_count"])}
    labels = {name: i for i, name in enumerate(sorted({label for label, _ in train}))}
    encode = lambda rows: [([2] + [vocabulary.get(w, 1) for w in words(text, t["lowercase"])][:t["max_length"] - 2] + [3], labels[y]) for y, text in rows]
    return encode(train), encode(validation), encode(test), len(vocabulary) + 5, len(labels)


def train(config, data, seed):
    torch.manual_seed(seed)
    train_rows, validation, test, vocabulary, classes = data
    encoder, head, loop = config["model"]["encoder"], config["model"]["head"], config["training"]
    encoder.setdefault("attention_dropout", encoder["dropout"])
    encoder["attention_dropout"] = encoder["dropout"] if encoder["attention_dropout"] is None else encoder["attention_dropout"]
    model = Encoder(encoder, vocabulary, config["tokenizer"]["max_length"], classes, config["model"]["pooling"].replace("cls", "first"), head["dropout"])
    smoothing = config["objective"].get("label_smoothing", 0.0)
    optimizer = config["optimizer"]
    plain = [p for n, p in model.named_parameters() if n.endswith("bias") or "norm" in n]
    decayed = [p for n, p in model.named_parameters() if not (n.endswith("bias") or "norm" in n)]
    adamw = torch.optim.AdamW([{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": optimizer["weight_decay"]}],
                              lr=optimizer["lr"], betas=tuple(optimizer["betas"]), eps=optimizer["eps"])
    size, epochs = loop["batch_size"], int(loop["duration"].split()[0])
    per_epoch = math.ceil(len(train_rows) / size)
    total, warmup = per_epoch * epochs, round(float(config["schedule"]["warmup"].rstrip("%")) / 100 * per_epoch * epochs)
    factor = lambda step: step / max(1, warmup) if step < warmup else max(0.0, (total - step) / max(1, total - warmup))
    schedule = torch.optim.lr_scheduler.LambdaLR(adamw, factor)
    best, state = -1.0, None
    for _ in range(epochs):
        order = torch.randperm(len(train_rows)).tolist()
        for at in range(0, len(order), size):
            ids, valid, y = batch([train_rows[i] for i in order[at:at + size]])
            adamw.zero_grad()
            nn.functional.cross_entropy(model(ids, valid), y, label_smoothing=smoothing).backward()
            nn.utils.clip_grad_norm_(model.parameters(), loop["clip_grad_norm"])
            adamw.step()
            schedule.step()
        now = accuracy(model, validation)
        if now > best:
            best, state = now, {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    return {"seed": seed, "validation": best, "test": accuracy(model, test)}


DATA_KEY = 0
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("--seeds", type=int, nargs="*")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data-key", type=int, default=0, help="seed of the key that cuts the validation share")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    DATA_KEY = fold(mix(options.data_key), "data")
    with open(options.config) as file:
        config = json.load(file)
    data, rows = load(config), []
    for seed in options.seeds or config["seeds"]:
        start = time.time()
        rows.append(train(config, data, seed))
        print(f"seed {seed}: {rows[-1]} in {time.time() - start:.0f} s", file=sys.stderr, flush=True)
    tests = [r["test"] for r in rows]
    print(json.dumps({"runs": rows, "vocabulary": data[3], "sizes": [len(s) for s in data[:3]], "test_mean": statistics.mean(tests),
                      "test_sd": statistics.stdev(tests) if len(tests) > 1 else None}, indent=2))
