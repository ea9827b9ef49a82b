#!/usr/bin/env python3
# Reads what `look trace` writes with a parser that is not ours: strict JSON, slices that nest, time that rises from 0, arrows
# with two ends, no NaN and no infinity. trace_check.py WRITE_TRACES: runs that program and checks every file it makes.
import json
import math
import pathlib
import subprocess
import sys
import tempfile

FEWEST = 200
PHASES = {"M", "X", "C", "s", "f"}


def refuse(word):
    raise ValueError(f"{word} is no JSON")


def numbers(value):
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def thousandths(microseconds):
    """Nanoseconds as a whole number: sums of decimals are exact."""
    return round(microseconds * 1000)


def check(text):
    """Raises AssertionError or ValueError; returns (events, slices, arrows)."""
    trace = json.loads(text, parse_constant=refuse)
    events = trace["traceEvents"]
    assert isinstance(events, list) and events, "no events"
    last, around, starts, ends, slices = 0, [], {}, {}, 0
    for event in events:
        assert event["ph"] in PHASES, f"phase {event['ph']}"
        assert isinstance(event["name"], str) and event["name"], "an event without a name"
        assert all(math.isfinite(x) for x in numbers(event)), "a number that is not finite"
        if event["ph"] == "M":
            continue
        at = thousandths(event["ts"])
        assert at >= last, f"time falls from {last} to {at} ns"
        assert at >= 0, "time before 0"
        last = at
        if event["ph"] in "sf":
            side = starts if event["ph"] == "s" else ends
            assert event["id"] not in side, f"arrow {event['id']} has two ends of one kind"
            side[event["id"]] = at
        if event["ph"] == "C":
            assert all(x >= 0 for x in event["args"].values()), "a negative counter"
        if event["ph"] != "X":
            continue
        slices += 1
        end = at + thousandths(event["dur"])
        assert end > at, "a slice without length"
        while around and around[-1] <= at:
            around.pop()
        assert not around or end <= around[-1], "a slice sticks out of the one around it"
        around.append(end)
    assert starts.keys() == ends.keys(), "an arrow with one end"
    assert all(starts[k] <= ends[k] for k in starts), "an arrow back in time"
    return len(events), slices, len(starts)


def sharp():
    """The checks find what they are for."""
    good = '{"traceEvents":[{"ph":"X","name":"a","ts":0,"dur":2},{"ph":"X","name":"b","ts":0.5,"dur":1}]}'
    check(good)
    for found, wrong in ((good, good.replace('"dur":1', '"dur":9')), (good, good.replace("0.5", "NaN")),
                         (good, good.replace('"ts":0,', '"ts":3,')), (good, good.replace("}]}", "},]}")),
                         (good, good.replace('"ph":"X","name":"b"', '"ph":"s","id":1,"name":"b"'))):
        assert found != wrong
        try:
            check(wrong)
        except (AssertionError, ValueError):
            continue
        raise SystemExit(f"nothing was found in {wrong}")


def main(writer):
    sharp()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([writer, folder], check=True)
        files = sorted(pathlib.Path(folder).glob("*.json"))
        totals = [0, 0, 0]
        for file in files:
            try:
                found = check(file.read_text(encoding="utf-8"))
            except (AssertionError, ValueError, KeyError) as error:
                raise SystemExit(f"{file.name}: {error}")
            totals = [a + b for a, b in zip(totals, found)]
    print(f"{len(files)} traces: {totals[0]} events, {totals[1]} slices, {totals[2]} arrows")
    if len(files) < FEWEST:
        raise SystemExit(f"{FEWEST} traces were to be read")
    if totals[2] == 0:
        raise SystemExit("no arrow in any trace")


main(sys.argv[1])
