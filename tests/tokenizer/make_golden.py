"""Makes the small table of merges.txt and the tokens of golden.json, which test_clip_tokenizer.c holds Lumen against.

    python3 tests/tokenizer/make_golden.py

The table is trained here, on the sentences below; the tokens are what transformers' CLIPTokenizer makes of that table.
Needs the package transformers (5.23 made what is committed).
"""

import collections
import json
import re
from pathlib import Path

from reference import byte_symbols, reference

HERE = Path(__file__).parent
MERGES = 250
SENTENCES = """
a horse galloping through the meadow. a photo of a cat, a photo of a dog, a photo of the horse. an owl on the oldest oak.
the cat's toys aren't there; they're in the other room, and i'd say that you've never seen them. it's raining, we'll wait.
a cinematic shot of a robot walking through the rain at night, the light of the lanterns on wet stones!! what a sight!!!
low-poly wooden chair, 3d model, white background... the painting of a lighthouse above the roaring ocean, oil on canvas.
the dragon's wings, the dragon's tail, the dragon's teeth: nothing frightened the child. ((())) !!! ... --- ___ ???
a café in the étoile, crème brûlée. straße und häuser, blaue pferde. 日本の猫 日本の馬 猫と馬. лошадь и кошка, лошадь. 🤖🤖 🐎🐎 🐱
"""

TEXTS = """a photo of a cat
A Photo of THE Cat
the dragon's wings weren't there, they're HERE'S 'tis 'S'T
low-poly   wooden\tchair\n\r\u3000\u0085\u2028end
1024x1024 ½ Ⅷ ３
! !! !!! wow!! a!b
café cafe\u0301 CAFÉ \u0301 e\u0323\u0301 e\u0301\u0323
日本の猫 🤖🐎 👩\u200d👩\u200d👧
İstanbul ΑΣ ẞ Ǆ ﬁ \u212b \u0344 \u1100\u1161\u11a8
<|startoftext|>a<|endoftext|>b <|EndOfText|>'s <|endoftext| <|<|endoftext|>
\u00a0 \u200b\ufeff x\u001cy \u007f
...'s !'s &amp; _under_score_ "quoted"
unbelievablyextraordinarilylongwordwithoutanyspaceinit
"""


def train(sentences, count):
    """Byte pair encoding: the most frequent pair of neighbors becomes a token, again and again."""
    order = byte_symbols()
    words = collections.Counter()
    for word in re.findall(r"'[a-z]+|[^\W\d_]+|\d|[^\s\w]+|_+", sentences):
        letters = [order[byte] for byte in word.encode()]
        words[(*letters[:-1], letters[-1] + "</w>")] += 1
    merges, known = [], set()
    while len(merges) < count:
        pairs = collections.Counter()
        for word, times in words.items():
            for pair in zip(word, word[1:]):
                if "".join(pair) not in known:
                    pairs[pair] += times
        pair = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(pair)
        known.add("".join(pair))
        merged = collections.Counter()
        for word, times in words.items():
            out = []
            for symbol in word:
                if out and (out[-1], symbol) == pair:
                    out[-1] += symbol
                else:
                    out.append(symbol)
            merged[tuple(out)] += times
        words = merged
    return merges


def main():
    with open(HERE / "merges.txt", "w", encoding="utf-8", newline="\n") as file:
        file.write("#version: 0.2\n")
        file.writelines(f"{left} {right}\n" for left, right in train(SENTENCES, MERGES))
    texts = ["", " "] + [line for line in TEXTS.split("\n") if line] + ["a" * 300, "horse " * 90, "!" * 90, "\u0301" * 40]
    end = 512 + MERGES + 1
    tokenizers = {"padded by the end": reference(HERE / "merges.txt", end), "padded by !": reference(HERE / "merges.txt", 0)}
    golden = [{"text": text, **{name: tokenizer(text, max_length=77, truncation=True)["input_ids"]
                                for name, tokenizer in tokenizers.items()}} for text in texts]
    with open(HERE / "golden.json", "w", encoding="utf-8", newline="\n") as file:
        file.write("[\n" + ",\n".join(json.dumps(one) for one in golden) + "\n]\n")


if __name__ == "__main__":
    main()
