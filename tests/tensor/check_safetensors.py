"""Weight files beside the official reader: what it writes is read equal, what it refuses is refused.

    python3 tests/tensor/check_safetensors.py --print build/tests/tensor/print_safetensors

Needs the packages safetensors and numpy. Prints TAP.
"""

import argparse
import json
import random
import subprocess
import tempfile
import traceback
from pathlib import Path

import numpy
import safetensors
from safetensors.numpy import save_file

TYPES = {"f32": "float32", "f16": "float16", "i64": "int64", "i32": "int32", "u8": "uint8"}
OTHERS = ["float64", "int8", "int16", "uint16", "uint32", "uint64", "bool"]
MUTATIONS = 3000


def ours(program, paths):
    """What Lumen reads of each file: {name: (type, sizes, bytes)}, or the message of a refusal."""
    lines = iter(subprocess.run([program, *map(str, paths)], check=True, capture_output=True).stdout.decode().split("\n"))
    result = []
    for line in lines:
        if line.startswith("refused "):
            result.append(line[8:])
        elif line == "file":
            tensors = {}
            while (line := next(lines)) != "end":
                kind, sizes, content, name = line.split(" ", 3)
                tensors[name] = (kind, [] if sizes == "-" else [int(size) for size in sizes.split(",")],
                                 bytes.fromhex(content.strip("-")))
            result.append(tensors)
    assert len(result) == len(paths), (len(result), len(paths))
    return result


def theirs(path):
    """Whether the official reader takes a file."""
    try:
        with safetensors.safe_open(path, "np") as file:
            return list(file.keys())
    except Exception as error:
        return str(error) or "refused"


def what_it_writes_is_read_equal(program, folder):
    chance = random.Random(1)
    generator = numpy.random.default_rng(1)
    paths, written = [], []
    for number in range(60):
        tensors = {}
        for index in range(chance.randint(0, 12)):
            sizes = [chance.choice([0, 1, 2, 3, 5, 7]) for _ in range(chance.randint(0, 6))]
            kind = chance.choice(list(TYPES.values()) + OTHERS)
            name = chance.choice(["layers.%d.weight", "héhé %d", "日本 %d", "%d\"\\ \t", ".%d"]) % index
            tensors[name] = generator.integers(0, 2 if kind == "bool" else 100, sizes).astype(kind)
        paths.append(folder / f"{number}.safetensors")
        save_file(tensors, paths[-1], metadata=chance.choice([None, {"format": "pt", "ünï": "x"}]))
        written.append(tensors)
    for read, tensors in zip(ours(program, paths), written):
        assert isinstance(read, dict) and read.keys() == tensors.keys(), (read, tensors.keys())
        for name, (kind, sizes, content) in read.items():
            array = tensors[name]
            if kind == "other":
                assert array.dtype.name in OTHERS, (name, array.dtype)
            else:
                assert TYPES[kind] == array.dtype.name, (name, kind, array.dtype)
                assert sizes == list(array.shape) and content == array.tobytes(), name


def hostile_files():
    """Good files changed at random places, and headers that lie in every field."""
    chance = random.Random(2)
    good = {"__metadata__": {"format": "pt"},
            "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
            "b": {"dtype": "I64", "shape": [], "data_offsets": [16, 24]},
            "c": {"dtype": "BF16", "shape": [3, 0], "data_offsets": [24, 24]},
            "d": {"dtype": "U8", "shape": [3], "data_offsets": [24, 27]}}
    numbers = [-1, 0, 1, 2, 3, 4, 15, 16, 17, 23, 24, 25, 26, 27, 28, 2**31, 2**32, 2**61, 2**62, 2**63 - 1, 2**63, 2**64 - 1,
               2**64, 1.0, 16.5, "16", None, [], {}, True]
    for _ in range(MUTATIONS):
        header = json.loads(json.dumps(good))
        size = 27
        for _ in range(chance.choice([0, 1, 1, 1, 2])):
            facts = header.get(chance.choice("abcd"), header) if chance.random() < 0.95 else header
            kind = chance.randrange(9)
            if kind == 0:
                facts["dtype"] = chance.choice(["F16", "F64", "BOOL", "F8_E4M3", "F4", "U64", "C64", "f32", "", None, 3])
            elif kind == 1:
                facts["shape"] = [chance.choice(numbers) for _ in range(chance.randint(0, 3))]
            elif kind == 2 and facts.get("shape"):
                facts["shape"][chance.randrange(len(facts["shape"]))] = chance.choice(numbers)
            elif kind == 3:
                facts["data_offsets"] = [chance.choice(numbers) for _ in range(chance.choice([2, 2, 2, 0, 1, 3]))]
            elif kind == 4 and facts.get("data_offsets"):
                facts["data_offsets"][-1] = chance.choice(numbers)
            elif kind == 5:
                facts.pop(chance.choice([*facts, ""]), None)
            elif kind == 6:
                header["__metadata__"] = chance.choice([None, {}, [], "x", 3, {"a": 3}, {"a": None}, {"a": {}}])
            elif kind == 7:
                header["e"] = chance.choice([None, [], {}, 3, dict(good["a"])])
            else:
                size = chance.choice([0, 1, 26, 28, 100])
        text = json.dumps(header).encode()
        text = chance.choice([text] * 8 + [text + b"   ", text + b"\n", text[:-1], text + b"x", text + b"\0", b"\xff" + text])
        length = len(text) + chance.choice([0] * 20 + [-1, 1, -8, 40, 2**32, 2**40, 2**63])
        file = max(length, 0).to_bytes(8, "little") + text + bytes(range(256))[:size]
        if chance.random() < 0.1:
            file = file[:chance.randrange(len(file))]
        if chance.random() < 0.1:
            at = chance.randrange(len(file))
            file = file[:at] + bytes([file[at] ^ 1 << chance.randrange(8)]) + file[at + 1:]
        yield file


def what_it_refuses_is_refused(program, folder):
    paths = []
    for number, content in enumerate(hostile_files()):
        paths.append(folder / f"{number}.safetensors")
        paths[-1].write_bytes(content)
    taken = stricter = 0
    for path, read in zip(paths, ours(program, paths)):
        official = theirs(path)
        if isinstance(official, str):
            assert isinstance(read, str), f"taken, though: {official}\n{path.read_bytes()}"
        elif isinstance(read, dict):
            taken += 1
            assert sorted(official) == sorted(read), path.read_bytes()
        else:
            stricter += 1
            print(f"# stricter: {read}  {path.read_bytes()[8:]}")
    print(f"# {len(paths)} files: {taken} taken by both, {stricter} by the official reader alone")
    assert taken > MUTATIONS / 20 and stricter < MUTATIONS / 20


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--print", required=True, dest="program")
    arguments = parser.parse_args()
    failed = False
    for check in (what_it_writes_is_read_equal, what_it_refuses_is_refused):
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(arguments.program, Path(folder))
                print(f"ok {check.__name__.replace('_', ' ')}")
            except Exception:
                failed = True
                print(traceback.format_exc())
                print(f"not ok {check.__name__.replace('_', ' ')}")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
