"""What the benchmark scripts share: running a side that prints JSON, quantiles, memory of the process, tapedeck's names of parameters."""
import json
import subprocess
import sys


def report(command, **environment):
    """What a program prints as JSON; ends this one with its message when it fails."""
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, **environment)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def quantile(values, share):
    values = sorted(values)
    place = share * (len(values) - 1)
    low = int(place)
    return values[low] + (place - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def spread(seconds):
    return {"median": quantile(seconds, 0.5), "p10": quantile(seconds, 0.1), "p90": quantile(seconds, 0.9), "mean": sum(seconds) / len(seconds)}


def resident(field):
    with open("/proc/self/status") as status:
        return next((int(line.split()[1]) * 1024 for line in status if line.startswith(field + ":")), 0)


def peer_name(name):
    """tapedeck's name of a parameter to that of the PyTorch twins."""
    places = {"attention.qkv": "qkv", "attention.out": "out", "feed_forward.in": "up", "feed_forward.out": "down",
              "attention.layer_norm": "norm1", "feed_forward.layer_norm": "norm2"}
    name = name.removeprefix("encoder.").replace("embeddings.layer_norm", "norm")
    if name.startswith("embeddings."):
        return name.removeprefix("embeddings.") + ".weight"
    if not name.startswith("layers."):
        return name
    _, i, rest = name.split(".", 2)
    place, kind = rest.rsplit(".", 1)
    return f"layers.{i}.{places[place]}.{kind}"
