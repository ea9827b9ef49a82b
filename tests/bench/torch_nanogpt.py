"""The twin of configs/language_model/tinyshakespeare.json in PyTorch: same model, split, vocabulary, schedule and number of steps.

python3 tests/bench/torch_nanogpt.py [--compile] [--tuned] [--steps 2000] [--data input.txt]
python3 tests/bench/torch_nanogpt.py --evaluate RUN/checkpoints/step-002000/model.safetensors
Prints seconds per step (drawing the batch included, evaluation not) and the loss over the whole validation split. Starting
values and batches come from PyTorch's own generator: the two sides agree in distribution. With --evaluate nothing is
trained: tapedeck's parameters are measured, and the loss has to be the one that tapedeck printed.
"""
import argparse
import collections
import json
import math
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

from common import peer_name, spread
from torch_train import read_safetensors

HERE = os.path.dirname(os.path.abspath(__file__))
LAYERS, HEADS, WIDTH, CONTEXT, BATCH = 4, 4, 128, 64, 12
RATE, LOWEST, WARMUP = 1e-3, 1e-4, 100
SPECIAL = 5  # tapedeck's vocabulary starts with [PAD] [UNK] [CLS] [SEP] [MASK]


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=os.path.join(HERE, "../../../shared/data/tinyshakespeare/input.txt"))
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="torch.compile the model")
    parser.add_argument("--tuned", action="store_true", help="AdamW(fused=True)")
    parser.add_argument("--evaluate", metavar="CHECKPOINT", help="only measure these parameters, written by tapedeck")
    return parser.parse_args()


def read(path):
    """Ids of the first 90 % and of the rest: by descending count in train, then by character."""
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    cut = int(len(text) * 0.9)
    counts = collections.Counter(text[:cut])
    ids = {c: i + SPECIAL for i, c in enumerate(sorted(counts, key=lambda c: (-counts[c], c)))}
    everything = torch.tensor([ids.get(c, 1) for c in text])
    return everything[:cut], everything[cut:], len(ids) + SPECIAL


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        b, s, w = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, s, 3, HEADS, w // HEADS).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(b, s, w))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class LanguageModel(nn.Module):
    """Pre-norm; the word table gives the logits as well, as in models/language_model.cpp."""

    def __init__(self, vocabulary):
        super().__init__()
        self.word, self.position = nn.Embedding(vocabulary, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm, self.bias = nn.LayerNorm(WIDTH), nn.Parameter(torch.zeros(vocabulary))
        for name, p in self.named_parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, tokens):
        x = self.word(tokens) + self.position.weight[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return F.linear(self.norm(x), self.word.weight, self.bias)


@torch.no_grad()
def validate(model, ids):
    """Mean loss over every token but the first, in windows side by side."""
    whole, total = (len(ids) - 1) // CONTEXT * CONTEXT, 0.0
    pieces = [(x, y) for x, y in zip(ids[:whole].view(-1, CONTEXT).split(64), ids[1:whole + 1].view(-1, CONTEXT).split(64))]
    if whole < len(ids) - 1:
        pieces.append((ids[None, whole:-1], ids[None, whole + 1:]))
    for x, y in pieces:
        total += F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="sum").item()
    return total / (len(ids) - 1)


def rate(step, steps):
    if step < WARMUP:
        return RATE * step / WARMUP
    return LOWEST + (RATE - LOWEST) * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / max(1, steps - WARMUP)))


def train(o, model, ids):
    """Seconds of every step."""
    decoder = torch.compile(model) if o.compile else model
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    adamw = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
                              lr=RATE, betas=(0.9, 0.99), fused=o.tuned or None)
    window, seconds = torch.arange(CONTEXT + 1), []
    for step in range(o.steps):
        start = time.perf_counter()
        for group in adamw.param_groups:
            group["lr"] = rate(step, o.steps)
        batch = ids[torch.randint(len(ids) - CONTEXT, (BATCH, 1)) + window]
        adamw.zero_grad()
        loss = F.cross_entropy(decoder(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adamw.step()
        loss = loss.item()
        seconds.append(time.perf_counter() - start)
        if (step + 1) % 100 == 0:
            print(f"step {step + 1} loss {loss:.4f}", file=sys.stderr, flush=True)
    return seconds


def main():
    o = options()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    training, validation, vocabulary = read(o.data)
    model = LanguageModel(vocabulary)
    result = {"framework": f"PyTorch {torch.__version__} {'compile' if o.compile else 'eager'}{' tuned' if o.tuned else ''}",
              "threads": torch.get_num_threads(), "parameters": sum(p.numel() for p in model.parameters())}
    if o.evaluate:
        rename = lambda name: peer_name(name.replace("head.bias", "bias").replace("encoder.layer_norm", "norm"))
        model.load_state_dict({rename(name): value for name, value in read_safetensors(o.evaluate).items()})
    else:
        seconds = train(o, model, training)
        result |= {"steps": o.steps, "seed": o.seed, "seconds": sum(seconds),
                   "seconds_per_step": spread(seconds[min(10, len(seconds) - 1):])}
    model.eval()
    json.dump(result | {"validation_loss": validate(model, validation)}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
