"""The twin of `tapedeck bench train` in PyTorch: same model, shapes, data, loss, clipping and AdamW; prints the same JSON.

python3 tests/bench/torch_train.py --model mini --weights W.safetensors [--compile] [--tuned] [--bf16]
Weights come from `tapedeck bench train --save-weights`; without them the parameters are PyTorch's own draws. The data are
the same hash of the place (src/app/bench_model.cpp). Sequences of different lengths are padded to the longest of a batch,
with a mask over the keys.
"""
import argparse
import json
import sys
import time


from common import peer_name, resident, spread

AT_START = resident("VmHWM")  # before PyTorch is loaded
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

SIZES = {"tiny": (2, 128, 4, 512, 32, 32), "mini": (6, 384, 6, 1536, 32, 64), "base": (4, 768, 12, 3072, 16, 128)}
SIZE_NAMES = ("layers", "width", "heads", "feed_forward", "batch", "length")


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=SIZES, default="mini")
    for name in SIZE_NAMES:
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=0)
    parser.add_argument("--lengths")
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--classes", type=int, default=6)
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--lr", type=float, default=1e-5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--weights", help="initial parameters, written by tapedeck")
    parser.add_argument("--compile", action="store_true", help="torch.compile the model")
    parser.add_argument("--tuned", action="store_true", help="AdamW(fused=True)")
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    o = parser.parse_args()
    if o.width and not o.feed_forward:
        o.feed_forward = 4 * o.width
    for name, value in zip(SIZE_NAMES, SIZES[o.model]):
        setattr(o, name, getattr(o, name) or value)
    return o


def draws(first, count):
    """SplitMix64 of first, first + 1, ..."""
    with np.errstate(over="ignore"):
        x = np.arange(first, first + count, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def make_batches(o):
    """[(tokens [B, longest], lengths [B], labels [B])]; an example takes one number for its label, then one per token."""
    lengths = [o.length]
    if o.lengths:
        with open(o.lengths) as file:
            lengths = [int(line) for line in file if line.strip()]
    at, batches = o.seed << 32, []
    for b in range(o.batches):
        mine = [lengths[(b * o.batch + i) % len(lengths)] for i in range(o.batch)]
        tokens, labels = np.zeros((o.batch, max(mine)), np.int64), np.zeros(o.batch, np.int64)
        for i, length in enumerate(mine):
            numbers = draws(at, 1 + length)
            labels[i], tokens[i, :length] = numbers[0] % np.uint64(o.classes), numbers[1:] % np.uint64(o.vocabulary)
            at += 1 + length
        batches.append((torch.from_numpy(tokens), torch.tensor(mine), torch.from_numpy(labels)))
    return batches


class Layer(nn.Module):
    def __init__(self, o):
        super().__init__()
        self.heads, self.p = o.heads, o.dropout
        self.qkv, self.out = nn.Linear(o.width, 3 * o.width), nn.Linear(o.width, o.width)
        self.up, self.down = nn.Linear(o.width, o.feed_forward), nn.Linear(o.feed_forward, o.width)
        self.norm1, self.norm2, self.drop = nn.LayerNorm(o.width), nn.LayerNorm(o.width), nn.Dropout(o.dropout)

    def forward(self, x, mask):
        b, s, w = x.shape
        q, k, v = self.qkv(x).view(b, s, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=self.p if self.training else 0.0)
        x = self.norm1(x + self.drop(self.out(mixed.transpose(1, 2).reshape(b, s, w))))
        return self.norm2(x + self.drop(self.down(F.gelu(self.up(x)))))


class Encoder(nn.Module):
    """Post-norm; the first token's vector goes to the linear head, as in models/text.cpp."""

    def __init__(self, o, longest):
        super().__init__()
        self.word, self.position = nn.Embedding(o.vocabulary, o.width), nn.Embedding(longest, o.width)
        self.norm, self.drop = nn.LayerNorm(o.width), nn.Dropout(o.dropout)
        self.layers = nn.ModuleList(Layer(o) for _ in range(o.layers))
        self.head = nn.Linear(o.width, o.classes)

    def forward(self, tokens, mask):
        x = self.drop(self.norm(self.word(tokens) + self.position.weight[: tokens.shape[1]]))
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(self.drop(x[:, 0]))


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        body = file.read()
    header.pop("__metadata__", None)
    cut = lambda e: np.frombuffer(body[slice(*e["data_offsets"])], np.float32).reshape(e["shape"])
    return {name: torch.from_numpy(cut(entry).copy()) for name, entry in header.items()}


def flops_per_step(o, batches):
    """The model's own products, of real tokens only, as `tapedeck bench train` counts them."""
    flops = 0.0
    for _, lengths, _ in batches:
        for s in lengths.tolist():
            flops += o.layers * (2 * s * (4 * o.width ** 2 + 2 * o.width * o.feed_forward) + 4 * s * s * o.width) + 2 * o.width * o.classes
    return 3 * flops / len(batches)


def train(o, model, batches):
    """Seconds of every step and its loss, warm-up included."""
    decoder = torch.compile(model, dynamic=bool(o.lengths)) if o.compile else model
    adamw = torch.optim.AdamW(model.parameters(), lr=o.lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, fused=o.tuned or None)
    masks = [None] * len(batches)
    if o.lengths:
        masks = [(torch.arange(t.shape[1]) < n[:, None])[:, None, None, :] for t, n, _ in batches]
    seconds, losses = [], []
    for step in range(o.warmup + o.steps):
        tokens, _, labels = batches[step % len(batches)]
        start = time.perf_counter()
        adamw.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=o.bf16):
            loss = F.cross_entropy(decoder(tokens, masks[step % len(batches)]).float(), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adamw.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    return seconds, losses


def main():
    o = options()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    loaded, batches = resident("VmHWM"), make_batches(o)
    model = Encoder(o, max(t.shape[1] for t, _, _ in batches))
    if o.weights:
        model.load_state_dict({peer_name(name): value for name, value in read_safetensors(o.weights).items()})
    seconds, losses = train(o, model, batches)
    timed = spread(seconds[o.warmup:])
    tokens = sum(int(n.sum()) for _, n, _ in batches) / len(batches)
    kind = "compile" if o.compile else "eager"
    json.dump({
        "framework": f"PyTorch {torch.__version__} {kind}{' tuned' if o.tuned else ''}{' bf16' if o.bf16 else ''}",
        "machine": {"threads": torch.get_num_threads(), "kernels": torch.backends.cpu.get_cpu_capability()},
        "model": {name: getattr(o, name) for name in ("layers", "width", "heads", "feed_forward", "vocabulary", "classes", "dropout", "batch")}
        | {"norm": "post", "length": o.lengths or o.length},
        "objective": "plain", "parameters": sum(p.numel() for p in model.parameters()), "steps": o.steps, "warmup": o.warmup,
        "seconds": timed,
        "seconds_before_timing": sum(seconds[:o.warmup]), "tokens_per_step": tokens, "tokens_per_second": tokens / timed["mean"],
        "model_flops": flops_per_step(o, batches), "losses": losses,
        "memory": {"peak_resident": resident("VmHWM"), "resident_at_start": loaded, "interpreter": AT_START},
    }, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
