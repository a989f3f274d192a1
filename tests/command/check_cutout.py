"""`lumen cutout` as its user meets it, with an IS-Net of the true size that takes what is dark for the thing.

    python3 tests/command/check_cutout.py --lumen build/src/cli/lumen

Almost all of its weights are 0, so that the file is a hole on the disk. Every function marked @test is one test, named
for the behavior; it gets the model's file and an empty folder to work in. Prints TAP.
"""

import argparse
import json
import os
import struct
import subprocess
import tempfile
import traceback
import zlib
from pathlib import Path

TESTS = []
LUMEN = None
STAGES = {"stage1": (7, 64, 32, 64), "stage2": (6, 64, 32, 128), "stage3": (5, 128, 64, 256),
          "stage4": (4, 256, 128, 512), "stage5": (4, 512, 256, 512), "stage6": (4, 512, 256, 512),
          "stage5d": (4, 1024, 256, 512), "stage4d": (4, 1024, 128, 256), "stage3d": (5, 512, 64, 128),
          "stage2d": (6, 256, 32, 64), "stage1d": (7, 128, 16, 64)}


def test(function):
    TESTS.append(function)
    return function


# ---- A network that knows dark from bright ------------------------------------------------------------------------


def units():
    """Name, inputs and outputs of every convolution with a batch norm."""
    for stage, (depth, inputs, middle, out) in STAGES.items():
        yield f"{stage}.rebnconvin", inputs, out
        for i in range(1, depth + 1):
            yield f"{stage}.rebnconv{i}", out if i == 1 else middle, middle
        for i in range(depth - 1, 0, -1):
            yield f"{stage}.rebnconv{i}d", 2 * middle, out if i == 1 else middle


def half(value):
    return struct.pack("<e", value)


def write_network(path):
    """Brightness goes unchanged through the first channel of the entries of stage1 and stage1d; side1 turns it over."""
    shapes, values = {"conv_in.weight": [64, 3, 3, 3], "conv_in.bias": [64], "side1.weight": [1, 64, 3, 3],
                      "side1.bias": [1]}, {}
    for name, inputs, out in units():
        shapes[f"{name}.conv_s1.weight"] = [out, inputs, 3, 3]
        for leaf in ("conv_s1.bias", "bn_s1.weight", "bn_s1.bias", "bn_s1.running_mean", "bn_s1.running_var"):
            shapes[f"{name}.{leaf}"] = [out]
    center = 4
    for color in range(3):
        values["conv_in.weight", 9 * color + center] = 1 / 3
    values["conv_in.bias", 0] = 0.5
    for name, channel in (("stage1.rebnconvin", 0), ("stage1d.rebnconvin", 64)):
        values[f"{name}.conv_s1.weight", 9 * channel + center] = 1.0
        for leaf in ("weight", "running_var"):
            values[f"{name}.bn_s1.{leaf}", 0] = 1.0
    values["side1.weight", center] = -20.0
    values["side1.bias", 0] = 10.0
    header, places, offset = {}, {}, 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [offset, offset + size]}
        places[name] = offset
        offset += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for (name, index), value in values.items():
            file.seek(8 + len(text) + places[name] + 2 * index)
            file.write(half(value))
        file.truncate(8 + len(text) + offset)


# ---- Pictures -----------------------------------------------------------------------------------------------------


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write_png(path, width, height, pixel, channels=3):
    rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(width)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 6 if channels == 4 else 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
                     chunk(b"IEND", b""))
    return path


def read_png(path):
    """Width, height and rows of what lumen writes: 8-bit RGB."""
    data, at, body = path.read_bytes(), 8, b""
    width, height = struct.unpack(">II", data[16:24])
    while at < len(data):
        size, kind = struct.unpack(">I", data[at:at + 4])[0], data[at + 4:at + 8]
        body += data[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += 12 + size
    raw, rows, last = zlib.decompress(body), [], bytes(3 * width)
    for y in range(height):
        line = bytearray(raw[y * (3 * width + 1) + 1:(y + 1) * (3 * width + 1)])
        kind = raw[y * (3 * width + 1)]
        assert kind in (0, 1, 2), kind
        for i in range(len(line)):
            before = line[i - 3] if i >= 3 else 0
            line[i] = (line[i] + (before if kind == 1 else last[i] if kind == 2 else 0)) & 255
        last = bytes(line)
        rows.append(last)
    return width, height, rows


def disc(x, y):
    """A dark red disc of 60 pixels around (100, 70), on white."""
    return (120, 10, 10) if (x - 100) ** 2 + (y - 70) ** 2 < 30**2 else (255, 255, 255)


def lumen(*arguments, status=0):
    """Runs `lumen cutout`; `status` is what it must end with. Returns (stdout, stderr)."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("LUMEN_", "XDG_"))}
    run = subprocess.run([LUMEN, "cutout", *map(str, arguments)], capture_output=True, timeout=300, text=True, env=given,
                         stdin=subprocess.DEVNULL)
    assert run.returncode == status, f"{arguments} ended with status {run.returncode}: {run.stdout} {run.stderr}"
    return run.stdout, run.stderr


@test
def what_a_picture_shows_comes_out_alone_on_white(model, folder):
    picture = write_png(folder / "disc.png", 200, 150, disc)
    out, _ = lumen(picture, "-o", folder / "cut.png", "--models", model)
    width, height, rows = read_png(folder / "cut.png")
    assert 66 <= width <= 76 and abs(width - height) <= 1, (width, height, out)
    middle = rows[height // 2]
    assert middle[:3] == b"\xff\xff\xff" and middle[3 * (width // 2):][:3] == bytes((120, 10, 10)), middle.hex()
    assert "cut.png" in out and "pixels at" in out, out


@test
def the_mask_is_as_large_as_the_picture(model, folder):
    picture = write_png(folder / "disc.png", 200, 150, disc)
    assert lumen(picture, "-o", folder / "mask.png", "--mask", "--quiet", "--models", model.parent) == ("", "")
    width, height, rows = read_png(folder / "mask.png")
    assert (width, height) == (200, 150)
    assert {row[i] for row in rows for i in range(0, 600, 3)} == {0, 255}
    found = sum(row[i] == 255 for row in rows for i in range(0, 600, 3))
    assert 2600 < found < 3100, found


@test
def a_picture_with_transparency_needs_no_weights(model, folder):
    picture = write_png(folder / "clear.png", 40, 40,
                        lambda x, y: (9, 8, 7, 255 if 10 <= x < 30 and 5 <= y < 15 else 0), channels=4)
    lumen(picture, "-o", folder / "cut.png", "--models", folder)
    width, height, rows = read_png(folder / "cut.png")
    assert (width, height) == (24, 24)
    assert rows[12][36:39] == bytes((9, 8, 7)), rows[12].hex()


@test
def what_shows_nothing_says_so(model, folder):
    for name, width, pixel, word in (("dot", 1, (9, 9, 9), "too small"), ("black", 50, (0, 0, 0), "black"),
                                     ("white", 50, (255, 255, 255), "stands out")):
        picture = write_png(folder / f"{name}.png", width, width, lambda x, y: pixel)
        _, error = lumen(picture, "-o", folder / "cut.png", "--models", model, status=1)
        assert word in error, error
        assert not (folder / "cut.png").exists()


@test
def what_is_no_picture_or_too_large_a_one_is_refused(model, folder):
    (folder / "a.png").write_bytes(b"nonsense")
    _, error = lumen(folder / "a.png", "-o", folder / "cut.png", "--models", model, status=1)
    assert "a.png is neither PNG nor JPEG" in error, error
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b""))
    _, error = lumen(folder / "bomb.png", "-o", folder / "cut.png", "--models", model, status=1)
    assert "30000 x 30000" in error, error
    _, error = lumen(folder / "none.png", "-o", folder / "cut.png", "--models", model, status=1)
    assert "none.png" in error, error


@test
def without_weights_it_says_how_to_get_them(model, folder):
    picture = write_png(folder / "disc.png", 200, 150, disc)
    _, error = lumen(picture, "-o", folder / "cut.png", "--models", folder, status=1)
    assert "lumen pull rmbg-1.4" in error, error


@test
def weights_of_another_network_are_refused(model, folder):
    picture = write_png(folder / "disc.png", 200, 150, disc)
    text = json.dumps({"conv_in.weight": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    (folder / "other.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(2))
    _, error = lumen(picture, "-o", folder / "cut.png", "--models", folder / "other.safetensors", status=1)
    assert "conv_in.weight" in error, error


@test
def what_makes_no_sense_is_told(model, folder):
    for arguments, word in ((["a.png"], "-o"), (["-o", "b.png"], "missing"), (["a.png", "b.png", "-o", "c.png"], "more"),
                            (["a.png", "-o", "b.jpg"], ".png"), (["a.png", "-o", "b.png", "--precision", "f8"], "f8"),
                            (["a.png", "-o", "b.png", "--what"], "--what"), (["a.png", "-o"], "-o")):
        _, error = lumen(*arguments, status=2)
        assert word in error, (arguments, error)
    out, _ = lumen("--help")
    assert "lumen pull rmbg-1.4" in out


def main():
    global LUMEN
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--lumen", required=True)
    given = arguments.parse_args()
    LUMEN = os.path.abspath(given.lumen)
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        model = Path(place) / "model.safetensors"
        write_network(model)
        for number, function in enumerate(TESTS, 1):
            name = "lumen cutout: " + function.__name__.replace("_", " ")
            with tempfile.TemporaryDirectory() as folder:
                try:
                    function(model, Path(folder))
                    print(f"ok {number} - {name}", flush=True)
                except Exception:
                    failed += 1
                    print(f"not ok {number} - {name}", flush=True)
                    print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
    print(f"1..{len(TESTS)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
