"""tapedeck from Python: run experiments, read what they leave, predict and embed texts.

The program does the work; this package starts it and reads its files. It needs nothing but Python; with pandas
`Run.metrics` is a data frame, and `Run.embed` needs NumPy. Next: the guide, docs/guide/python.md.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

__all__ = ["Run", "TapedeckError", "check", "program", "run"]


class TapedeckError(RuntimeError):
    """What the program printed, with its exit code (docs/guide/errors.md)."""

    def __init__(self, message, exit_code):
        super().__init__(message)
        self.exit_code = exit_code


def program():
    """The program's path: $TAPEDECK, the one inside this package, the checkout's build, or the PATH's."""
    here = pathlib.Path(__file__).resolve().parent
    named = os.environ.get("TAPEDECK")
    for candidate in (named, here / "bin" / "tapedeck", here.parents[1] / "build" / "release" / "tapedeck", shutil.which("tapedeck")):
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    if named:
        raise FileNotFoundError(f"$TAPEDECK is {named}, which is no program")
    raise FileNotFoundError("the program tapedeck was not found: build it with ./deck build, or set TAPEDECK to its path")


def _call(arguments, input=None, show=False):
    done = subprocess.run([program(), *map(str, arguments)], input=input, stdout=subprocess.PIPE,
                          stderr=None if show else subprocess.PIPE, text=True, encoding="utf-8")
    if done.returncode:
        raise TapedeckError((done.stderr or "").strip() or f"tapedeck {arguments[0]} ended with {done.returncode}", done.returncode)
    return done.stdout


def _with_file(experiment, use):
    """use(path) of an experiment: a path, or a dict, whose relative paths then start at the working directory."""
    if not isinstance(experiment, dict):
        return use(os.fspath(experiment))
    handle, path = tempfile.mkstemp(prefix=".tapedeck-", suffix=".json", dir=".", text=True)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(experiment, file)
        return use(path)
    finally:
        os.unlink(path)


def _sets(changes):
    return [word for key, value in (changes or {}).items() for word in ("--set", f"{key}={json.dumps(value)}")]


def run(experiment, set=None, output="runs", progress=False):
    """Trains an experiment (a dict or the path of its file) and returns its Run.

    set: values to change, {"optimizer.lr": 1e-4}. output: the folder that receives the run. progress: show it on stderr.
    Raises TapedeckError with the program's message, which names file, line and remedy.
    """
    arguments = ["--output", output, "--progress", "auto" if progress else "none", *_sets(set)]
    out = _with_file(experiment, lambda path: _call(["run", path, *arguments], show=progress))
    folders = [line.split(": ", 1)[1] for line in out.splitlines() if line.startswith("run directory: ")]
    return Run(folders[-1])


def check(experiment, set=None):
    """Every mistake of an experiment at once, as TapedeckError; else what the check says: parameters, memory, time."""
    return _with_file(experiment, lambda path: _call(["check", path, *_sets(set)]))


class Run:
    """The folder of a run, or of one of its seeds."""

    def __init__(self, path):
        self.path = pathlib.Path(path).resolve()
        if not self.path.is_dir():
            raise FileNotFoundError(f"{path} is not a folder")

    def __repr__(self):
        return f"Run({str(self.path)!r})"

    def _json(self, name):
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def _seed_paths(self):
        found = sorted(self.path.glob("seed-*/metrics.jsonl"), key=lambda file: int(file.parent.name[5:]))
        return [file.parent for file in found] or [self.path]

    @property
    def seeds(self):
        """A Run for each seed; a run with a single seed is its own."""
        return [Run(path) for path in self._seed_paths()]

    @property
    def config(self):
        """Every value of the experiment that was in force."""
        above = self.path if (self.path / "resolved.json").exists() else self.path.parent
        return json.loads((above / "resolved.json").read_text(encoding="utf-8"))

    @property
    def results(self):
        """The figures at the end by split: {"best": {...}, "last": {...}, "test": {...}}; a list for several seeds."""
        each = [json.loads((path / "metrics.json").read_text(encoding="utf-8")) for path in self._seed_paths()]
        return each[0] if len(each) == 1 else each

    @property
    def summary(self):
        """Mean, standard deviation and interval of every metric over the seeds."""
        return self._json("summary.json")

    @property
    def metrics(self):
        """Everything that was logged: a pandas data frame where pandas is installed, else a list of dicts."""
        rows = []
        for path in self._seed_paths():
            seed = {"seed": int(path.name[5:])} if path.name.startswith("seed-") else {}
            with open(path / "metrics.jsonl", encoding="utf-8") as lines:
                rows += [{**seed, **json.loads(line)} for line in lines]
        try:
            import pandas
        except ImportError:
            return rows
        return pandas.DataFrame(rows)

    def predict(self, texts, checkpoint="best"):
        """A dict for each text: "predicted" and what else the task says. A pair of texts is a tuple."""
        rows = [dict(zip(("text", "text_b"), (text,) if isinstance(text, str) else text)) for text in texts]
        if not rows:
            return []
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        answers = [json.loads(line) for line in
                   _call(["predict", self.path, "-", "--checkpoint", checkpoint], input=lines).splitlines()]
        for answer in answers:
            del answer["line"]
        return answers

    def embed(self, texts, checkpoint="best"):
        """The vectors of the texts: a NumPy array, float32 [texts, width]."""
        import numpy
        lines = "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts)
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "vectors.npy")
            _call(["embed", self.path, "-", "--output", out, "--checkpoint", checkpoint], input=lines)
            return numpy.load(out)

    def evaluate(self, data=None, checkpoint="best"):
        """Metrics by split of the run's own data, or of a file in the same format."""
        each = json.loads(_call(["eval", self.path, "--json", "--checkpoint", checkpoint, *(["--data", data] if data else [])]))
        return each[0] if len(each) == 1 else each
