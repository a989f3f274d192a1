#!/usr/bin/env python3
"""Times text to 2,048 points over the words of tests/vocabulary, and the whole command from start to written PLY.

    bench/pipeline.py --build build          a release build with -Dbench=true

Prints Markdown: medians and 99th percentiles in milliseconds, resident memory in MiB. One core.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def vocabulary():
    words = []
    for path in sorted((ROOT / "tests/vocabulary").glob("*.txt")):
        for line in path.read_text().splitlines():
            if ":" in line and not line.startswith("#"):
                words.append(line.split(":")[0].strip())
    return words


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--slowest", type=int, default=5, help="name that many of the slowest words")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    words = vocabulary()
    answer = subprocess.run([build / "bench/bench_pipeline", str(arguments.rounds)], input="\n".join(words),
                            capture_output=True, text=True, check=True)
    times = {entry["text"]: entry["ms"] for entry in map(json.loads, answer.stdout.splitlines())}
    medians = {text: statistics.median(values) for text, values in times.items()}
    every = [value for values in times.values() for value in values]

    starts = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds * 3):
            start = time.perf_counter()
            subprocess.run([build / "src/cli/lumen", "generate", "horse", "--quiet", "-o", f"{folder}/horse.ply"], check=True)
            starts.append((time.perf_counter() - start) * 1e3)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024

    print(f"{processor()}, one core, {datetime.date.today()}, {len(words)} words, {arguments.rounds} rounds\n")
    print("| measure | median | 99 % | worst |")
    print("|---|--:|--:|--:|")
    print(f"| text to 2,048 points, over words, ms | {statistics.median(medians.values()):.2f} "
          f"| {percentile(list(medians.values()), 0.99):.2f} | {max(medians.values()):.2f} |")
    print(f"| the same, over all single runs, ms | {statistics.median(every):.2f} | {percentile(every, 0.99):.2f} | {max(every):.2f} |")
    print(f"| start of the process to written PLY, ms | {statistics.median(starts):.1f} | {percentile(starts, 0.99):.1f} | {max(starts):.1f} |")
    print(f"| resident memory of any of these processes, MiB | | | {memory:.1f} |")
    slowest = sorted(medians, key=medians.get, reverse=True)[:arguments.slowest]
    print("\nSlowest: " + ", ".join(f"{text} {medians[text]:.1f}" for text in slowest) + ".")


if __name__ == "__main__":
    main()
