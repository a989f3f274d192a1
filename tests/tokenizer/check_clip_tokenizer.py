"""CLIP's tokenizer beside transformers' own, on random and hostile texts.

    python3 tests/tokenizer/check_clip_tokenizer.py --print build/tests/tokenizer/print_clip_ids --merges merges.txt

Needs the package transformers. MERGES is the official table of sdxl-turbo, or the small one beside this file, which is
what is taken when none is named. Prints TAP.
"""

import argparse
import random
import subprocess
import sys
import traceback
import unicodedata
from pathlib import Path

from reference import OFFICIAL_MERGES, read_merges, reference

HERE = Path(__file__).parent
COUNT = 10000
LENGTH = 77

WORDS = """a photo of the cat Dog HORSE galloping don't it's they're I'VE we'll she'd I'm 'tis rock'n'roll low-poly 3D
1024x1024 café naïve Ångström straße İstanbul ΑΣ ὈΔΥΣΣΕΎΣ Москва 日本語 漢字 한국어 कुत्ता עברית العربية ไทย ½ Ⅷ １２３ ٣٤ ² ① ㊿ ǅ ﬁ ﬀ ſ
🤖 👩‍👩‍👧‍👦 🇩🇪 🏳️‍🌈 👍🏽 &amp; &lt;b&gt; &#39; <|startoftext|> <|endoftext|> <|STARTOFTEXT|> <|EndOfText|> <|endoftext| <|<|endoftext|> |> ! !! !!! !?
... --- ___ '''' 's 'S ''s "quoted" (round) [square] {curly} \\ / @#$%^&* ~` = + e\u0301 o\u0308\u0323 \u1100\u1161\u11a8 \u0344 \u2126 \u212b
\ufb1d \u0958 \u00b5 \u1e9e \u01c5 \u0345 \u1fb3 \U0001d15e \U0002f800 \uf900""".split()
SPACES = [" "] * 12 + ["  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\u0085", "\u2028", "\u200b", "\u1680", "\x1c", "",
                       "", ""]
MARKS = "".join(chr(c) for c in range(0x300, 0x370)) + "\u0591\u05b0\u0327\u093c\u094d\u1dc0\u20d0\u302a\U0001d165\U0001d16d"


def characters(low, high):
    return [chr(c) for c in range(low, high) if unicodedata.category(chr(c)) not in ("Cs", "Cn") and c > 0]


POOLS = [characters(1, 128), characters(128, 0x250), characters(0x370, 0x530), characters(0x900, 0xe00), characters(0x1e00, 0x2000),
         characters(0x2000, 0x2c00), characters(0x3000, 0x3200), characters(0x4e00, 0x5000), characters(0xac00, 0xad00),
         characters(0xf900, 0x10000), characters(0x1f300, 0x1f700), characters(1, 0x110000), list(MARKS)]


def random_text(chance):
    kind = chance.randrange(8)
    if kind <= 2:
        return "".join(chance.choice(WORDS) + chance.choice(SPACES) for _ in range(chance.randint(1, 30)))
    if kind == 3:
        pool = chance.choice(POOLS)
        return "".join(chance.choice(pool) for _ in range(chance.randint(1, 60)))
    if kind == 4:
        return "".join(chance.choice(chance.choice(POOLS)) for _ in range(chance.randint(1, 40)))
    if kind == 5:
        word = "".join(chance.choice("abcdefghijklmnopqrstuvwxyzABCXYZ") for _ in range(chance.randint(1, 200)))
        return word + chance.choice(["", "'s", "'LL!", " " + word])
    if kind == 6:
        text = list("".join(chance.choice(WORDS) + " " for _ in range(chance.randint(1, 15))))
        for _ in range(chance.randint(1, 12)):
            text.insert(chance.randint(0, len(text)), chance.choice(MARKS if chance.random() < 0.7 else chance.choice(POOLS)))
        return "".join(text)
    return (chance.choice("a!'<|.1 \u0301") * chance.randint(1, 3000) + chance.choice(["", "b", "'s", "<|endoftext|>"]))


def ours(program, merges, pad, texts, length=LENGTH):
    lines = "".join(text.encode().hex() + "\n" for text in texts)
    run = subprocess.run([program, merges, str(pad), str(length)], input=lines.encode(), check=True, capture_output=True)
    answers = run.stdout.decode().splitlines()
    assert len(answers) == len(texts), (len(answers), len(texts), run.stderr)
    return [line if line.startswith("refused") else [int(word) for word in line.split()] for line in answers]


def compare(program, merges, texts):
    for pad in (49407, 0):
        tokenizer = reference(merges, pad)
        wrong = 0
        for text, ids in zip(texts, ours(program, merges, pad, texts)):
            expected = tokenizer(text, padding="max_length", max_length=LENGTH, truncation=True)["input_ids"]
            if ids != expected:
                wrong += 1
                if wrong <= 10:
                    print(f"# {text!r}\n#   {ids}\n#   {expected}")
        assert wrong == 0, f"{wrong} of {len(texts)} texts differ with padding {pad}"


def random_and_hostile_texts_have_the_same_tokens(program, merges):
    chance = random.Random(3)
    compare(program, merges, [random_text(chance).replace("\0", "") for _ in range(COUNT)])


def every_character_has_the_same_tokens(program, merges):
    """Each character of Unicode, beside a letter and beside a dot. A character that is younger than one of the two
    tables of Unicode may differ; Python's own table says which ones are older than both."""
    texts = [f"x{c} .{c}" for c in map(chr, range(1, 0x110000)) if unicodedata.category(c) not in ("Cs", "Cn", "Co")]
    tokenizer = reference(merges, 49407)
    wrong = []
    for text, ids in zip(texts, ours(program, merges, 49407, texts, 32)):
        if ids != tokenizer(text, padding="max_length", max_length=32, truncation=True)["input_ids"]:
            wrong.append(text[1])
    print(f"# {len(texts)} characters of Unicode {unicodedata.unidata_version}")
    assert not wrong, " ".join(f"U+{ord(c):04X}" for c in wrong)


def the_published_examples_hold(program, merges):
    if len(read_merges(merges)) != OFFICIAL_MERGES:
        print("# only with the official table")
        return
    for text, expected in {
            "a photo of a cat": [320, 1125, 539, 320, 2368],
            "A cinematic shot of a baby racoon wearing an intricate italian priest robe.":
                [320, 25602, 2000, 539, 320, 1794, 1773, 7100, 3309, 550, 29616, 5175, 14222, 23116, 269],
            "don't stop: 3D-printed robot, 1024x1024!":
                [847, 713, 1691, 281, 274, 323, 268, 7978, 8797, 267, 272, 271, 273, 275, 343, 272, 271, 273, 275, 256],
            "it's the dog's toys'll": [585, 568, 518, 1929, 568, 7162, 1342]}.items():
        [ids] = ours(program, merges, 49407, [text])
        assert ids == [49406] + expected + [49407] * (LENGTH - 1 - len(expected)), (text, ids)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--print", required=True, dest="program")
    parser.add_argument("--merges", default=HERE / "merges.txt")
    arguments = parser.parse_args()
    failed = False
    for check in (the_published_examples_hold, random_and_hostile_texts_have_the_same_tokens,
                  every_character_has_the_same_tokens):
        try:
            check(arguments.program, arguments.merges)
            print(f"ok {check.__name__.replace('_', ' ')}")
        except Exception:
            failed = True
            print(traceback.format_exc())
            print(f"not ok {check.__name__.replace('_', ' ')}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
