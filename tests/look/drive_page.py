# Steps through the page of `tapedeck look html` in a headless browser, with real keys, and holds what it shows against
# `look list --json`, record by record. Usage: drive_page.py TAPEDECK EXPERIMENT TAPES FOLDER (TAPES: the program of
# hostile_tapes.cpp; pictures go to FOLDER). Ends with 0, with 1 and the first step and field that differ, or with 77: no browser.
import base64
import copy
import json
import os
import re
import statistics
import subprocess
import sys

from devtools import Browser, find_browser
from page_checks import READ_PAGE, Differs, check, check_record

LATENCY = 50  # ms, the median of a step


def check_quiet(browser, page):
    if browser.diagnostics:
        raise Differs(f"{page}: the browser complains: {browser.diagnostics[0]}")
    if browser.requests != ["file://" + os.path.abspath(page)]:
        raise Differs(f"{page}: requests other than the page itself: {browser.requests}")


def position(browser):
    return int(re.match(r"#(\d+)", browser.run("document.getElementById('where').textContent")).group(1))


def at(browser, what, expected):
    check(what, position(browser), expected)


def walk(browser, listed, pictures):
    """ArrowRight through every record; then a changed number must be noticed, so that agreement means something."""
    wanted = {"forward": lambda r: r["saves"], "backward": lambda r: any(u["role"] == "gradient" for u in r["in"]),
              "second": lambda r: len(r["in"]) > 1, "update": lambda r: True}
    for i, record in enumerate(listed):
        if i:
            browser.press("ArrowRight")
        shown = browser.run(READ_PAGE)
        check_record(shown, record, len(listed))
        if record["phase"] in wanted and wanted[record["phase"]](record):
            del wanted[record["phase"]]
            pictures(record["phase"])
    if wanted:
        raise Differs("the step has no record of the phase " + ", ".join(wanted))
    wrong = copy.deepcopy(listed[-1])
    wrong["out"][0]["norm"] *= 1.0001
    try:
        check_record(shown, wrong, len(listed))
    except Differs:
        return
    raise Differs("a changed number was not noticed")


def jump(browser, listed):
    """Home, End, phases, one back; a button that leads to the maker of a value, by mouse and by keyboard."""
    last, phases = len(listed) - 1, [r["phase"] for r in listed]
    browser.press("ArrowRight")
    at(browser, "arrow right at the end", last)
    browser.press("Home")
    at(browser, "home", 0)
    here = 0
    while here < last:
        browser.press("PageDown")
        here = next((i for i in range(here, last) if phases[i] != phases[here]), last)
        at(browser, "page down", here)
    browser.press("PageUp")
    at(browser, "page up", max(i for i in range(last) if phases[i] != phases[last]))
    browser.press("End")
    browser.press("ArrowLeft")
    at(browser, "end, arrow left", last - 1)
    reader = next(r["index"] for r in listed if any(u.get("made_by", -1) >= 0 for u in r["in"]))
    button = "[...document.querySelectorAll('#detail button')].find(b => b.textContent.startsWith('made by'))"
    for choose in (lambda: browser.click(button), lambda: (browser.run(button + ".focus()"), browser.press("Enter"))):
        browser.press("Home")
        for _ in range(reader):
            browser.press("ArrowRight")
        maker = int(browser.run(button + ".textContent").split("#")[1])
        check("made by", maker, next(u["made_by"] for u in listed[reader]["in"] if "made_by" in u))
        choose()
        at(browser, "the button made by", maker)
        browser.press("Escape")


def search(browser, listed):
    word = listed[len(listed) // 2]["op"]
    hits = [r["index"] for r in listed if word in r["op"]]
    browser.press("Home")
    browser.press("/")
    browser.write(word)
    browser.press("Enter")
    at(browser, "search " + word, next(i for i in hits + [len(listed)] if i > 0))
    browser.press("Escape")
    before = position(browser)
    browser.press("n")
    at(browser, "next found", next((i for i in hits if i > before), hits[0]))
    browser.press("/")
    browser.write("no such record")
    browser.press("Enter")
    check("search in vain", browser.run("document.getElementById('found').textContent"), "nothing found")
    browser.press("Escape")


def answers(record):
    """What a student may answer to the questions of a record: the shapes, then a number or a sign."""
    right = [",".join(map(str, v["shape"])) or "()" for v in record["out"][:2]]
    local = [d for d in record.get("derivatives", []) if d["slopes"]]
    if any(u["role"] == "gradient" for u in record["in"]):
        return right + ([repr(local[0]["value"] * local[0]["slopes"][0]["slope"] * 1.004)] if local else [])
    if local and sum(d["depends"] for d in local) <= 3:
        return right + [repr(local[0]["value"] * 0.996)]
    return right + (["+" if local[0]["slopes"][0]["slope"] > 0 else "-"] if local else [])


def answer(browser, k, text):
    """Types an answer to question k and says what the page says of it."""
    browser.run(f"(() => {{ const input = document.querySelectorAll('.question input')[{k}]; input.focus(); input.select(); }})()")
    browser.write(text)
    browser.press("Enter")
    return browser.run(f"document.querySelectorAll('[data-field=verdict]')[{k}].textContent").strip()


def predict(browser, listed, pictures):
    """Outputs and slopes are hidden until r; answers are told right from wrong, with numbers within 1 %; what is next is hidden again."""
    known = [r for r in listed if r.get("derivatives") and r["derivatives"][0]["slopes"]]
    simple = next(r["index"] for r in known if sum(d["depends"] for d in r["derivatives"]) <= 3 and r["phase"] == "backward")
    kernel = next(r["index"] for r in known if any(u["role"] == "gradient" for u in r["in"]))
    wide = next(r["index"] for r in known if r["derivatives"][0]["depends"] > 3)
    browser.press("p")
    score = [0, 0]
    for index in sorted((simple, kernel, wide)):
        browser.press("Home")
        for _ in range(index):
            browser.press("ArrowRight")
        hidden = browser.run(READ_PAGE)
        check("predict hides", (hidden["out"], hidden["slopes"], hidden["numbers"]["element value"]), ([], [], None))
        expected = answers(listed[index])
        check(f"record {index}, questions", browser.run("document.querySelectorAll('.question').length"), len(expected))
        browser.press("a")
        check("a goes to the first question", browser.run("document.activeElement === document.querySelector('.question input')"), True)
        for k, text in enumerate(expected):
            wrong = text + "1" if k < 2 and "," in text else "0" if text in "+-" else repr(float(text) * 1.5 + 1) if k else "7,7,7"
            score[1] += 1
            if k == 0:
                check(f"record {index}, a wrong answer", answer(browser, k, wrong)[:5], "wrong")
            else:
                score[0] += 1
            check(f"record {index}, the right answer to question {k}", answer(browser, k, text), "right")
            if k:
                check(f"record {index}, a wrong answer to question {k}", answer(browser, k, wrong)[:5], "wrong")
        check("score", browser.run("document.getElementById('score').textContent"), f"{score[0]} of {score[1]} right at the first try")
        if index == wide:
            pictures("predict")
        browser.press("Escape")
        browser.press("r")
        check_record(browser.run(READ_PAGE), listed[index], len(listed))
        browser.press("ArrowRight")
        check("predict hides the next", browser.run(READ_PAGE)["out"], [])
    browser.press("p")
    check_record(browser.run(READ_PAGE), listed[position(browser)], len(listed))


def reachable(browser):
    """Tab comes to every control, and one sees where it is."""
    browser.run("document.activeElement.blur()")
    controls = browser.run("[...document.querySelectorAll('button, input, summary')].filter(e => e.checkVisibility()).length")
    browser.run("window.visited = new Set()")
    for _ in range(controls + 4):
        browser.press("Tab")
        if not browser.run("(() => { const e = document.activeElement; if (e !== document.body) visited.add(e);"
                           " return e === document.body || getComputedStyle(e).outlineStyle !== 'none'; })()"):
            raise Differs("the focus is not visible")
    check("controls that Tab reaches", browser.run("visited.size"), controls)


def latency(browser, page, records):
    """Milliseconds of a step with its layout, all over the recording."""
    browser.open(page)
    measure = """(() => {
      const times = [], press = key => document.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
      for (let k = 0; k < 20; ++k) {
        show(Math.floor(records.length * k / 20));
        for (let i = 0; i < 10; ++i) {
          const begin = performance.now();
          press('ArrowRight');
          document.body.getBoundingClientRect();
          times.push(performance.now() - begin);
        }
      }
      return times;
    })()"""
    times = min((browser.run(measure) for _ in range(3)), key=statistics.median)   # others may use the machine
    check_quiet(browser, page)
    print(f"{records} records, {os.path.getsize(page) / 1e6:.2f} MB: a step takes {statistics.median(times):.1f} ms (median),"
          f" {max(times):.1f} ms (longest)")
    if statistics.median(times) >= LATENCY:
        raise Differs(f"a step at {records} records takes {statistics.median(times):.1f} ms")


def hostile(browser, page):
    """Every record of a page of hostile names is shown; nothing runs, nothing is loaded, nothing but the page's own elements is there."""
    browser.open(page)
    found = browser.run("""(() => {
      const strange = new Set();
      for (let i = 0; i < records.length; ++i) {
        show(i);
        for (const e of document.querySelectorAll('img, iframe, object, embed, link, base, a, form, svg svg, [onerror], [onload]'))
          strange.add(e.outerHTML);
        if (document.scripts.length !== 3 || document.styleSheets.length !== 1) strange.add('a script or a style');
      }
      find('search').value = '<'; search(1);
      return [records.length, window.hacked === undefined, [...strange]];
    })()""")
    if not found[0] or not found[1] or found[2]:
        raise Differs(f"{page}: a name did something: {found}")
    check_quiet(browser, page)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Differs(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout


def small_page(tapedeck, experiment, layers, order, tape, page):
    """Records a narrow model of so many layers; how many records that makes."""
    sizes = {"model.encoder.layers": layers, "model.encoder.width": 16, "model.encoder.heads": 2, "model.encoder.feed_forward": 16,
             "training.batch_size": 2}
    sets = [word for key, n in sizes.items() for word in ("--set", f"{key}={n}")]
    run(tapedeck, "look", "html", experiment, "--order", str(order), "--save", tape, "-o", page, *sets)
    return int(run(tapedeck, "look", "list", tape).strip().rsplit("\n", 1)[-1].split()[0]) + 1


def drive(tapedeck, experiment, tapes, folder):
    os.makedirs(folder, exist_ok=True)
    inside = lambda name: os.path.join(folder, name)
    tape, page = inside("tape.tdt"), inside("page.html")
    run(tapedeck, "look", "html", experiment, "--order", "2", "--save", tape, "-o", page)
    listed = json.loads(run(tapedeck, "look", "list", tape, "--json"))
    with Browser() as browser:
        def pictures(name):
            with open(inside(name + ".png"), "wb") as file:
                file.write(base64.b64decode(browser.picture()))

        browser.open(page)
        walk(browser, listed, pictures)
        jump(browser, listed)
        search(browser, listed)
        predict(browser, listed, pictures)
        reachable(browser)
        check_quiet(browser, page)
        print(f"{len(listed)} records stepped through, every number as list --json says")
        for layers in (7, 70):
            latency(browser, page, small_page(tapedeck, experiment, layers, 2, tape, page))
        small_page(tapedeck, experiment, 1, 1, tape, page)
        for name in run(tapes, tape, folder).split():
            run(tapedeck, "look", "html", name, "-o", page)
            hostile(browser, page)
    print("hostile names did nothing")


if __name__ == "__main__":
    if not find_browser():
        print("skipped: no chromium here (apt-get install chromium)")
        sys.exit(77)
    try:
        drive(*sys.argv[1:])
    except (Differs, RuntimeError) as error:
        print("FAILED:", error)
        sys.exit(1)
