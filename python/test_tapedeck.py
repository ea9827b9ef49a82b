"""The Python package against the program: what it returns is what the run folder holds; the wheel installs and works alone."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
if __name__ == "__main__" and "TAPEDECK_TEST_INSTALLED" not in os.environ:
    sys.path.insert(0, str(HERE))

import tapedeck  # noqa: E402

TINY = {
    "format": 1,
    "name": "tiny",
    "data": {"type": "builtin", "train": 40, "validation": 16, "test": 16},
    "model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 16}},
    "training": {"duration": "10 steps", "batch_size": 8},
    "evaluation": {"every": "5 steps"},
}


def has(module):
    try:
        __import__(module)
        return True
    except ImportError:
        return False


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.before = os.getcwd()
        os.chdir(cls.folder.name)
        cls.trained = tapedeck.run(TINY, set={"seeds": [3, 4]})

    @classmethod
    def tearDownClass(cls):
        os.chdir(cls.before)
        cls.folder.cleanup()

    def test_run_is_the_folder(self):
        self.assertEqual([seed.path.name for seed in self.trained.seeds], ["seed-3", "seed-4"])
        self.assertEqual(self.trained.config["training"]["batch_size"], 8)
        self.assertEqual(self.trained.summary["seeds"], [3, 4])
        self.assertEqual(len(self.trained.results), 2)
        self.assertEqual([name for name in os.listdir(".") if name.startswith(".tapedeck-")], [])

    def test_metrics(self):
        rows = self.trained.metrics
        if has("pandas"):
            rows = rows.to_dict("records")
        logged = [line for seed in self.trained.seeds for line in (seed.path / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual(len(rows), len(logged))
        self.assertEqual({row["seed"] for row in rows}, {3, 4})
        self.assertEqual(rows[0]["loss"], json.loads(logged[0])["loss"])

    def test_predict_and_evaluate(self):
        seed = self.trained.seeds[0]
        known = [json.loads(line) for line in (seed.path / "predictions/validation-best.jsonl").read_text().splitlines()]
        answers = seed.predict([row["text"] for row in known])
        self.assertEqual([row["predicted"] for row in answers], [row["predicted"] for row in known])
        self.assertEqual(seed.predict([]), [])
        self.assertEqual(seed.evaluate()["validation"]["accuracy"], seed.results["best"]["accuracy"])

    @unittest.skipUnless(has("numpy"), "no NumPy")
    def test_embed(self):
        vectors = self.trained.seeds[0].embed(["a fine film", "a line\nbreak and \"quotes\"", "a fine film"])
        self.assertEqual(vectors.shape, (3, 8))
        self.assertTrue((vectors[0] == vectors[2]).all())
        self.assertFalse((vectors[0] == vectors[1]).all())

    def test_mistakes_carry_the_message(self):
        with self.assertRaises(tapedeck.TapedeckError) as caught:
            tapedeck.run({**TINY, "objectiv": "r_drop"})
        self.assertEqual(caught.exception.exit_code, 3)
        self.assertIn("objective", str(caught.exception))
        with self.assertRaises(tapedeck.TapedeckError):
            self.trained.predict(["two seeds"])
        with self.assertRaises(FileNotFoundError):
            tapedeck.Run("nowhere")
        self.assertIn("parameters", tapedeck.check(TINY))


class Notebook(unittest.TestCase):
    """The cells of the notebook in order, in one namespace, as Jupyter would run them."""

    def test_cells(self):
        cells = json.loads((HERE / "quickstart.ipynb").read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        self.assertGreater(len(code), 3)
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                names = {}
                for source in code:
                    exec(compile(source, "quickstart.ipynb", "exec"), names)
            finally:
                os.chdir(before)


@unittest.skipIf("TAPEDECK_TEST_INSTALLED" in os.environ, "inside the installed wheel already")
class Wheel(unittest.TestCase):
    def test_installs_and_passes(self):
        with tempfile.TemporaryDirectory() as folder:
            made = subprocess.run([sys.executable, HERE / "make_wheel.py", tapedeck.program(), folder], check=True,
                                  stdout=subprocess.PIPE, text=True).stdout.strip()
            if subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder + "/venv"]).returncode:
                self.skipTest("no venv")
            python = folder + "/venv/bin/python"
            pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-index", "--no-deps", made]
            if subprocess.run(pip, stderr=subprocess.PIPE).returncode:
                self.skipTest("no pip that installs into another environment")
            environment = {name: value for name, value in os.environ.items() if name not in ("TAPEDECK", "PYTHONPATH")}
            tests = pathlib.Path(folder, "test_tapedeck.py")
            tests.write_bytes(pathlib.Path(__file__).read_bytes())
            done = subprocess.run([python, str(tests), "Package"], cwd=folder, stderr=subprocess.PIPE, text=True,
                                  env={**environment, "TAPEDECK_TEST_INSTALLED": "1"})
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
