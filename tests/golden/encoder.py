"""Makes encoder.json: what PyTorch computes for the small encoders of tests/golden_test.cpp.

The model is in twin.py, the training methods are in objectives.py.
Run: python3 tests/golden/encoder.py > tests/golden/encoder.json   (PyTorch 2.13, float64 throughout)
"""
import json

import torch

from objectives import KEY, Step, loss
from twin import BATCH, MAX_LENGTH, PLAIN, VOCABULARY, Twin, fold, model_json, numbers, parameters

CE = {"type": "cross_entropy"}
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


def run(name, options, spec, steps):
    params = parameters(options)
    twin = Twin(options, params)
    value = loss(spec, Step(twin, KEY))
    gradients = torch.autograd.grad(value, list(params.values()), allow_unused=True)
    case = {"name": name, "model": model_json(options), "objective": spec, "loss": value.item(),
            "logits": numbers(twin.forward(fold(fold(KEY, "pass"), 0))[0]),
            "gradients": {path: numbers(g) for path, g in zip(params, gradients)}}
    if steps:
        optimizer = torch.optim.AdamW(params.values(), lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.05)
        for _ in range(steps):
            optimizer.zero_grad()
            loss(spec, Step(twin, KEY)).backward()
            optimizer.step()
        case["adamw"] = {"steps": steps, "values": {path: numbers(v) for path, v in params.items()}}
    return case


if __name__ == "__main__":
    cases = [run(*row) for row in CASES]
    print('{"batch": ' + json.dumps(BATCH) + f', "vocabulary": {VOCABULARY}, "max_length": {MAX_LENGTH}, "seed": 7, "step": 3,\n"cases": [\n'
          + ",\n".join(json.dumps(c) for c in cases) + "\n]}")
