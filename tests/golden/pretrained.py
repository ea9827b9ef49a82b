"""Makes the small folders of tests/golden/pretrained/ and pretrained.json: models of every architecture as `transformers` saves them,
with what it computes: hidden states, logits, and all weights after one step of AdamW (after.safetensors).

Run: python3 tests/golden/pretrained.py   (transformers 5.24, PyTorch 2.13; float64 throughout)
Check of what tapedeck gives back: python3 tests/golden/pretrained.py check EXPORTED_FOLDER ROW
"""
import json
import os
import shutil
import sys

sys.path.pop(0)  # tokenizers.py beside this file is not the package
import torch
import transformers as t
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SMOKE = "configs/smoke/data/pretrained"  # beside a tokenizer, so that a smoke run starts from it
VOCABULARY, LABELS = 40, 3
SIZES = dict(vocab_size=VOCABULARY, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
             max_position_embeddings=26, type_vocab_size=2, layer_norm_eps=1e-7, num_labels=LABELS, initializer_range=0.3)
ROBERTA = dict(SIZES, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2)
ROWS = [  # name, config, class, dtype of the file, files
    ("bert", t.BertConfig(**dict(SIZES, vocab_size=90, max_position_embeddings=64)), t.BertForSequenceClassification, torch.float32, 1),
    ("bert-old-names", t.BertConfig(**SIZES, hidden_act="gelu_new"), t.BertModel, torch.float32, 1),
    ("roberta", t.RobertaConfig(**ROBERTA), t.RobertaForSequenceClassification, torch.float32, 2),
    ("xlm-roberta", t.XLMRobertaConfig(**ROBERTA, hidden_act="relu"), t.XLMRobertaModel, torch.float64, 1),
    ("camembert", t.CamembertConfig(**ROBERTA), t.CamembertForMaskedLM, torch.float32, 1),
    ("distilbert", t.DistilBertConfig(vocab_size=VOCABULARY, dim=8, n_layers=2, n_heads=2, hidden_dim=12, max_position_embeddings=26,
                                      num_labels=LABELS, initializer_range=0.3), t.DistilBertForSequenceClassification, torch.float16, 1),
    ("electra", t.ElectraConfig(**SIZES, embedding_size=8), t.ElectraForSequenceClassification, torch.bfloat16, 1),
    ("roformer", t.RoFormerConfig(**SIZES, embedding_size=8, rotary_value=False), t.RoFormerForSequenceClassification, torch.float32, 1),
    ("gpt2", t.GPT2Config(vocab_size=VOCABULARY, n_embd=8, n_layer=2, n_head=2, n_positions=26, initializer_range=0.3),
     t.GPT2LMHeadModel, torch.float32, 1),
]
LENGTHS = (7, 1, 12)


def draw(model):
    """Weights at which every name matters: norms and biases too."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            norm = "norm" in name.lower() or ".ln_" in name
            p.copy_(torch.randn_like(p) * 0.3 + (1 if norm and name.endswith("weight") else 0))


def texts(vocabulary, segments):
    ids = [[int(i) for i in torch.randint(5, vocabulary, (n,))] for n in LENGTHS]
    return ids, [[int(segments and 2 * i > n) for i in range(n)] for n in LENGTHS]


def old_names(path):
    """What files of 2018 to 2020 look like: gamma, beta, and a table of positions that are numbers."""
    tensors = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
               for k, v in load_file(path).items()}
    tensors["embeddings.position_ids"] = torch.arange(26).unsqueeze(0)
    save_file(tensors, path, metadata={"format": "pt"})


def exact_angles(model):
    """RoFormer's table of sines was made in float32; what is compared is the equation."""
    for module in model.modules():
        if type(module).__name__ == "RoFormerSinusoidalPositionalEmbedding":
            n, d = module.weight.shape
            angle = torch.arange(n, dtype=torch.float64)[:, None] * 10000.0 ** (-2 * torch.arange(d // 2, dtype=torch.float64) / d)
            module.weight.data = torch.cat([angle.sin(), angle.cos()], 1)


def outputs(model, ids, segments):
    """Hidden states and logits of every text by itself, so that no padding takes part."""
    extra = {"token_type_ids": torch.tensor([segments])} if any(segments) else {}
    x = torch.tensor([ids])
    base = getattr(model, model.base_model_prefix, model)
    hidden = base(input_ids=x, **extra).last_hidden_state[0]
    return hidden, (None if base is model else model(input_ids=x, **extra).logits[0])


def loss_of(model, ids, segments):
    total, rows = 0.0, 0
    for i, (one, types) in enumerate(zip(ids, segments)):
        hidden, logits = outputs(model, one, types)
        if isinstance(model, t.GPT2LMHeadModel):
            total = total + torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(one[1:], dtype=torch.long), reduction="sum")
            rows += len(one) - 1
        else:
            total = total + torch.nn.functional.cross_entropy(logits.unsqueeze(0), torch.tensor([i % LABELS]), reduction="sum")
            rows += 1
    return total / rows


def make(name, config, cls, dtype, files):
    folder = SMOKE if name == "bert" else f"tests/golden/pretrained/{name}"
    torch.manual_seed(len(name))
    model = cls(config).eval()
    draw(model)
    model = model.to(dtype)
    path = os.path.join(ROOT, folder)
    kept = {f for f in os.listdir(path)} if name == "bert" else set()
    if not kept:
        shutil.rmtree(path, ignore_errors=True)
    model.save_pretrained(path, **({"max_shard_size": "6KB"} if files > 1 else {}))
    for extra in set(os.listdir(path)) - kept:
        if not (extra.startswith("model") or extra == "config.json"):
            os.remove(os.path.join(path, extra))
    if name == "bert-old-names":
        old_names(os.path.join(path, "model.safetensors"))
    model = model.double()
    exact_angles(model)
    ids, segments = texts(config.vocab_size, name.startswith(("bert", "electra", "roformer")))
    row = {"name": name, "folder": folder, "ids": ids, "segments": segments}
    with torch.no_grad():
        parts = [outputs(model, *one) for one in zip(ids, segments)]
    row["hidden"] = [float(v) for h, _ in parts for v in h.flatten()]
    if parts[0][1] is not None and "MaskedLM" not in cls.__name__:
        row["logits"] = [float(v) for _, y in parts for v in y.flatten()]
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
        loss = loss_of(model, ids, segments)
        row["loss"] = float(loss.detach())
        loss.backward()
        for p in model.parameters():
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        optimizer.step()
        state = {k: v.contiguous() for k, v in model.state_dict().items() if v.is_floating_point() and k != "lm_head.weight"}
        os.makedirs(os.path.join(HERE, "pretrained", name), exist_ok=True)
        save_file(state, os.path.join(HERE, "pretrained", name, "after.safetensors"), metadata={"format": "pt"})
    return row


def check(folder, name):
    """A folder that tapedeck exported gives the numbers of the row again, and is read without a warning."""
    import warnings
    row = next(r for r in json.load(open(os.path.join(HERE, "pretrained.json")))["rows"] if r["name"] == name)
    cls = next(r[2] for r in ROWS if r[0] == name)
    warnings.simplefilter("error")
    model, info = cls.from_pretrained(folder, output_loading_info=True, dtype=torch.float64)
    problems = {k: list(v) for k, v in info.items() if v}
    with torch.no_grad():
        parts = [outputs(model.eval(), *one) for one in zip(row["ids"], row["segments"])]
    for key, i in (("hidden", 0), ("logits", 1)):
        if key in row:
            mine = torch.cat([p[i].flatten() for p in parts])
            print(key, float((mine - torch.tensor(row[key], dtype=torch.float64)).abs().max()))
    print("loading", problems or "without a word")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        check(*sys.argv[2:])
    else:
        rows = [make(*row) for row in ROWS]
        with open(os.path.join(HERE, "pretrained.json"), "w") as f:
            f.write('{"rows": [\n' + ",\n".join(json.dumps(r) for r in rows) + "\n]}\n")
