"""Does an update of each method cost what its passes cost? Prints time / plain update beside the number of passes.

python3 tests/bench/method_costs.py build/tapedeck [--model tiny] [--rounds 7] [--steps 40] [--threads 1]
A pass forward is a third of a plain update and a pass backward two thirds, so xF + yB should take (x + 2y) / 3 plain updates.
Round after round each method runs in a process of its own right after a plain one; the ratio of the two (of their p10: other work
on the machine only ever adds) is formed there, and the median over the rounds is reported. Exit code 1 when a method takes more than 10 % longer than its passes (--limit).
"""
import argparse
import json
import statistics
import sys

from common import report

METHODS = [  # name, objective, forward passes, backward passes: those that tests/objective_passes_test.cpp counts
    ("r_drop", {"type": "r_drop"}, 2, 2),
    ("r_drop, 3 passes", {"type": "r_drop", "passes": 3}, 3, 3),
    ("fgm", {"type": "fgm"}, 2, 2),
    ("fgm, embeddings", {"type": "fgm", "at": "embedding"}, 2, 2),
    ("fgsm", {"type": "fgsm"}, 2, 2),
    ("pgd, K = 3", {"type": "pgd", "at": "embedding"}, 4, 4),
    ("freelb, K = 3", {"type": "freelb"}, 3, 3),
    ("vat", {"type": "vat"}, 3, 3),
    ("smart", {"type": "smart"}, 3, 3),
    ("random", {"type": "adversarial", "adversary": "random"}, 2, 2),
    ("gradient_penalty", {"type": "gradient_penalty"}, 1, 3),
    ("noise_consistency", {"type": "noise_consistency"}, 2, 2),
    ("r3f", {"type": "r3f"}, 2, 2),
    ("entropy", {"type": "entropy"}, 1, 1),
    ("mixup", {"type": "mixup"}, 1, 1),
    ("mixup, pooled", {"type": "mixup", "at": ["pooled"]}, 1, 1),
    ("sam", {"type": "sam"}, 2, 2),
    ("awp", {"type": "awp"}, 2, 2),
    ("fgm around r_drop", {"type": "fgm", "loss": {"type": "r_drop"}}, 4, 4),
]


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("tapedeck", help="the binary")
    parser.add_argument("--model", default="tiny", choices=["tiny", "mini", "base"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=float, default=1.1, help="of time / passes")
    parser.add_argument("--only", nargs="+", help="names, or beginnings of names")
    return parser.parse_args()


def fast_step(o, objective):
    return report([o.tapedeck, "bench", "train", "--model", o.model, "--steps", o.steps, "--warmup", o.warmup, "--threads", o.threads, "--objective",
                   objective if isinstance(objective, str) else json.dumps(objective), "--json"])["seconds"]["p10"]


def main():
    o = options()
    methods = [m for m in METHODS if not o.only or any(m[0].startswith(name) for name in o.only)]
    times = {m[0]: [] for m in methods}
    plain = []
    for _ in range(o.rounds):
        for name, objective, *_ in methods:
            plain.append(fast_step(o, "plain"))
            times[name].append(fast_step(o, objective) / plain[-1])
    print(f"plain update, {o.model}, {o.threads} threads: {1e3 * statistics.median(plain):.2f} ms; medians of {o.rounds} rounds\n")
    print("| method | passes | plain updates they are worth | plain updates measured | measured / worth |\n|---|---|---|---|---|")
    late = 0
    for name, _, forward, backward in methods:
        worth, measured = (forward + 2 * backward) / 3, statistics.median(times[name])
        late += measured > o.limit * worth
        print(f"| {name} | {forward}F + {backward}B | {worth:.2f} | {measured:.2f} | {measured / worth:.2f} |")
    sys.exit(late > 0)


if __name__ == "__main__":
    main()
