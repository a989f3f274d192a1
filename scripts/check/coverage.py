"""Judges gcovr's summary room by room: prints TAP, and the coverage of every file as a comment.

    python3 scripts/check/coverage.py build/check/coverage.json
"""

import json
import sys
from collections import defaultdict

# Rooms that must be tested through and through. The others are reported.
BAR = 0.90
JUDGED = ("words", "geometry", "procedural")


def main():
    rooms = defaultdict(lambda: [0, 0])
    with open(sys.argv[1], encoding="utf-8") as summary:
        files = json.load(summary)["files"]
    for file in sorted(files, key=lambda entry: entry["filename"]):
        covered, total = file["line_covered"], file["line_total"]
        room = file["filename"].split("/")[1]
        rooms[room][0] += covered
        rooms[room][1] += total
        print(f"#   {file['filename']}: {covered} of {total} lines ({covered / max(1, total):.1%})")
    for room, (covered, total) in sorted(rooms.items()):
        share = covered / max(1, total)
        line = f"coverage: {room}: {share:.1%} of {total} lines"
        if room not in JUDGED:
            print(f"#   {line}")
        elif share >= BAR:
            print(f"ok {line}")
        else:
            print(f"not ok {line}; {BAR:.0%} wanted")
    for room in JUDGED:
        if room not in rooms:
            print(f"not ok coverage: nothing of {room} was measured")


if __name__ == "__main__":
    main()
