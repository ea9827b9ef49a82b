"""The twin of `tapedeck bench train` in JAX, compiled as one step: same model, shapes, data, loss, clipping and AdamW; prints the same JSON.

python3 tests/bench/jax_train.py --model mini --weights W.safetensors
The options are those of torch_train.py, of which the data and the counts are taken; equal lengths only. JAX has no setting for
its number of threads: the process is held to as many cores.
"""
import json
import os
import sys
import time

from common import resident, spread
from torch_train import SIZE_NAMES, flops_per_step, make_batches, options, read_safetensors

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

DECAY, BETA1, BETA2, EPSILON = 0.01, 0.9, 0.999, 1e-8


def initial(o, key):
    """tapedeck's names; only used without --weights."""
    shapes = {"encoder.embeddings.word": (o.vocabulary, o.width), "encoder.embeddings.position": (o.length, o.width),
              "head.weight": (o.classes, o.width), "head.bias": (o.classes,)}
    norms = ["encoder.embeddings.layer_norm"]
    for i in range(o.layers):
        at = f"encoder.layers.{i}."
        for name, outputs, inputs in (("attention.qkv", 3 * o.width, o.width), ("attention.out", o.width, o.width),
                                      ("feed_forward.in", o.feed_forward, o.width), ("feed_forward.out", o.width, o.feed_forward)):
            shapes |= {f"{at}{name}.weight": (outputs, inputs), f"{at}{name}.bias": (outputs,)}
        norms += [at + "attention.layer_norm", at + "feed_forward.layer_norm"]
    weights = {n: 0.02 * jax.random.normal(k, s) if len(s) > 1 else jnp.zeros(s)
               for (n, s), k in zip(shapes.items(), jax.random.split(key, len(shapes)))}
    return weights | {n + ".weight": jnp.ones(o.width) for n in norms} | {n + ".bias": jnp.zeros(o.width) for n in norms}


def linear(w, name, x):
    return x @ w[name + ".weight"].T + w[name + ".bias"]


def norm(w, name, x):
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred ** 2).mean(-1, keepdims=True) + 1e-5) * w[name + ".weight"] + w[name + ".bias"]


def drop(o, key, x):
    return jnp.where(jax.random.bernoulli(key, 1 - o.dropout, x.shape), x / (1 - o.dropout), 0) if o.dropout else x


def layer(o, w, at, x, keys):
    b, s, width = x.shape
    q, k, v = linear(w, at + "attention.qkv", x).reshape(b, s, 3, o.heads, width // o.heads).transpose(2, 0, 3, 1, 4)
    shares = jax.nn.softmax(q @ k.swapaxes(-1, -2) / np.sqrt(width // o.heads))
    mixed = (drop(o, keys[0], shares) @ v).transpose(0, 2, 1, 3).reshape(b, s, width)
    x = norm(w, at + "attention.layer_norm", x + drop(o, keys[1], linear(w, at + "attention.out", mixed)))
    hidden = jax.nn.gelu(linear(w, at + "feed_forward.in", x), approximate=False)
    return norm(w, at + "feed_forward.layer_norm", x + drop(o, keys[2], linear(w, at + "feed_forward.out", hidden)))


def loss_of(o, w, tokens, labels, key):
    keys = jax.random.split(key, 3 * o.layers + 2)
    x = w["encoder.embeddings.word"][tokens] + w["encoder.embeddings.position"][: tokens.shape[1]]
    x = drop(o, keys[-1], norm(w, "encoder.embeddings.layer_norm", x))
    for i in range(o.layers):
        x = layer(o, w, f"encoder.layers.{i}.", x, keys[3 * i:3 * i + 3])
    logits = linear(w, "head", drop(o, keys[-2], x[:, 0]))
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()


def make_step(o):
    def step(w, first, second, tokens, labels, key, count):
        loss, gradients = jax.value_and_grad(lambda w: loss_of(o, w, tokens, labels, key))(w)
        length = jnp.sqrt(sum((g ** 2).sum() for g in gradients.values()))
        clip, new = jnp.minimum(1.0, 1.0 / (length + 1e-6)), ({}, {}, {})
        for name, g in gradients.items():
            m = BETA1 * first[name] + (1 - BETA1) * clip * g
            v = BETA2 * second[name] + (1 - BETA2) * (clip * g) ** 2
            update = m / (1 - BETA1 ** count) / (jnp.sqrt(v / (1 - BETA2 ** count)) + EPSILON)
            for place, value in zip(new, (w[name] * (1 - o.lr * DECAY) - o.lr * update, m, v)):
                place[name] = value
        return (*new, loss)
    return jax.jit(step, donate_argnums=(0, 1, 2))


def main():
    o = options()
    if o.lengths or o.compile or o.tuned or o.bf16:
        sys.exit("jax_train.py: equal lengths in f32 only")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:o.threads])
    batches = [(jnp.array(t.numpy()), jnp.array(y.numpy())) for t, _, y in make_batches(o)]
    key = jax.random.key(o.seed)
    w = initial(o, key)
    if o.weights:
        w = {name: jnp.array(value.numpy()) for name, value in read_safetensors(o.weights).items()}
    first, second = ({n: jnp.zeros_like(p) for n, p in w.items()} for _ in range(2))
    step, seconds, losses = make_step(o), [], []
    for i in range(o.warmup + o.steps):
        start = time.perf_counter()
        w, first, second, loss = step(w, first, second, *batches[i % o.batches], jax.random.fold_in(key, i), float(i + 1))
        losses.append(float(loss))
        seconds.append(time.perf_counter() - start)
    json.dump({"framework": f"JAX {jax.__version__}", "machine": {"threads": o.threads}, "model": {n: getattr(o, n) for n in SIZE_NAMES},
               "parameters": sum(int(p.size) for p in w.values()), "steps": o.steps, "warmup": o.warmup, "seconds": spread(seconds[o.warmup:]),
               "model_flops": flops_per_step(o, make_batches(o)), "losses": losses, "memory": {"peak_resident": resident("VmHWM")}}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
