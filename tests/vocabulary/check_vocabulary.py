"""Measures how many everyday nouns get the template that people expect, and says which do not.

    python3 tests/vocabulary/check_vocabulary.py --lumen build/src/cli/lumen

The lists beside this file were written down before the program had seen their words. A list passes
when its share of right templates reaches its bar and no word of it is `abstract`. Prints TAP, with
each miss as a comment. refined_templates.txt names templates that are a finer kind of a label's.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

# List, how many words it must have, the share that must be right.
LISTS = (("everyday_200.txt", 200, 0.97), ("second_100.txt", 100, 0.95))


def read_list(path):
    """Returns [(noun, set of acceptable templates)]."""
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        noun, colon, templates = line.partition(":")
        accepted = {template.strip() for template in templates.split("|")}
        if not colon or not noun.strip() or "" in accepted:
            sys.exit(f"{path}:{number}: a line must read `noun: template`, with `|` between several templates")
        entries.append((noun.strip(), accepted))
    return entries


def read_refined(path):
    """Returns {finer template: the broader one}."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {finer.strip(): broader.strip() for finer, _, broader in (line.partition(":") for line in lines if line)}


def explain(lumen, texts):
    """Returns what `lumen generate --explain -` understands of each text."""
    run = subprocess.run([lumen, "generate", "--explain", "-"], input="".join(text + "\n" for text in texts),
                         capture_output=True, text=True, timeout=120)
    if run.returncode != 0:
        sys.exit(f"lumen generate --explain ended with status {run.returncode}: {run.stderr.strip()}")
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    if len(answers) != len(texts):
        sys.exit(f"lumen generate --explain answered {len(answers)} lines to {len(texts)} words")
    return answers


def verdict(good, name):
    print(f"{'ok' if good else 'not ok'} vocabulary: {name}")


def measure(lumen, path, size, bar, refined):
    entries = read_list(path)
    verdict(len(entries) == size and len({noun for noun, _ in entries}) == size, f"{path.name} has {size} different nouns")
    right, abstract = 0, 0
    for (noun, accepted), answer in zip(entries, explain(lumen, [noun for noun, _ in entries])):
        template = answer["template"]
        abstract += template == "abstract"
        if template in accepted or refined.get(template) in accepted:
            right += 1
        else:
            print(f"#   miss: {noun} is {template} (as {answer.get('concept')}); expected {' or '.join(sorted(accepted))}")
    share = right / max(1, len(entries))
    verdict(share >= bar, f"{path.name}: {right} of {len(entries)} in the right template ({share:.1%}; {bar:.0%} wanted)")
    verdict(abstract == 0, f"{path.name}: no noun is abstract ({abstract} are)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lumen", required=True, help="the command to measure")
    arguments = parser.parse_args()
    here = Path(__file__).parent
    refined = read_refined(here / "refined_templates.txt")
    for name, size, bar in LISTS:
        measure(arguments.lumen, here / name, size, bar, refined)


if __name__ == "__main__":
    main()
