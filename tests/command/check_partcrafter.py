"""`lumen generate` with networks, as its user meets it: small models of the official layout whose parts are a cat's.

    python3 tests/command/check_partcrafter.py --lumen build/src/cli/lumen \
        --write build/tests/partcrafter/write_small_models

Every function marked @test is one test, named for the behavior; it gets the folder of the models and an empty folder to
work in. Prints TAP.
"""

import argparse
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import traceback
import zlib
from pathlib import Path

TESTS = []
LUMEN = None
PARTS = {"head", "body", "front_legs", "back_legs", "tail", "neck"}
# The diffusion of the small models comes to the same in any number of steps.
QUICK = ["--quality", "fast", "--steps", "2", "--tokens", "16", "--threads", "1", "--precision", "f32"]


def test(function):
    TESTS.append(function)
    return function


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(("LUMEN_", "XDG_"))}


def lumen(*arguments, folder, status=0):
    """Runs the command; `status` is what it must end with. Returns (stdout, stderr)."""
    run = subprocess.run([LUMEN, *map(str, arguments)], capture_output=True, timeout=300, text=True, cwd=folder,
                         env=environment(), stdin=subprocess.DEVNULL)
    assert run.returncode == status, f"{arguments} ended with status {run.returncode}: {run.stdout} {run.stderr}"
    return run.stdout, run.stderr


def generate(models, folder, *arguments, name="shape.json"):
    lumen("generate", *arguments, "--models", models, *QUICK, "-o", name, folder=folder)
    return json.loads((folder / name).read_text())


def write_png(path, width, height, pixel):
    """A PNG picture of one color, or of what `pixel(x, y)` says."""
    rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(width)) for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    color_type = 6 if len(pixel(0, 0)) == 4 else 2
    path.write_bytes(b"\x89PNG\r\n\x1a\n" +
                     chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


def disc(path):
    """Alpha says what it shows."""
    return write_png(path, 64, 64, lambda x, y: (200, 60, 40, 255 if (x - 32) ** 2 + (y - 32) ** 2 < 400 else 0))


@test
def a_word_becomes_named_parts(models, folder):
    shape = generate(models, folder, "cat", "--engine", "partcrafter")
    assert shape["pipeline"] == "partcrafter" and shape["template_type"] == "quadruped", shape["pipeline"]
    assert set(shape["part_names"]) == PARTS, shape["part_names"]
    assert len(shape["part_confidence"]) == len(PARTS), shape["part_confidence"]
    assert all(0.5 < sure <= 1 for sure in shape["part_confidence"]), shape["part_confidence"]


@test
def auto_takes_networks_where_their_models_are(models, folder):
    disc(folder / "disc.png")
    assert generate(models, folder, "cat", "--image", "disc.png")["pipeline"] == "partcrafter"
    assert generate(folder, folder, "cat")["pipeline"] == "procedural"


@test
def it_says_what_memory_it_needs_and_which_engine_it_was(models, folder):
    disc(folder / "disc.png")
    out, error = lumen("generate", "cat", "--image", "disc.png", "--models", models, *QUICK, "-o", "a.ply",
                       folder=folder)
    assert "GB of memory" in error and "GB are free" in error, error
    assert "6 parts" in out and "partcrafter" in out, out
    out, error = lumen("generate", "cat", "--image", "disc.png", "--models", models, *QUICK, "-o", "b.ply", "--quiet",
                       "--low-memory", folder=folder)
    assert out == error == ""
    assert (folder / "a.ply").read_bytes() == (folder / "b.ply").read_bytes()


@test
def a_picture_needs_no_word(models, folder):
    disc(folder / "disc.png")
    lumen("generate", "--image", "disc.png", "--parts", 6, "--models", models, *QUICK, folder=folder)
    assert (folder / "picture.ply").exists(), list(folder.iterdir())
    shape = generate(models, folder, "--image", "disc.png", "--parts", 6)
    assert shape["part_names"] == [f"part_{k}" for k in range(1, 7)], shape["part_names"]
    assert shape["template_type"] == "abstract", shape["template_type"]


@test
def pictures_that_show_nothing_are_refused(models, folder):
    pictures = {"black": write_png(folder / "black.png", 40, 30, lambda x, y: (0, 0, 0)),
                "transparent": write_png(folder / "clear.png", 40, 30, lambda x, y: (9, 9, 9, 0)),
                "speck": write_png(folder / "speck.png", 1, 1, lambda x, y: (9, 9, 9)),
                "no picture": folder / "text.png", "nothing": folder / "none.png"}
    pictures["no picture"].write_text("a picture of a cat")
    pictures["nothing"].write_bytes(b"")
    for what, path in pictures.items():
        out, error = lumen("generate", "cat", "--image", path, "--models", models, *QUICK, "-o", "x.ply",
                           folder=folder, status=1)
        assert out == "" and "lumen: " in error and len(error) > 30, (what, error)
        assert not (folder / "x.ply").exists(), what
    _, error = lumen("generate", "cat", "--image", "absent.png", folder=folder, status=1)
    assert "absent.png" in error, error
    _, error = lumen("generate", "cat", "dog", "--image", disc(folder / "disc.png"), folder=folder, status=2)
    assert "one picture for 2 texts" in error, error


@test
def without_models_it_says_how_to_get_them(models, folder):
    _, error = lumen("generate", "cat", "--engine", "partcrafter", "--models", folder, folder=folder, status=1)
    assert "lumen pull sdxl-turbo rmbg-1.4 partcrafter" in error, error
    out, _ = lumen("models", "--models", folder, folder=folder)
    assert "engine partcrafter: " in out and "lumen pull" in out.splitlines()[-1], out
    out, _ = lumen("models", "--models", models, folder=folder)
    assert out.splitlines()[-1] == "engine partcrafter: all its models are here", out
    out, _ = lumen("models", "--models", models, "--json", folder=folder)
    assert json.loads(out)["engines"] == [{"name": "partcrafter", "ready": True, "reason": ""}], out


@test
def auto_says_why_it_does_without_damaged_weights(models, folder):
    copy = folder / "models"
    shutil.copytree(models, copy)
    weights = copy / "partcrafter" / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-50])
    _, error = lumen("generate", "cat", "--engine", "partcrafter", "--models", copy, *QUICK, "-o", "a.json",
                     folder=folder, status=1)
    assert "safetensors" in error, error
    _, error = lumen("generate", "cat", "--models", copy, *QUICK, "-o", "a.json", folder=folder)
    assert "procedural instead" in error and "safetensors" in error, error
    assert json.loads((folder / "a.json").read_text())["pipeline"] == "procedural"


@test
def values_that_make_no_sense_are_refused(models, folder):
    for option, value in (("--steps", "0"), ("--steps", "1001"), ("--guidance", "0.5"), ("--guidance", "x"),
                          ("--guidance", "nan"), ("--tokens", "15"), ("--extract", "slowly"), ("--precision", "f16"),
                          ("--threads", "0")):
        _, error = lumen("generate", "cat", option, value, folder=folder, status=2)
        assert option in error and value in error, error


@test
def ctrl_c_stops_it_and_leaves_no_file(models, folder):
    """Progress is shown on a terminal alone; the stage tells when it is at work."""
    leader, follower = pty.openpty()
    run = subprocess.Popen([LUMEN, "generate", "cat", "--engine", "partcrafter", "--models", models, "--quality", "high",
                            "--threads", "1", "-o", "x.ply"], cwd=folder, env=environment(), stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=follower)
    os.close(follower)
    shown = b""
    try:
        while b"part_diffusion" not in shown:
            shown += os.read(leader, 4096)
        run.send_signal(signal.SIGINT)
        began = time.monotonic()
        while True:
            try:
                if not os.read(leader, 4096):
                    break
            except OSError:
                break  # the other end is closed
        assert run.wait(60) == -signal.SIGINT, run.returncode
        assert time.monotonic() - began < 30
        assert not list(folder.iterdir())
    finally:
        run.kill()
        run.wait()
        os.close(leader)


def main():
    global LUMEN
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lumen", required=True)
    parser.add_argument("--write", required=True)
    arguments = parser.parse_args()
    LUMEN = Path(arguments.lumen).resolve()
    failed = 0
    print(f"1..{len(TESTS)}")
    with tempfile.TemporaryDirectory() as shared:
        models = Path(shared) / "models"
        subprocess.run([arguments.write, models], check=True)
        for number, function in enumerate(TESTS, 1):
            name = "lumen generate with networks: " + function.__name__.replace("_", " ")
            with tempfile.TemporaryDirectory() as folder:
                try:
                    function(models, Path(folder))
                    print(f"ok {number} - {name}", flush=True)
                except Exception:
                    failed += 1
                    print(f"not ok {number} - {name}", flush=True)
                    print("\n".join("# " + line for line in traceback.format_exc().splitlines()), flush=True)
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
