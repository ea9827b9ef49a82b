#!/usr/bin/env python3
"""The tokenizer "pretrained" against the `tokenizers` package: ids, segments and offsets of every token.

  tokenizers.py write               tiny tokenizers of every kind and their answers on tricky texts -> tokenizers.json: [max_length, a, b, ids,
                                    segments (0: all 0), offsets: steps from the last begin, lengths]
  tokenizers.py compare DATA FOLDER... [--count=N]   N texts (100,000) for each folder with a tokenizer.json: real ones of the data folder
                                    DATA and made ones; and for byte-level BPE trained here in the layouts of GPT-2 and RoBERTa
"""
import glob
import gzip
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import zipfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
sys.path.pop(0)                                              # this folder: there, this very file would be the package
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SOURCES = """text_file text_split unicode vocabulary_tokenizer tokenizer_wordpiece tokenizer_pretrained pretrained_files post_processor added_tokens
aligned_text normalizer pre_tokenizer pattern charsmap trie json_value subword_wordpiece subword_bpe subword_unigram""".split()


def build(folder):
    """The comparison needs only floors 1 and 8, so it compiles them itself, or takes the program named in TOKEN_IDS."""
    if "TOKEN_IDS" in os.environ:
        return os.environ["TOKEN_IDS"]
    program = os.path.join(folder, "token_ids")
    sources = [os.path.join(HERE, "token_ids.cpp")] + [os.path.join(ROOT, "src/data", n + ".cpp") for n in SOURCES]
    sources += glob.glob(os.path.join(ROOT, "src/base/*.cpp"))
    subprocess.check_call(["g++", "-std=c++20", "-O2", f"-I{ROOT}", f"-I{ROOT}/include", *sources, "-lz", "-lutf8proc", "-o", program])
    return program


def ask(program, options, texts):
    """Our answers [(ids, segments, offsets, byte offsets)] and the seconds they took."""
    raw = b"".join(struct.pack("<II", len(a), len(b)) + a + b for a, b in ((a.encode(), b.encode()) for a, b in texts))
    done = subprocess.run([program, json.dumps(options)], input=raw, capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode())
    numbers = memoryview(done.stdout).cast("i")
    answers, at = [], 0
    while at < len(numbers):
        n = numbers[at]
        rows = [numbers[at + 1 + k * n : at + 1 + (k + 1) * n].tolist() for k in range(6)]
        answers.append((rows[0], rows[1], list(zip(rows[2], rows[3])), list(zip(rows[4], rows[5]))))
        at += 1 + 6 * n
    return answers, float(done.stderr.decode().split()[-1])


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


def real_lines(data, count):
    """Lines spread over the files of the data folder: English, German, French, Chinese and whatever else is there."""
    patterns = ["sst_sentence/*.train", "trec/*.all", "mr/*", "mrpc/*.tsv", "rte_glue/*.tsv", "stsb/*.csv", "wnut17/*", "wikitext2/*.txt",
                "multi30k/*.gz", "agnews/*.csv", "cola/raw/*.tsv", "snips/*/seq.in", "stsb_zh/*.csv", "cluener/*.json", "sentiment_zh/*.zip",
                "germeval2014/*", "tinyshakespeare/*.txt", "wiki_sents/*"]
    files = sorted(f for p in patterns for f in glob.glob(os.path.join(data, p)) if os.path.isfile(f))
    lines = []
    for path in files:
        own = [line for line in text_of(path).split("\n") if line]
        lines += own[:: max(1, len(own) * len(files) // count)]
    random.shuffle(lines)
    return lines[:count]


RANGES = """20-7E A0-24F 250-36F 370-3FF 400-52F 531-58F 590-5FF 600-6FF 700-74F 900-97F 980-9FF E00-E7F E80-EFF F00-FFF 1000-109F 10A0-10FF
1100-11FF 1200-137F 13A0-13FF 1780-17FF 1E00-1EFF 1F00-1FFF 2000-206F 2070-209F 20A0-20CF 2100-214F 2150-218F 2190-21FF 2460-24FF 2600-27BF
3000-303F 3040-30FF 3130-318F 3200-33FF 4E00-9FFF A000-A48F AC00-D7A3 F900-FAFF FB00-FB4F FB50-FDFF FE00-FE0F FE20-FE2F FE30-FE6F FF00-FFEF
10000-100FF 1D100-1D1FF 1D400-1D7FF 1F100-1F1FF 1F300-1F6FF 1F900-1F9FF 20000-2A6DF 2F800-2FA1F E0000-E007F""".split()
RANGES = [tuple(int(x, 16) for x in r.split("-")) for r in RANGES]
SPACES = " \t\n\r\x0b\x0c\x1c\x85\xa0\u1680\u2003\u200b\u2028\u202f\u3000\ufeff"
EMOJI = "😀 👍🏽 👨‍👩‍👧 🇩🇪 ❤️ 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ☃".split()


def scalar(low=0, high=0x10FFFF):
    while True:
        c = random.randint(low, high)
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def made(lines, specials):
    """One made text."""
    kind = random.randrange(12)
    base = random.choice(lines)
    length = random.choice([1, 2, 3, 5, 8, 20, 60])
    if kind == 0:
        return "".join(scalar() for _ in range(length))
    if kind == 1:
        return "".join(scalar(*random.choice(RANGES)) for _ in range(length))
    if kind == 2:
        low, high = random.choice(RANGES)
        return "".join(scalar(low, high) if random.random() < 0.85 else random.choice(SPACES) for _ in range(length))
    if kind == 3:
        return "".join(chr(random.randrange(0, 0x100)) for _ in range(length))
    if kind == 4:                                            # letters with marks in any order
        return "".join(scalar(*random.choice([(0x41, 0x7A), (0xC0, 0x24F), (0x300, 0x36F), (0x300, 0x36F), (0x591, 0x5BD), (0x64B, 0x65F),
                                              (0x1100, 0x11FF), (0xAC00, 0xD7A3), (0x1D157, 0x1D172), (0x93C, 0x94D)])) for _ in range(length))
    if kind in (5, 6):                                       # added tokens in the middle
        parts = list(base)
        for _ in range(random.randint(1, 4)):
            special = random.choice(specials)
            special = random.choice([special, " " + special, special + "  ", special.lower(), "\u3000" + special + "\t", special[:-1], special * 2])
            parts.insert(random.randint(0, len(parts)), special)
        return "".join(parts)
    if kind == 7:                                            # spaces and line ends
        return "".join(w + "".join(random.choice(SPACES[:random.choice([1, 4, len(SPACES)])]) for _ in range(random.randint(0, 4))) for w in base.split(" "))
    if kind == 8:
        return "".join(c + random.choice(["", "", random.choice(EMOJI), scalar(0x300, 0x36F), scalar(0xFE00, 0xFE0F), "\u200d"]) for c in base[:60])
    if kind == 9:
        return "".join(random.choice([c.upper(), c, scalar(0, 0x2FFF)]) for c in base[:80])
    if kind == 10:
        return random.choice(["'s", "'T", "'re", "'ll", "'ſ", "'", "''", "x'd ", "1234567", "٣٤٥", "½", "²"]).join(base[:50].split(" "))
    return "".join(random.choice([base[i : i + 3], "\u2581", "Ġ", "##", "\u2581\u2581", "  ", "\r\n"]) for i in range(0, min(len(base), 60), 3))


def long_word():
    unit = random.choice(["a", "é", "中", "😀", "ab1", "e\u0301", "\u2581", " ", "=", "\u0301", "한", "'s", "\n", "the", "ﬁ", "\u200b"])
    return (unit * 10000)[:10000]


def texts_for(tokenizer, lines, count, max_length):
    specials = [t.content for t in tokenizer.get_added_tokens_decoder().values()] or ["[MASK]"]
    texts = [(line, "") for line in lines[: count // 2]]
    while len(texts) < count * 17 // 20:
        texts.append((made(lines, specials), ""))
    while len(texts) < count - 100:
        texts.append((random.choice([random.choice(lines), made(lines, specials)]), random.choice([random.choice(lines), made(lines, specials)]) or "b"))
    long_pairs = max_length > 100                            # the referee keeps what it cuts off, every part of a with every part of b
    texts += [(long_word(), random.choice(["", "b", long_word()]) if long_pairs else "") for _ in range(count - len(texts))]
    return texts


def referee(tokenizer, texts, max_length):
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    answers = []
    for a, b in texts:
        e = tokenizer.encode(a, b) if b else tokenizer.encode(a)
        answers.append((e.ids, e.type_ids, e.offsets))
    return answers


def check(program, name, folder, lines, count, max_lengths=(512, 24)):
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    wrong = 0
    for max_length in max_lengths:
        texts = texts_for(tokenizer, lines, count // len(max_lengths), max_length)
        theirs = referee(tokenizer, texts, max_length)
        ours, _ = ask(program, {"type": "pretrained", "from": folder, "max_length": max_length}, texts)
        differ = [i for i in range(len(texts)) if ours[i][:3] != tuple(theirs[i])]
        for i, (a, b) in enumerate(texts):                   # bytes say the same as code points
            own = {(0, 0)} | {(len(t[:x].encode()), len(t[:y].encode())) for t in (a, b) for x, y in ours[i][2][:40]} if i % 50 == 0 else None
            if own and not set(ours[i][3][:40]) <= own:
                differ.append(i)
        wrong += len(differ)
        ids = sum(ours[i][0] != theirs[i][0] for i in range(len(texts)))
        print(f"{name}, max_length {max_length}: {len(texts)} texts, {sum(len(t[0]) for t in theirs)} tokens, {len(differ)} texts differ ({ids} in ids)", flush=True)
        for i in differ[:6]:
            k = next((k for k, (x, y) in enumerate(zip(zip(*ours[i][:3]), zip(*theirs[i]))) if x != y), -1)
            print("  ", ascii(texts[i][0][:80]), ascii(texts[i][1][:40]), "token", k, [list(zip(*o))[k] if k >= 0 else len(o[0]) for o in (ours[i][:3], theirs[i])])
    plain, speed = lines[:20000], []
    for _ in range(3):                                       # in turn; the best of each counts
        _, ours_s = ask(program, {"type": "pretrained", "from": folder, "max_length": 512}, [(line, "") for line in plain])
        tokenizer.enable_truncation(512)
        start = time.perf_counter()
        tokenizer.encode_batch(plain)                        # one thread, see TOKENIZERS_PARALLELISM
        speed.append((len(plain) / ours_s, len(plain) / (time.perf_counter() - start)))
    ours_best, theirs_best = max(s[0] for s in speed), max(s[1] for s in speed)
    print(f"{name}: {ours_best:.0f} real texts a second here, {theirs_best:.0f} there: {ours_best / theirs_best:.2f}", flush=True)
    return wrong


def byte_level(lines, size, roberta):
    """A byte-level BPE trained on the lines, laid out as GPT-2's or RoBERTa's file."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>"] if roberta else []
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    if roberta:
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
        tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    else:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
        tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


def compare(data, folders, count):
    random.seed(7)
    lines = real_lines(data, max(count // 2, 20000))
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        program = build(temporary)
        cases = [(os.path.basename(f.rstrip("/")), f) for f in folders]
        for name, roberta in (("gpt2", False), ("roberta", True)):
            folder = os.path.join(temporary, name)
            os.makedirs(folder)
            byte_level(lines, 20000, roberta).save(os.path.join(folder, "tokenizer.json"))
            cases.append((name, folder))
        for name, folder in cases:
            wrong += check(program, name, folder, lines, count)
    sys.exit(wrong > 0)


def charsmap(rules):
    """SentencePiece's table for a few rules: a double array in which every node has a base of its own, the first that leaves no place twice taken."""
    texts, values, children = b"", {}, {}
    for key, text in rules.items():
        raw = key.encode()
        for n in range(len(raw)):
            children.setdefault(raw[:n], set()).add(raw[n])
        children.setdefault(raw, set()).add(0)               # the value stands at the base itself
        values[raw] = len(texts)
        texts += text.encode() + b"\0"
    taken, bases = {0}, {}
    for key in sorted(children, key=len):
        bases[key] = next(base for base in range(1, 100000) if base not in bases.values() and not any(base ^ c in taken for c in children[key]))
        taken |= {bases[key] ^ c for c in children[key]}
    units = [0] * (256 * (max(taken) // 256 + 1))
    units[0] = bases[b""] << 10
    for key, base in bases.items():
        if key:
            units[bases[key[:-1]] ^ key[-1]] = key[-1] | base << 10 | (key in values) << 8
        if key in values:
            units[base] = values[key] | 1 << 31
    return struct.pack(f"<I{len(units)}I", 4 * len(units), *units) + texts


SENTENCES = """the good film is not bad and it was able to play the world of deep learning
Der gute Film ist nicht schlecht, Straße und Übermut; café naïve résumé
hello world, it's a token piece: unplayable networks (learning) won't 'll 2024 100 3.5
中文语言学很好 国한글 ひらがな カタカナ Привет мир ελληνικά שלום مرحبا สวัสดี नमस्ते
in the end we do not know what you will see 😀 👍🏽 ﬁne Ⅻ ½ ① ℃""".split("\n")

TRICKY = """Hello world, this is the piece.
  leading and   inner\tspaces and a trailing one 
it's we'll I'VE they'd 'tis ' '' x's
Café naïve ÜBER Straße İstanbul ΑΣ ǅ
e\u0301 n\u0303 \u0301a q\u0323\u0307 q\u0307\u0323 \u1e9b\u0323
\u0344\u0316 \U0001d15e\u0334 \U0001d1bb\U0001d165 \u0f73\u0f72 \u1112\u1161\u11ab \uac00\u11a8
中文语言 mixed中文text, 한글 ｶﾞ ﾊﾟ Ａｂｃ １２
😀😀 👍🏽 👨‍👩‍👧 🇩🇪 ❤️ ™ ½ 10° 20€ ﬁ ﷺ
\u0000a\u0001b\u007f \u200bzero\u00adwidth \ufeff\ufffd \u0085next\r\nline\r\n\r\n
no\u00a0break\u3000wide\u2009thin\u2028line\u1680
[MASK] <mask> in  [MASK]  the <mask>\u3000<s>x</s>[CLS][SEP]<pad>
a[MASK]b <mask><mask> [mask] [MAS ordinary extraordinary ordinary. \u30adordinary
\u2581a\u2581\u2581b \u2581 Ġthe ##ing 1234567 12 3,4
\u0378\u0897\u1c89\ua7cb\ua7dc\U00010d50\U00011938\U0001faf0\U000e0041\U0010ffff
\u0958\u09dc \u1b06\u1b3b \u0ce8 \U000114b9\U000114bc \U0002f81a \uf900
\u0600\u0661 \u06dd1 \u0d4ea \ua9c0 \u0e33 \u0eb3 \u0915\u094d\u0937
x""".split("\n") + ["", " ", "  ", "\u0001", "\u200b\u0301", "a" * 101 + " " + "é" * 100, "ab" * 60, " " * 20 + "\n" * 5 + " x", "\u0301" * 12]
PAIRS = [(12, "the good film is not", "bad and it was"), (7, "the the the the", "a a a a a"), (6, "the", "a b c d e f g"), (5, "of deep learning", "is"),
         (128, " Hello", " world "), (128, "[MASK] a", "b <mask>")]


def tiny():
    """(name, tokenizer) for every kind of part that is read."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    sentencepiece = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words = SENTENCES + [t.lower() for t in TRICKY[:4]]

    def bert(**options):
        t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        t.normalizer = normalizers.BertNormalizer(**options)
        t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        t.train_from_iterator(words, trainers.WordPieceTrainer(vocab_size=330, special_tokens=special, show_progress=False))
        t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        t.add_tokens([AddedToken("ordinary", single_word=True), AddedToken("WORLD", lstrip=True, rstrip=True)])
        return t

    def unigram(normalizer, **meta):
        t = Tokenizer(models.Unigram())
        t.normalizer = normalizer
        t.pre_tokenizer = pre_tokenizers.Metaspace(**meta)
        t.train_from_iterator(words, trainers.UnigramTrainer(vocab_size=260, special_tokens=sentencepiece, unk_token="<unk>", show_progress=False))
        t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
        return t

    alphabet = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}

    def spelled(normalizer, *pre):
        """Every byte a token: shows what a normalizer or pre-tokenizer does, offset by offset."""
        t = Tokenizer(models.BPE(alphabet, []))
        t.normalizer = normalizer
        t.pre_tokenizer = pre_tokenizers.Sequence([*pre, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        return t

    def joined(*pre):
        """Every word a token of one letter: shows where a pre-tokenizer cuts."""
        t = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
        t.pre_tokenizer = pre_tokenizers.Sequence(list(pre))
        return t

    def llama():
        t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=False))
        t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
        t.train_from_iterator(words, trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>", "<s>"], show_progress=False))
        data = json.loads(t.to_str())
        data["model"]["vocab"].update({f"<0x{b:02X}>": len(data["model"]["vocab"]) + b for b in range(256) if b != 0x6D})
        data["model"]["byte_fallback"] = True
        return Tokenizer.from_str(json.dumps(data))

    def clip():
        t = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", continuing_subword_prefix="~"))
        t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
        t.pre_tokenizer = pre_tokenizers.Whitespace()
        t.train_from_iterator(words, trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>"], end_of_word_suffix="</w>",
                                                         continuing_subword_prefix="~", show_progress=False))
        return t

    n, p = normalizers, pre_tokenizers
    table = charsmap({"\u0001": "", "\u00a0": " ", "\u3000": " ", "\r\n": " ", "\ufb01": "fi", "e\u0301": "é", "Ａ": "A", "½": "1⁄2", "\ufdfa": "صلى الله", "\u200b": " "})
    gpt4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    yield "bert_uncased", bert(lowercase=True)
    yield "bert_cased", bert(lowercase=False)
    yield "bert_accents", bert(lowercase=True, strip_accents=False, handle_chinese_chars=False, clean_text=False)
    yield "gpt2", byte_level(words, 330, False)
    yield "roberta", byte_level(words, 330, True)
    yield "xlm_r", unigram(n.Sequence([n.Precompiled(table), n.Replace(Regex(" {2,}"), " ")]), prepend_scheme="always")
    yield "albert", unigram(n.Sequence([n.NFKD(), n.StripAccents(), n.Lowercase(), n.Strip()]), prepend_scheme="first", split=False)
    yield "llama", llama()
    yield "clip", clip()
    for name, form in (("nfc", n.NFC()), ("nfd", n.NFD()), ("nfkc", n.NFKC()), ("nfkd", n.NFKD()), ("precompiled", n.Precompiled(table)), ("lowercase", n.Lowercase())):
        yield name, spelled(form)
    yield "strip", spelled(n.Sequence([n.Strip(left=True, right=False), n.Replace("e", "EE"), n.Prepend("<>"), n.Replace(Regex(r"\p{N}"), "")]))
    yield "gpt4", spelled(None, p.Split(Regex(gpt4), "isolated"))
    yield "digits", joined(p.Digits(individual_digits=False), p.Split(" ", "merged_with_previous"), p.Punctuation("merged_with_next"))
    yield "cuts", joined(p.WhitespaceSplit(), p.Punctuation("contiguous"), p.Digits(individual_digits=True), p.CharDelimiterSplit("e"))
    yield "inverted", joined(p.Split(Regex(r"\p{L}+"), "removed", invert=True), p.Split("o", "merged_with_next"))


def write():
    random.seed(3)
    out = []
    for name, tokenizer in tiny():
        specials = [t.content for t in tokenizer.get_added_tokens_decoder().values()] or ["[MASK]"]
        full = name in ("bert_uncased", "gpt2", "roberta", "xlm_r")
        texts = [(128, text, "") for text in TRICKY if full or len(text) < 58]
        texts += PAIRS + [(128, made(SENTENCES, specials)[:30], "") for _ in range(10)] if full else PAIRS[:1]
        cases = []
        for max_length, a, b in texts:
            ids, segments, offsets = referee(tokenizer, [(a, b)], max_length)[0]
            short = [x for before, o in zip([(0, 0)] + offsets, offsets) for x in (o[0] - before[0], o[1] - o[0])]
            cases.append([max_length, a, b, ids, segments if any(segments) else 0, short])
        tokenizer.no_truncation()
        out.append(json.dumps({"name": name, "file": json.loads(tokenizer.to_str())}, ensure_ascii=False, separators=(",", ":"))[:-1] + ',"cases":[\n'
                   + ",\n".join(json.dumps(c, ensure_ascii=True, separators=(",", ":")) for c in cases) + "]}")
    with open(os.path.join(HERE, "tokenizers.json"), "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(out) + "\n]\n")
    print(len(out), "tokenizers,", os.path.getsize(os.path.join(HERE, "tokenizers.json")), "bytes")


arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
if arguments == ["write"]:
    write()
elif len(arguments) > 1 and arguments[0] == "compare":
    compare(arguments[1], arguments[2:], next((int(a.split("=")[1]) for a in sys.argv if a.startswith("--count=")), 100000))
else:
    sys.exit(__doc__)
