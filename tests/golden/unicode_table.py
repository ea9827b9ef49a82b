#!/usr/bin/env python3
"""Writes src/data/unicode_table.cpp: the character classes and mappings that BERT's tokenizer needs.

Every code point is put to the normalizer and pre-tokenizer of the `tokenizers` package (whose classes follow Unicode 8),
so our WordPiece agrees with it character by character. Usage: unicode_table.py > src/data/unicode_table.cpp
"""
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

SPACE, CONTROL, PUNCTUATION, IDEOGRAPH = 1, 2, 4, 8
HANGUL = range(0xAC00, 0xAC00 + 11172)  # decomposed by arithmetic


def normalizer(**on):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return BertNormalizer(**{**off, **on}).normalize_str


clean, spread = normalizer(clean_text=True), normalizer(handle_chinese_chars=True)
bare, lower = normalizer(strip_accents=True), normalizer(lowercase=True)
split = BertPreTokenizer().pre_tokenize_str
points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def kind(c):
    cleaned = clean("a" + chr(c) + "b")[1:-1]
    bits = {"": CONTROL, " ": SPACE}.get(cleaned, 0)
    if len(split("a" + chr(c) + "b")) == 3:
        bits |= PUNCTUATION
    if spread(chr(c)) == " " + chr(c) + " ":
        bits |= IDEOGRAPH
    return bits


def ranges(of):
    found = []
    for c in points:
        value = of(c)
        if not value:
            continue
        if found and found[-1][1] == c - 1 and found[-1][2] == value:
            found[-1][1] = c
        else:
            found.append([c, c, value])
    return found


def runs(pairs):
    """(from, to) pairs as [first, last, step, delta]: alphabets run with step 1 or alternate with step 2."""
    found = []
    for c, to in pairs:
        if found:
            first, last, step, delta = found[-1]
            if to - c == delta and (c - last == step or (first == last and c - last <= 2)):
                found[-1] = [first, c, c - last, delta]
                continue
        found.append([c, c, 1, to - c])
    return found


def braced(row):
    return "{" + ", ".join(braced(v) if isinstance(v, list) else str(int(v)) for v in row) + "}"


def table(kind, name, rows):
    out, line = [f"const {kind} {name}[] = {{"], "   "
    for row in rows:
        cell = f" {braced(row)},"
        if len(line + cell) > 128:
            out.append(line)
            line = "   "
        line += cell
    print("\n".join(out + [line, "};", f"const int {name}_count = {len(rows)};\n"]))


single = [(c, ord(lower(chr(c)))) for c in points if len(lower(chr(c))) == 1 and lower(chr(c)) != chr(c)]
double = [chr(c) for c in points if len(lower(chr(c))) != 1]
assert double == ["\u0130"], double  # written out in unicode.cpp
stripped = {c: bare(chr(c)) for c in points if bare(chr(c)) != chr(c) and c not in HANGUL}

print("""// Written by tests/golden/unicode_table.py: character classes, lower case and letters without their accents.
// Do not edit; unicode.cpp reads it.
#include "src/data/unicode_table.h"

namespace tapedeck::unicode {

// clang-format off""")
table("Range", "class_ranges", ranges(kind))
table("Run", "lower_runs", runs(single))
table("Range", "mark_ranges", ranges(lambda c: stripped.get(c) == ""))
table("Range", "bare_ranges", ranges(lambda c: ord(stripped[c]) if len(stripped.get(c, "")) == 1 else 0))
several = [(c, [*map(ord, s), *[0] * (3 - len(s))]) for c, s in stripped.items() if len(s) > 1]
assert all(len(to) == 3 for _, to in several)
table("Several", "bare_several", several)
print("// clang-format on\n\n}  // namespace tapedeck::unicode")
