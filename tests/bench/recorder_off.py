"""What does it cost that somebody could listen? Builds tapedeck once more without a single question for a listener, and times both.

python3 tests/bench/recorder_off.py build/tapedeck [--model tiny] [--pairs 30] [--steps 60] [--threads 2] [--prefix "chrt -f 5"]
The twin is made from this tree in a temporary folder: every `if (tape_listener)` and `if (pool_listener)` becomes false. Then one
process each, in pairs of alternating order; the ratio of the two medians is formed in each pair. The losses must agree in every digit.
Exit code 1 when the median ratio is above --limit (0.5 %).
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUESTIONS = [(r"if \(!(tape|pool)_listener\)", "if (true)"), (r"if \((tape|pool)_listener\)", "if (false)"),
             (r"if \((tape|pool)_listener && ", r"if (false && \1_listener && "), (r"; (tape|pool)_listener && ", r"; false && \1_listener && ")]


def deaf_twin(folder):
    source = folder / "src"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".git", "build", "runs"))
    questions = 0
    for path in [*source.glob("src/t*/*.cpp"), *source.glob("include/tapedeck/t*/*listen.h")]:
        text = path.read_text()
        for pattern, answer in QUESTIONS:
            text, found = re.subn(pattern, answer, text)
            questions += found
        path.write_text(text)
    if questions < 10:
        sys.exit(f"only {questions} questions for a listener were found: has the spelling changed?")
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    environment = dict(os.environ, CCACHE_BASEDIR=str(folder), CCACHE_NOHASHDIR="1")
    for command in (["cmake", "-S", source, "-B", folder / "build", "-G", "Ninja", *launcher], ["ninja", "-C", folder / "build", "tapedeck"]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return folder / "build/tapedeck", questions


def run(binary, flags):
    command = [*flags.prefix.split(), binary, "bench", "train", "--model", flags.model, "--steps", str(flags.steps), "--threads", str(flags.threads), "--json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return report["seconds"]["median"], report["losses"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tapedeck", help="the binary of this tree")
    parser.add_argument("--model", default="tiny", choices=["tiny", "mini", "base"])
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--limit", type=float, default=0.005)
    flags = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        twin, questions = deaf_twin(pathlib.Path(folder))
        for pair in range(flags.pairs):
            order = [flags.tapedeck, twin] if pair % 2 else [twin, flags.tapedeck]
            result = {str(binary): run(binary, flags) for binary in order}
            (here, losses), (there, twin_losses) = result[str(flags.tapedeck)], result[str(twin)]
            if losses != twin_losses:
                sys.exit(f"pair {pair}: the losses differ: {losses[:3]} and {twin_losses[:3]}")
            ratios.append(here / there)
    ratios.sort()
    median = statistics.median(ratios)
    print(f"{questions} questions for a listener; time with them / without, median of {len(ratios)} pairs: {median:.4f} "
          f"(p10 .. p90: {ratios[len(ratios) // 10]:.3f} .. {ratios[-1 - len(ratios) // 10]:.3f})")
    sys.exit(median > 1 + flags.limit)


if __name__ == "__main__":
    main()
