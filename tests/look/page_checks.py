# What the page of look html shows of a record, read from what is visible, and held against what list --json says of it.
# Next: drive_page.py, which goes through the records.
PURPOSES = ("workspace", "parameters", "gradients", "moments", "activations", "batch", "scratch")
READ_PAGE = """(() => {
  const seen = e => e && e.checkVisibility() ? e.textContent : null;
  const field = (inside, name) => seen(inside.querySelector(`[data-field="${name}"]`));
  const fields = (inside, names) => Object.fromEntries(names.map(name => [name, field(inside, name)]));
  const detail = document.getElementById('detail'), all = selector => [...detail.querySelectorAll(selector)];
  return {where: seen(document.getElementById('where')),
    record: fields(detail, ['index', 'phase', 'op', 'scope', 'asked for', 'us', 'flops', 'bytes']),
    alive: fields(document, ['alive', %s]),
    out: all('.value[data-use=out]').map(e => fields(e, ['id', 'type', 'name', 'min', 'max', 'mean', 'norm', 'zeros', 'nan', 'infinite',
      'contribution'])),
    reads: all('.value[data-use]:not([data-use=out])').map(e => fields(e, ['id', 'type', 'norm'])),
    numbers: fields(detail, ['element', 'element value']),
    slopes: all('[data-field=slope]').map(e => e.closest('tr')).filter(e => e.checkVisibility())
      .map(e => fields(e, ['slope by', 'slope', 'share', 'slope value'])),
    saves: all('[data-field=saved]').map(e => [seen(e), field(e.parentElement, 'why')])};
})()""" % ", ".join(f"'alive {purpose}'" for purpose in PURPOSES)


class Differs(Exception):
    pass


def number(text):
    """What a shown number says: 12,345 is a number with separators, "not finite" is none."""
    return None if text in (None, "not finite") else float(text.replace(",", ""))


def six(x):
    """As the page rounds."""
    return None if x is None else float("%.6g" % x)


def check(what, shown, listed):
    if shown != listed:
        raise Differs(f"{what}: the page shows {shown!r}, list --json says {listed!r}")


def value_type(value):
    return value["dtype"] + "[" + ",".join(map(str, value["shape"])) + "]"


def check_output(at, shown, listed):
    check(at + "id", shown["id"], "%" + str(listed["id"]))
    check(at + "type", shown["type"], value_type(listed))
    check(at + "name", shown["name"], listed.get("name"))
    for key in ("min", "max", "mean", "norm"):
        check(at + key, number(shown[key]), six(listed[key]))
    for key in ("zeros", "nan", "infinite"):
        check(at + key, number(shown[key]) or 0, listed[key])
    sums = listed.get("contribution")
    check(at + "contribution", shown["contribution"], sums and f"{sums['number']} of {sums['total']}")


def spot(value, i):
    """An element as the page names it: %61[3,5]."""
    at = []
    for n in reversed(value["shape"]):
        at.insert(0, str(i % n))
        i //= n
    return "%" + str(value["id"]) + ("[" + ",".join(at) + "]" if at else "")


def check_numbers(step, shown, listed):
    """The equation with numbers, and the local derivative or the chain rule."""
    local = listed.get("derivatives", [])
    if not local:
        check(step + "slopes", (shown["slopes"], shown["numbers"]["element"]), ([], None))
        return
    values = {v["id"]: v for v in listed["in"] + listed["out"]}
    back = any(u["role"] == "gradient" for u in listed["in"])
    element = spot(values[local[0]["of"]], local[0]["at"])
    check(step + "element", shown["numbers"]["element"], element)
    check(step + "element value", number(shown["numbers"]["element value"]), six(local[0]["value"]))
    steepest = [(d, s) for d in local for s in d["slopes"][:4]]
    check(step + "slopes", len(shown["slopes"]), len(steepest))
    for k, (line, (d, s)) in enumerate(zip(shown["slopes"], steepest)):
        by = spot(values[d["by"]], s["at"])
        check(f"{step}slope {k}, by", line["slope by"], by if back else f"d {element} / d {by}")
        check(f"{step}slope {k}", number(line["slope"]), six(s["slope"]))
        if back:
            check(f"{step}slope {k}, now", number(line["slope value"]), six(s["value"]))
            share = d["value"] * s["slope"]
            check(f"{step}slope {k}, share", abs(number(line["share"]) - share) <= 2e-5 * abs(share), True)


def check_record(shown, listed, records):
    """Everything the page shows of one record."""
    step = f"record {listed['index']}, "
    check(step + "position", shown["where"], f"#{listed['index']} of {records}, {listed['phase']}")
    for key in ("index", "phase", "op"):
        check(step + key, shown["record"][key], str(listed[key]))
    for key in ("scope", "asked for"):
        check(step + key, shown["record"][key] or "", listed.get(key.replace(" ", "_"), ""))
    check(step + "time", round(number(shown["record"]["us"]) * 1000), listed["ns"])
    for key in ("flops", "bytes"):
        check(step + key, number(shown["record"][key]), round(listed[key]))
    check(step + "alive", number(shown["alive"]["alive"]), listed["alive_bytes"])
    for purpose in PURPOSES:
        check(step + "alive " + purpose, number(shown["alive"]["alive " + purpose]) or 0, listed["alive"][purpose])
    check(step + "outputs", len(shown["out"]), len(listed["out"]))
    for k, (box, value) in enumerate(zip(shown["out"], listed["out"])):
        check_output(f"{step}output {k}, ", box, value)
    check(step + "reads", [(box["id"], box["type"], number(box["norm"])) for box in shown["reads"]],
          [("%" + str(v["id"]), value_type(v), six(v["norm"])) for v in listed["in"]])
    check_numbers(step, shown, listed)
    check(step + "saves", shown["saves"], [["%" + str(s["id"]), s["why"]] for s in listed["saves"]])
