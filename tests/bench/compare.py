"""Times tapedeck against PyTorch and JAX, and tapedeck's methods against each other: whole training steps, both sides in turn.

python3 tests/bench/compare.py build/tapedeck [--rows 3 4 5 6 7 9] [--models mini] [--against eager compile jax] [--out compare]
Writes OUT.json (every run) and OUT.md (the table). First every side computes the loss of the same weights with dropout 0:
a difference ends the comparison. Then round after round (A B C A B C ...) each side runs in a process of its own; a ratio is
formed within a round, and the median and p10..p90 over the rounds are reported. Rows have the numbers of docs/guide/bench.md.
"""
import argparse
import collections
import json
import os
import random
import statistics
import sys
import tempfile

from common import quantile, report

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = {"tiny": (100, 10), "mini": (10, 3), "base": (6, 2)}  # timed, warm-up
FASTER = {"eager": {"tiny": 2.0, "mini": 2.2, "base": 1.8}, "compile": {"tiny": 1.6, "mini": 1.6, "base": 1.4},
          "jax": {"tiny": 1.0, "mini": 1.0, "base": 1.0}}


SENTENCES = {  # a file under the data folder, and the line's texts
    "SST-2": ("sst_sentence/stsa.binary.train", lambda line: line.split(" ", 1)[1:]),
    "TREC": ("trec/TREC.train.all", lambda line: line.split(" ", 1)[1:]),
    "RTE": ("rte_glue/train.tsv", lambda line: line.split("\t")[1:3]),
}


# Programs that run in turn, and the ratios that are read off them. steps: (timed, warm-up) of one process; time: the figure of a process
# that counts, the mean where batches differ.
Group = collections.namedtuple("Group", "name sides claims steps dropout parity time", defaults=(0.1, (), "median"))
# row: its number; kind: "time" (over / under), "memory" (over / under) or "share" (of the peak, of `over`).
Claim = collections.namedtuple("Claim", "row kind over under target at_least")


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("tapedeck", help="the binary")
    parser.add_argument("--rows", type=int, nargs="+", default=[3, 4, 6, 9], choices=[3, 4, 5, 6, 7, 9])
    parser.add_argument("--models", nargs="+", default=list(STEPS), choices=STEPS)
    parser.add_argument("--against", nargs="+", default=["eager", "compile"], choices=["eager", "compile", "eager-tuned", "compile-tuned", "jax"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gemm", default="auto", choices=["auto", "native", "openblas"])
    parser.add_argument("--chrt", action="store_true", help="run both sides under real-time priority (chrt -f 5)")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has PyTorch (and JAX)")
    parser.add_argument("--data", default=os.environ.get("TAPEDECK_DATA"), help="folder of the data sets, for row 5 (default: $TAPEDECK_DATA)")
    parser.add_argument("--out", default="compare")
    o = parser.parse_args()
    if 5 in o.rows and not o.data:
        parser.error("row 5 takes sentence lengths from --data or TAPEDECK_DATA")
    return o


class Runner:
    def __init__(self, o, folder):
        self.o, self.folder = o, folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        self.environment |= {name: str(o.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}

    def command(self, side, extra):
        program, *words = side
        if program == "tapedeck":
            head = [self.o.tapedeck, "bench", "train", "--json", "--gemm", self.o.gemm]
        else:
            head = [self.o.python, os.path.join(HERE, program + "_train.py")]
        return (["chrt", "-f", "5"] if self.o.chrt else []) + head + ["--threads", str(self.o.threads)] + words + extra

    def run(self, side, extra=()):
        return report(self.command(side, list(extra)), env=self.environment)


def peer(kind, words):
    if kind == "jax":
        return ["jax"] + words
    flags = {"eager": [], "compile": ["--compile"], "eager-tuned": ["--tuned"], "compile-tuned": ["--compile", "--tuned"]}
    return ["torch"] + words + flags[kind]


def against_pytorch(o, model, dropout):
    words = ["--model", model]
    sides = {"tapedeck": ["tapedeck"] + words} | {kind: peer(kind, words) for kind in o.against}
    target = {kind: FASTER[kind.split("-")[0]][model] if dropout else 1.0 if kind == "jax" else 1.3 for kind in o.against}
    claims = [Claim(3, "time", kind, "tapedeck", target[kind], True) for kind in o.against]
    if dropout and model != "tiny":
        claims.append(Claim(4, "share", "tapedeck", None, {"mini": 0.70, "base": 0.78}[model], True))
        if "eager" in o.against and 9 in o.rows:
            sides["recomputed"] = ["tapedeck"] + words + ["--recompute", "encoder.layers.*"]
            claims += [Claim(9, "memory", name, "eager", 0.4, False) for name in ("tapedeck", "recomputed")]
            claims.append(Claim(9, "time", "eager", "recomputed", FASTER["eager"][model], True))
    return Group(f"{model}, dropout {dropout}", sides, claims, STEPS[model], dropout, parity=tuple(sides))


def methods(model):
    words = ["tapedeck", "--model", model]
    sides = {name: words + ["--objective", name] for name in ("plain", "r_drop", "fgm", "gradient_penalty")}
    limits = {"r_drop": 1.95, "fgm": 2.0, "gradient_penalty": 4.0}
    return Group(f"{model}, methods", sides, [Claim(6, "time", name, "plain", limit, False) for name, limit in limits.items()], STEPS[model])


def sentence_lengths(o, name, folder):
    """Words and marks of 1,024 training sentences in random order, with the marks that begin, part and end them; the file's path."""
    path, texts_of = SENTENCES[name]
    with open(os.path.join(o.data, path), encoding="latin-1") as file:
        texts = [texts_of(line.rstrip("\n")) for line in file]
    texts = [t for t in texts if t and t[-1] != "sentence2"]
    lengths = [sum(len(text.split()) for text in t) + len(t) + 1 for t in random.Random(1).sample(texts, 1024)]
    place = os.path.join(folder, name + ".txt")
    with open(place, "w") as file:
        file.write("\n".join(map(str, lengths)) + "\n")
    return place


def ragged(o, name, folder):
    words = ["--model", "mini", "--batches", "32", "--lengths", sentence_lengths(o, name, folder)]
    sides = {"tapedeck": ["tapedeck"] + words} | {kind: peer(kind, words) for kind in o.against if kind != "jax"}
    claims = [Claim(5, "time", kind, "tapedeck", 3.0, True) for kind in o.against if kind != "jax"]
    return Group(f"mini on lengths of {name}", sides, claims, (32, 32), parity=tuple(sides), time="mean")


def precisions(model, target):
    words = ["tapedeck", "--model", model, "--precision"]
    return Group(f"{model}, precision", {"f32": words + ["f32"], "bf16": words + ["bf16"]}, [Claim(7, "time", "f32", "bf16", target, True)], STEPS[model])


def groups(o, folder):
    found = []
    for model in o.models:
        if {3, 4, 9} & set(o.rows):
            found.append(against_pytorch(o, model, 0.1))
        if 3 in o.rows:
            found.append(against_pytorch(o, model, 0))
    if 5 in o.rows:
        found += [ragged(o, name, folder) for name in SENTENCES]
    if 6 in o.rows:
        found += [methods(model) for model in o.models if model != "base"]
    if 7 in o.rows:
        found += [precisions(model, target) for model, target in (("mini", 1.35), ("base", 1.5)) if model in o.models]
    return found


def check_parity(runner, group):
    """Three steps from the same weights with dropout 0: the first losses agree to 1e-5, those after updates to 1e-3."""
    path = os.path.join(runner.folder, "weights.safetensors")
    losses = {}
    for name in group.parity:
        side = group.sides[name]
        weights = "--save-weights" if side[0] == "tapedeck" else "--weights"
        losses[name] = runner.run(side, ["--dropout", "0", "--steps", "3", "--warmup", "0", weights, path])["losses"]
    first = losses[group.parity[0]] if group.parity else []
    for name, other in losses.items():
        gaps = [abs(a - b) / abs(a) for a, b in zip(first, other)]
        if gaps[0] > 1e-5 or max(gaps) > 1e-3:
            sys.exit(f"{group.name}: {name} does not compute what {group.parity[0]} does: losses {other} and {first}")
    return losses


def figures(group, claim, rounds):
    def value(name, run):
        if claim.kind == "memory":
            return run["memory"]["peak_resident"]
        return run["seconds"][group.time]
    over = [r[claim.over] for r in rounds]
    if claim.kind == "share":
        return [run["share_of_peak"] for run in over]
    return [value(claim.over, a) / value(claim.under, r[claim.under]) for a, r in zip(over, rounds)]


def shown(group, claim, rounds, name):
    if name is None:
        return ""
    if claim.kind == "memory":
        return f"{statistics.median(r[name]['memory']['peak_resident'] for r in rounds) / 2**20:.0f} MiB"
    return f"{1e3 * statistics.median(r[name]['seconds'][group.time] for r in rounds):.1f} ms"


def table(o, results):
    lines = ["| row | what | over | under | ratio | p10 .. p90 | target | |", "|---|---|---|---|---|---|---|---|"]
    for group, rounds in results:
        for claim in group.claims:
            if claim.row not in o.rows:
                continue
            values = figures(group, claim, rounds)
            middle = statistics.median(values)
            met = middle >= claim.target if claim.at_least else middle <= claim.target
            what = {"time": "step time", "memory": "peak resident memory", "share": "share of the multiply-add peak"}[claim.kind]
            sides = [f"{name} {shown(group, claim, rounds, name)}" if name else "" for name in (claim.over, claim.under)]
            lines.append(f"| {claim.row} | {group.name}: {what} | {sides[0]} | {sides[1]} | {middle:.3f} | "
                         f"{quantile(values, 0.1):.3f} .. {quantile(values, 0.9):.3f} | "
                         f"{'>=' if claim.at_least else '<='} {claim.target} | {'met' if met else 'not met'} |")
    return "\n".join(lines) + "\n"


def main():
    o, results, raw = options(), [], []
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(o, folder)
        for group in groups(o, folder):
            parity = check_parity(runner, group)
            rounds = []
            for i in range(o.rounds):
                extra = ["--steps", str(group.steps[0]), "--warmup", str(group.steps[1]), "--dropout", str(group.dropout)]
                rounds.append({name: runner.run(side, extra) for name, side in group.sides.items()})
                times = ", ".join(f"{n} {1e3 * r['seconds'][group.time]:.1f} ms" for n, r in rounds[-1].items())
                print(f"{group.name}, round {i + 1}: {times}", file=sys.stderr, flush=True)
            results.append((group, rounds))
            raw.append({"group": group.name, "parity": parity, "rounds": rounds})
            with open(o.out + ".json", "w") as file:
                json.dump({"threads": o.threads, "groups": raw}, file, indent=1)
            with open(o.out + ".md", "w") as file:
                file.write(table(o, results))
    print(table(o, results), end="")


if __name__ == "__main__":
    main()
