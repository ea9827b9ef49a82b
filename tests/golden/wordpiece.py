#!/usr/bin/env python3
"""WordPiece ids against Hugging Face's `tokenizers`.

  wordpiece.py write            ids of our own lines with our own vocabulary -> wordpiece.json, wordpiece_vocab.txt
  wordpiece.py compare DATA     every id on 10,000 lines of each of two languages in the data folder DATA (BERT's vocab.txt)
"""
import glob
import gzip
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile

from tokenizers import BertWordPieceTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
VOCAB = os.path.join(HERE, "wordpiece_vocab.txt")

WORDS = """the a an is was not it i you we of to in and un hello world token piece play able cafe naive uber resume strasse
straße café naïve Über deep learning net work ing ed er est s ly good bad film 2 20 2024 10 hundred mark mask σ ω я е и
中 文 国 语 言 学 好 不 한 ᄒ ᅡ ᆫ か ハ 😀 🎉 ™ ½ € ° i̇""".split()
PUNCTUATION = list(""".,;:!?'"()[]{}<>-_/\\@#$%^&*+=~`|""") + list("。，！？“”‘’—…·¿")
LETTERS = list("abcdefghijklmnopqrstuvwxyz") + list("ABHNRSTÜÉéü") + list("0123456789")
LINES = """Hello world, this is the piece.
  leading and   inner\tspaces and a trailing one 
Café naïve ÜBER résumé Straße STRASSE
e\u0301 composed by hand, n\u0303 too, and a lone \u0301 mark
unplayable unlearning networking networked playing plays
中文语言学很好,不是 English混合中文text
국한 한글 かな ハンカク ﾊﾝｶｸ
good 😀😀 film 🎉! 👍🏽 👨‍👩‍👧 ™ ½ 10° 20€
it's not "good"... (or) [bad] {token}-piece_mark/mask
[CLS] the [MASK] film [SEP] is [UNK] and [PAD]; not [mask] nor [ MASK ] nor [[MASK]]
control\u0000gone \u0007bell zero\u200bwidth soft\u00adhyphen \ufeffmark \ufffdreplaced\u0085next
no\u00a0break ideographic\u3000space thin\u2009space line\u2028separator
x""".split("\n") + [
    "a" * 100 + " " + "a" * 101,
    "é" * 100 + " " + "é" * 101,
    "2024-10-20 $1,000.50 50% #mark @mask a+b=c ~`^|<>",
    "ΣΩΣ ЯЕИ İstanbul ıŞĞ ﬁlm Ａｂｃ １２",
    "\u037e greek question mark, \u1fef backtick, \u2126 ohm, \u212b angstrom, \u00b5 micro",
    "\u0915\u094d\u0937 \u0e01\u0e33 \u05e9\u05c1 \u0627\u064b \u0b95\u0bca \U0001d15e \U0002f81a \uf900",
    "", " ", "\t", ".", "the", "zzz qqq zq", "##ing the##ing",
    "the good film is not bad and it was able to play the world of deep learning " * 3,
]
PAIRS = [(20, "the good film", "is not bad"), (9, "the good film is not", "it is bad"), (8, "the good film is", "it is not bad"),
         (9, "the the the the", "a a a a"), (10, "the the the the", "a a a a"), (9, "the", "a a a a a a a a"),
         (9, "a a a a a a a a", "the"), (3, "the", "a"), (5, "the the", "a a"), (6, "the the", "a a a a")]


def hugging_face(vocab, lowercase, max_length):
    tokenizer = BertWordPieceTokenizer(vocab, lowercase=lowercase)
    tokenizer.enable_truncation(max_length)
    return tokenizer


def write():
    vocab = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab += list(dict.fromkeys(WORDS + PUNCTUATION + LETTERS))
    endings = ["ing", "ed", "er", "est", "s", "ly", "able", "play", "work", "ᅡ", "ᆫ", "ン", "か"]
    vocab += ["##" + piece for piece in dict.fromkeys(LETTERS + endings)]
    with open(VOCAB, "w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(vocab) + "\n")
    cases = []
    for lowercase in (True, False):
        for max_length in (128, 12):
            tokenizer = hugging_face(VOCAB, lowercase, max_length)
            for line in LINES:
                cases.append(dict(lowercase=lowercase, max_length=max_length, text=line, ids=tokenizer.encode(line).ids))
    for max_length, a, b in PAIRS:
        encoded = hugging_face(VOCAB, True, max_length).encode(a, b)
        cases.append(dict(lowercase=True, max_length=max_length, text=a, text_b=b, ids=encoded.ids, segments=encoded.type_ids))
    with open(os.path.join(HERE, "wordpiece.json"), "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(c, ensure_ascii=True) for c in cases) + "\n]\n")
    print(len(cases), "cases,", len(vocab), "tokens")


def build(folder):
    """The comparison needs only floors 1 and 8, so it compiles them itself."""
    program = os.path.join(folder, "token_ids")
    names = ("tokenizer_wordpiece", "vocabulary_tokenizer", "text_file", "text_split", "unicode")
    sources = [os.path.join(HERE, "token_ids.cpp")] + [os.path.join(ROOT, "src/data", n + ".cpp") for n in names]
    sources += glob.glob(os.path.join(ROOT, "src/base/*.cpp"))
    subprocess.check_call(["g++", "-std=c++20", "-O1", f"-I{ROOT}", f"-I{ROOT}/include", *sources, "-lz", "-lutf8proc", "-o", program])
    return program


def text_of(path):
    if path.endswith(".zip"):
        archive = zipfile.ZipFile(path)
        raw = b"".join(archive.read(name) for name in sorted(archive.namelist()))
    else:
        raw = (gzip.open if path.endswith(".gz") else open)(path, "rb").read()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def take(data, patterns, count):
    """`count` lines, spread evenly over every file that matches."""
    files = sorted(f for p in patterns for f in glob.glob(os.path.join(data, p)))
    lines = []
    for path in files:
        own = [line for line in text_of(path).replace("\r", " ").split("\n") if line]
        lines += own[:: max(1, len(own) * len(files) // count)]
    return lines[: count + len(files)]


def compare(data):
    english = ["sst_sentence/*.train", "trec/*.all", "mr/*.all", "mrpc/*.tsv", "rte_glue/*.tsv", "stsb/*.csv", "wnut17/*",
               "wikitext2/*.txt", "multi30k/*.de.gz", "agnews/*.csv", "cola/raw/*.tsv", "snips/*/seq.in"]
    chinese = ["stsb_zh/*.csv", "cluener/*.json", "sentiment_zh/*.zip"]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        for vocab, patterns in (("bert-base-uncased", english), ("bert-base-chinese", chinese), ("bert-base-uncased", chinese)):
            path, lines = os.path.join(data, "vocab", vocab, "vocab.txt"), take(data, patterns, 11000)
            for lowercase in (True, False):
                tokenizer = hugging_face(path, lowercase, 512)
                case = "lowercase" if lowercase else "cased"
                raw = b"".join(struct.pack("<II", len(line), 0) + line for line in (line.encode() for line in lines))
                options = json.dumps({"type": "wordpiece", "vocab": path, "lowercase": lowercase, "max_length": 512})
                asked = memoryview(subprocess.run([program, options], input=raw, capture_output=True, check=True).stdout).cast("i")
                ids, at = [], 0
                while at < len(asked):                       # tests/golden/token_ids.cpp says what an answer holds
                    ids.append(asked[at + 1 : at + 1 + asked[at]].tolist())
                    at += 1 + 6 * asked[at]
                differ = [i for i, line in enumerate(lines) if tokenizer.encode(line).ids != ids[i]]
                wrong += len(differ) + abs(len(ids) - len(lines))
                total = sum(map(len, ids))
                print(f"{vocab}, {case}: {len(lines)} lines, {total} ids, {len(differ)} lines differ")
                for i in differ[:5]:
                    print("  ", repr(lines[i]))
    sys.exit(wrong > 0)


if sys.argv[1:] == ["write"]:
    write()
elif len(sys.argv) == 3 and sys.argv[1] == "compare":
    compare(sys.argv[2])
else:
    sys.exit(__doc__)
