#!/usr/bin/env python3
"""Every code point put to src/data/unicode.cpp and to the `tokenizers` package: classes, lower case, decompositions, marks.

Says which code points differ. Those that differ from libutf8proc stand in the tables of unicode.cpp. Usage: unicode.py
"""
import os
import subprocess
import sys
import tempfile

sys.path.pop(0)                                              # this folder: tokenizers.py would hide the package
from tokenizers import Regex, normalizers as n, pre_tokenizers as p

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = r"""
#include <cstdio>
#include "src/data/unicode.h"
using namespace tapedeck::unicode;
int main() {
  for (uint32_t c = 0; c < 0x110000; ++c) {
    std::string small, bare;
    append_lower(small, c), append_bare(bare, c);
    uint32_t parts[longest_decomposition], canonical[longest_decomposition];
    const int count = decompose(c, true, parts), less = decompose(c, false, canonical);
    std::printf("%u %u %d %d %d %d %d", c, classes(c), letter(c), number(c), word(c), white_space(c), combining_mark(c));
    const auto list = [&](const std::string& text) { std::printf(" -"); for (size_t at = 0; at < text.size();) std::printf(" %u", next(text, at)); };
    list(small), list(bare), std::printf(" -");
    for (int i = 0; i < count; ++i) std::printf(" %u", parts[i]);
    std::printf(" -");
    for (int i = 0; i < less; ++i) std::printf(" %u", canonical[i]);
    std::puts("");
  }
}
"""
points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)


def removed(regex):
    """The code points that a regular expression matches."""
    normalizer, found = n.Replace(Regex(regex), ""), set()
    for i in range(0, len(points), 4096):
        kept = set(normalizer.normalize_str("".join(map(chr, points[i : i + 4096]))))
        found |= {c for c in points[i : i + 4096] if chr(c) not in kept}
    return found


clean, spread = (n.BertNormalizer(**{**off, key: True}).normalize_str for key in ("clean_text", "handle_chinese_chars"))
bert, words, spaces = p.BertPreTokenizer().pre_tokenize_str, p.Whitespace().pre_tokenize_str, p.WhitespaceSplit().pre_tokenize_str
bare = n.BertNormalizer(**{**off, "strip_accents": True}).normalize_str
lower, marks, nfkd, nfd = (part.normalize_str for part in (n.Lowercase(), n.StripAccents(), n.NFKD(), n.NFD()))
letters, numbers = removed(r"\p{L}"), removed(r"\p{N}")


def theirs(c):
    x = chr(c)
    kind = {"": 2, " ": 1}.get(clean("a" + x + "b")[1:-1], 0) | 4 * (len(bert("a" + x + "b")) == 3) | 8 * (spread(x) == f" {x} ")
    row = [kind, c in letters, c in numbers, len(words("a" + x + "a")) == 1, len(spaces("a" + x + "a")) == 2, marks(x) == ""]
    return [int(v) for v in row], [[ord(y) for y in f(x)] for f in (lower, bare, nfkd, nfd)]


with tempfile.TemporaryDirectory() as folder:
    source = os.path.join(folder, "all.cpp")
    with open(source, "w", encoding="utf-8") as file:
        file.write(PROGRAM)
    subprocess.check_call(["g++", "-std=c++20", "-O1", f"-I{ROOT}", source, os.path.join(ROOT, "src/data/unicode.cpp"), "-lutf8proc", "-o", source[:-4]])
    lines = subprocess.run([source[:-4]], capture_output=True, check=True, encoding="utf-8").stdout.split("\n")
differ = 0
for c in points:
    first, *lists = lines[c].split(" -")
    ours = list(map(int, first.split()))[1:], [list(map(int, part.split())) for part in lists]
    if ours != theirs(c):
        differ += 1
        print(f"U+{c:04X}", ours, theirs(c))
print(len(points), "code points,", differ, "differ")
sys.exit(differ > 0)
