"""`lumen image` as its user meets it, with a small network of the same structure.

    python3 tests/command/check_image.py --lumen build/src/cli/lumen --write build/tests/networks/write_small_model

Every function marked @test is one test, named for the behavior; it gets the folder of the model and an empty folder to
work in. Prints TAP.
"""

import argparse
import json
import os
import signal
import struct
import subprocess
import tempfile
import traceback
from pathlib import Path

TESTS = []
LUMEN = None
MERGES = "#version: 0.2\nh o\nho r\ns e</w>\nhor se</w>\n"


def test(function):
    TESTS.append(function)
    return function


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(("LUMEN_", "XDG_"))}


def lumen(*arguments, status=0):
    """Runs `lumen image`; `status` is what it must end with. Returns (stdout, stderr)."""
    run = subprocess.run([LUMEN, "image", *map(str, arguments)], capture_output=True, timeout=120, text=True,
                         env=environment(), stdin=subprocess.DEVNULL)
    assert run.returncode == status, f"{arguments} ended with status {run.returncode}: {run.stdout} {run.stderr}"
    return run.stdout, run.stderr


def paint(model, path, *arguments, text="a horse"):
    lumen(text, "-o", path, "--models", model, "--size", 256, *arguments)
    return path.read_bytes()


def size_of(png):
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


def write_latents(path, tensors):
    """A safetensors file of zeros, with the types and sizes that are given."""
    header, offset = {}, 0
    for name, (kind, shape) in tensors.items():
        count = 1
        for size in shape:
            count *= size
        size = count * {"F32": 4, "F16": 2}[kind]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))
    return path


@test
def a_text_becomes_a_picture(model, folder):
    out, error = lumen("a horse galloping", "-o", folder / "horse.png", "--models", model, "--size", 256)
    assert size_of((folder / "horse.png").read_bytes()) == (256, 256)
    assert "horse.png" in out and "a horse galloping" in out and "white background" in out, out
    assert "GB of memory" in error, error


@test
def the_seed_chooses_the_picture(model, folder):
    one, again = (paint(model, folder / name, "--seed", 1) for name in ("one.png", "again.png"))
    assert one == again
    assert one != paint(model, folder / "other.png", "--seed", 2)


@test
def low_memory_paints_the_same(model, folder):
    assert paint(model, folder / "a.png") == paint(model, folder / "b.png", "--low-memory")


def with_free_memory(megabytes, folder, *arguments):
    """Runs `lumen image` on a machine that says it has so much memory; None where that cannot be arranged."""
    facts = folder / "meminfo"
    facts.write_text(f"MemTotal: {megabytes * 1000} kB\nMemAvailable: {megabytes * 1000} kB\n")
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
               'mount --bind "$0" /proc/meminfo && exec "$@"', facts, LUMEN, "image", *arguments]
    run = subprocess.run([*map(str, command)], capture_output=True, timeout=120, text=True, env=environment(),
                         stdin=subprocess.DEVNULL)
    refused = "unshare" in run.stderr or "mount" in run.stderr or "sh:" in run.stderr
    return None if refused else (run.returncode, run.stdout, run.stderr)


@test
def what_does_not_fit_is_refused_with_what_it_needs_and_what_there_is(model, folder):
    arguments = ("a horse", "-o", folder / "a.png", "--models", model, "--size", 256, "--precision", "f32")
    met = with_free_memory(1, folder, *arguments)
    if met is None:
        return "this needs the right to mount"
    status, out, error = met
    assert status == 1 and out == "" and not (folder / "a.png").exists(), met
    assert "SDXL Turbo needs 0." in error and "0.0 GB are free" in error and "use a machine with more" in error, error
    _, _, error = with_free_memory(1, folder, *arguments, "--low-memory")
    assert "use a machine with more" in error, error
    # Where the option is enough, it is named.
    for megabytes in range(60, 400, 2):
        status, _, error = with_free_memory(megabytes, folder, *arguments)
        if "--low-memory" in error:
            status, _, error = with_free_memory(megabytes, folder, *arguments, "--low-memory")
            assert status == 0 and (folder / "a.png").exists(), error
            return None
        assert status == 1, "it never asked for --low-memory"


@test
def raw_takes_the_text_as_it_is(model, folder):
    out, _ = lumen("qwerty!", "--raw", "-o", folder / "a.png", "--models", model, "--size", 256)
    assert out.rstrip().endswith(": qwerty!"), out
    assert (folder / "a.png").read_bytes() != paint(model, folder / "b.png", text="qwerty!")


@test
def quiet_says_nothing_and_timings_say_where_it_went(model, folder):
    assert lumen("cat", "-o", folder / "a.png", "--models", model, "--size", 256, "--quiet") == ("", "")
    out, _ = lumen("cat", "-o", folder / "a.png", "--models", model, "--size", 256, "--timings")
    assert all(word in out for word in ("UNet", "VAE", "linear", "convolution", "TFLOP/s")), out


@test
def noise_from_a_file_is_used_and_checked(model, folder):
    good = write_latents(folder / "good.safetensors", {"latents": ("F32", [1, 4, 32, 32])})
    assert paint(model, folder / "a.png", "--latents", good) != paint(model, folder / "b.png")
    both = write_latents(folder / "both.safetensors",
                         {"latents": ("F32", [4, 32, 32]), "noise": ("F32", [1, 4, 32, 32])})
    paint(model, folder / "c.png", "--latents", both, "--steps", 2)
    for tensors in ({"latents": ("F32", [1, 4, 64, 64])}, {"latents": ("F16", [1, 4, 32, 32])},
                    {"latents": ("F32", [4096])}, {"other": ("F32", [1, 4, 32, 32])}, {}):
        bad = write_latents(folder / "bad.safetensors", tensors)
        _, error = lumen("cat", "-o", folder / "d.png", "--models", model, "--size", 256, "--latents", bad, status=1)
        assert "bad.safetensors" in error and "latents" in error, error
    assert not (folder / "d.png").exists()


@test
def without_weights_it_says_how_to_get_them(model, folder):
    _, error = lumen("cat", "-o", folder / "a.png", "--models", folder, status=1)
    assert "lumen pull sdxl-turbo" in error, error
    _, error = lumen("cat", "-o", folder / "a.png", "--models", folder / "no.safetensors", status=1)
    assert "no.safetensors" in error, error


@test
def a_file_that_belongs_to_another_model_is_refused_before_it_is_read(model, folder):
    config = model / "vae" / "config.json"
    text = config.read_text()
    try:
        config.write_text(text.replace("[16, 32, 32, 32]", "[16, 32, 32, 64]"))
        _, error = lumen("cat", "-o", folder / "a.png", "--models", model, status=1)
        assert "VAE" in error and "decoder" in error, error
        config.write_text("{")
        _, error = lumen("cat", "-o", folder / "a.png", "--models", model, status=1)
        assert "config.json" in error, error
    finally:
        config.write_text(text)


@test
def what_makes_no_sense_is_told(model, folder):
    for arguments, word in ((["cat"], "-o"), (["-o", "a.png"], "text"), (["cat", "dog", "-o", "a.png"], "more than one"),
                            (["cat", "-o", "a.jpg"], ".png"), (["cat", "-o", "a.png", "--steps", "5"], "--steps"),
                            (["cat", "-o", "a.png", "--size", "500"], "--size"),
                            (["cat", "-o", "a.png", "--size", "2048"], "--size"),
                            (["cat", "-o", "a.png", "--precision", "int8"], "--precision"),
                            (["cat", "-o", "a.png", "--what"], "--what"), (["cat", "-o"], "-o")):
        _, error = lumen(*arguments, status=2)
        assert word in error, (arguments, error)
    _, error = lumen("", "-o", folder / "a.png", "--models", model, status=1)
    assert "empty" in error, error


@test
def a_picture_that_cannot_be_written_is_an_error(model, folder):
    _, error = lumen("cat", "-o", folder / "no" / "a.png", "--models", model, "--size", 256, status=1)
    assert "a.png" in error, error


@test
def ctrl_c_stops_it_and_leaves_no_picture(model, folder):
    run = subprocess.Popen([LUMEN, "image", "a horse", "-o", folder / "a.png", "--models", model, "--size", "1024",
                            "--steps", "4", "--threads", "1"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                           env=environment())
    run.stderr.readline()  # what it needs; now it works
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=60)
    assert run.returncode == -signal.SIGINT, run.returncode
    assert not (folder / "a.png").exists() and out == ""


def main():
    global LUMEN
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--lumen", required=True)
    arguments.add_argument("--write", required=True)
    given = arguments.parse_args()
    LUMEN = os.path.abspath(given.lumen)
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        model = Path(place) / "sdxl-turbo"
        subprocess.run([given.write, model], check=True)
        (model / "tokenizer").mkdir()
        (model / "tokenizer" / "merges.txt").write_text(MERGES)
        for number, function in enumerate(TESTS, 1):
            name = "lumen image: " + function.__name__.replace("_", " ")
            with tempfile.TemporaryDirectory() as folder:
                try:
                    skipped = function(model, Path(folder))
                    print(f"ok {number} - {name}{f' # SKIP {skipped}' if skipped else ''}", flush=True)
                except Exception:
                    failed += 1
                    print(f"not ok {number} - {name}", flush=True)
                    print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
    print(f"1..{len(TESTS)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
