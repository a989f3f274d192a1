"""The command line as its user meets it: what it writes, what it says, and how it fails.

    python3 tests/command/check_command.py --lumen build/src/cli/lumen

Every function marked @test is one test, named for the behavior; it gets an empty folder to work in.
Prints TAP.
"""

import argparse
import base64
import json
import struct
import subprocess
import tempfile
import traceback
from pathlib import Path

TESTS = []
LUMEN = None


def test(function):
    TESTS.append(function)
    return function


def lumen(*arguments, folder=None, text="", status=0):
    """Runs the command; `status` is what it must end with, None any failure. Returns (stdout, stderr)."""
    run = subprocess.run([LUMEN, *arguments], cwd=folder, input=text.encode(), capture_output=True, timeout=60)
    error = run.stderr.decode(errors="replace")
    if status is None:
        # A signal is not an error message, however it came about.
        assert run.returncode > 0, f"{arguments} ended with status {run.returncode}, not with an error: {error}"
    else:
        assert run.returncode == status, f"{arguments} ended with status {run.returncode}: {error}"
    return run.stdout.decode(errors="replace"), error


def shape(folder, *arguments):
    """Generates to JSON and returns the object."""
    lumen("generate", *arguments, "-o", "shape.json", folder=folder)
    return json.loads((folder / "shape.json").read_text(encoding="utf-8"))


def refused(folder, *arguments, naming, text=""):
    """The command must refuse: a status, a message that names the thing, and no file left behind."""
    before = sorted(folder.iterdir())
    out, error = lumen(*arguments, folder=folder, text=text, status=None)
    assert naming.lower() in error.lower(), f"{arguments}: the message does not name {naming!r}: {error!r}"
    assert len(error.strip()) > len(naming), f"{arguments}: the message gives no reason: {error!r}"
    assert out == "", f"{arguments}: an error belongs on standard error, not: {out!r}"
    assert sorted(folder.iterdir()) == before, f"{arguments}: left files behind: {sorted(folder.iterdir())}"


# ---- What it says of itself --------------------------------------------------------------------


@test
def version_and_help_are_answers_not_errors(folder):
    out, error = lumen("--version")
    assert "0.1.0" in out and error == ""
    for arguments in (["--help"], ["help"], ["generate", "--help"], ["preflight", "--help"]):
        out, error = lumen(*arguments)
        assert "lumen" in out and error == "", f"{arguments}: {out!r} {error!r}"


@test
def preflight_says_that_this_machine_can_run_it(folder):
    out, _ = lumen("preflight")
    assert out.strip()


@test
def listed_concepts_are_many_and_each_is_known(folder):
    concepts = lumen("generate", "--list-concepts")[0].split("\n")
    assert len(concepts) > 1400
    assert any(line.split()[:1] == ["horse"] for line in concepts), "horse is not among the concepts"


# ---- What it writes ----------------------------------------------------------------------------


@test
def the_ending_chooses_the_format(folder):
    beginnings = {"ply": b"ply\n", "glb": b"glTF", "json": b"{", "png": b"\x89PNG\r\n\x1a\n"}
    for ending, beginning in beginnings.items():
        lumen("generate", "cat", "-o", f"cat.{ending}", folder=folder)
        data = (folder / f"cat.{ending}").read_bytes()
        assert data.startswith(beginning), f"cat.{ending} begins with {data[:8]!r}"
    lumen("generate", "cat", "-o", "cat.stl", folder=folder)
    data = (folder / "cat.stl").read_bytes()
    (triangles,) = struct.unpack_from("<I", data, 80)
    assert triangles > 0 and len(data) == 84 + 50 * triangles
    assert len(list(folder.iterdir())) == 5, "there are files that nobody asked for"


@test
def json_holds_the_object_of_the_service(folder):
    made = shape(folder, "a horse galloping")
    positions = base64.b64decode(made["positions"], validate=True)
    part_ids = base64.b64decode(made["part_ids"], validate=True)
    assert len(positions) == 24576 and len(part_ids) == 2048
    values = struct.unpack(f"<{len(positions) // 4}f", positions)
    assert all(-1.0 <= value <= 1.0 for value in values)
    extent = [max(values[axis::3]) - min(values[axis::3]) for axis in range(3)]
    assert 1.9 < max(extent) <= 2.0, f"the longest side spans {max(extent)}"
    for axis in range(3):
        assert abs(made["bounding_box"]["min"][axis] - min(values[axis::3])) < 1e-5
        assert abs(made["bounding_box"]["max"][axis] - max(values[axis::3])) < 1e-5
    assert set(part_ids) <= set(range(len(made["part_names"]) + 1))
    assert made["template_type"] == "quadruped" and made["pipeline"] == "procedural"
    assert made["subject"] == "horse" and made["motion"]["template"] == "gallop"
    assert made["cached"] is False and made["seed"] == 0 and made["key"]
    assert isinstance(made["generation_time_ms"], (int, float))


@test
def the_eight_contract_templates_have_their_parts_in_order(folder):
    contract = {
        "cat": ("quadruped", "head body front_legs back_legs tail neck"),
        "person": ("biped", "head torso left_arm right_arm left_leg right_leg"),
        "eagle": ("bird", "head body left_wing right_wing tail legs"),
        "shark": ("fish", "head body tail_fin dorsal_fin pectoral_fins"),
        "car": ("vehicle", "body wheels windshield roof"),
        "airplane": ("aircraft", "fuselage left_wing right_wing tail engines"),
        "tree": ("plant", "trunk canopy"),
        "chair": ("furniture", "seat backrest legs"),
    }
    for word, (template, parts) in contract.items():
        made = shape(folder, word)
        assert made["template_type"] == template, f"{word} is {made['template_type']}"
        assert made["part_names"] == parts.split(), f"{word} has {made['part_names']}"
        ids = set(base64.b64decode(made["part_ids"]))
        assert ids == set(range(1, len(made["part_names"]) + 1)), f"{word}: points lie on the parts {ids}"


@test
def points_are_as_many_as_asked(folder):
    for count in (256, 257, 65536):
        made = shape(folder, "cat", "--points", str(count))
        assert len(base64.b64decode(made["positions"])) == 12 * count
        assert len(base64.b64decode(made["part_ids"])) == count


@test
def the_same_text_and_seed_give_the_same_bytes(folder):
    for ending in ("ply", "glb", "stl", "png"):
        for name in ("first", "second"):
            lumen("generate", "owl", "-o", f"{name}.{ending}", folder=folder)
        assert (folder / f"first.{ending}").read_bytes() == (folder / f"second.{ending}").read_bytes(), ending
    lumen("generate", "owl", "--seed", "7", "-o", "other.ply", folder=folder)
    assert (folder / "other.ply").read_bytes() != (folder / "first.ply").read_bytes()
    assert shape(folder, "owl", "--seed", "7")["seed"] == 7


@test
def what_means_the_same_has_the_same_key(folder):
    keys = {shape(folder, text)["key"] for text in ("horse", "Horses", " a  horse ", "THE HORSE")}
    assert len(keys) == 1, keys
    assert shape(folder, "red dragon")["key"] != shape(folder, "blue dragon")["key"]


@test
def the_verb_option_replaces_the_verb_of_the_text(folder):
    assert shape(folder, "a horse galloping", "--verb", "flying")["motion"]["template"] == "fly"
    assert shape(folder, "horse")["motion"]["template"] == "idle"


@test
def a_sheet_shows_all_words_in_one_picture(folder):
    lumen("generate", "--sheet", "sheet.png", "-", folder=folder, text="cat\ndog\nred car\n")
    assert (folder / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in folder.iterdir()] == ["sheet.png"]


@test
def explain_answers_each_line_of_the_list(folder):
    texts = ["a red dragon flying slowly", "palm tree", "cat"]
    out, _ = lumen("generate", "--explain", "-", text="\n".join(texts))
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["text"] for answer in answers] == texts
    assert answers[0]["template"] == "dragon" and answers[0]["motion"] == "fly" and answers[0]["tempo"] < 1
    assert "red" in answers[0]["adjectives"]


@test
def quiet_prints_nothing_and_a_pipe_gets_no_progress_bar(folder):
    assert lumen("generate", "cat", "--quiet", "-o", "cat.ply", folder=folder) == ("", "")
    _, error = lumen("generate", "--sheet", "sheet.png", "-", folder=folder, text="cat\n" * 20)
    assert "\r" not in error and "\x1b" not in error


# ---- Any text ----------------------------------------------------------------------------------


@test
def what_no_table_knows_is_abstract_not_an_error(folder):
    for text in ("xyzzyplugh", "Ἑλλάς", "日本語", "🐴🐴", "?!"):
        assert shape(folder, text)["template_type"] == "abstract", text


@test
def code_is_only_text(folder):
    for text in ("'; DROP TABLE shapes; --", "$(touch hacked)", "<script>alert(1)</script>", "%s%n%x", "../../etc/passwd"):
        shape(folder, text)
    assert [path.name for path in folder.iterdir()] == ["shape.json"]


@test
def two_hundred_characters_are_counted_not_bytes(folder):
    shape(folder, "é" * 200)
    refused(folder, "generate", "é" * 201, "-o", "x.ply", naming="200")


# ---- How it fails ------------------------------------------------------------------------------


@test
def a_text_that_says_nothing_is_refused(folder):
    for text in ("", "   ", "\u3000\t"):
        refused(folder, "generate", text, "-o", "x.ply", naming="text")
    refused(folder, "generate", "12345", "-o", "x.ply", naming="digits")
    refused(folder, "generate", b"caf\xe9", "-o", "x.ply", naming="UTF-8")


@test
def a_value_out_of_range_is_refused(folder):
    for option, values in {"--points": ("255", "65537", "-1", "many", "", "1e3", "99999999999999999999"),
                           "--parts": ("17", "-1", "two"),
                           "--seed": ("-1", "x", "99999999999999999999999"),
                           "--quality": ("best",),
                           "--engine": ("steam",)}.items():
        for value in values:
            refused(folder, "generate", "cat", option, value, "-o", "x.ply", naming=option.lstrip("-"))


@test
def an_engine_that_is_not_there_is_never_replaced_silently(folder):
    refused(folder, "generate", "cat", "--engine", "partcrafter", "-o", "x.ply", naming="partcrafter")


@test
def an_unknown_command_or_option_is_named(folder):
    refused(folder, "generat", "cat", naming="generat")
    refused(folder, "generate", "cat", "--color", naming="--color")
    refused(folder, "generate", "cat", "-o", naming="-o")
    refused(folder, "generate", naming="text")


@test
def a_file_that_cannot_be_written_is_named_and_leaves_nothing(folder):
    refused(folder, "generate", "cat", "-o", "cat.xyz", naming="cat.xyz")
    refused(folder, "generate", "cat", "-o", "cat", naming="cat")
    refused(folder, "generate", "cat", "-o", "no/such/folder/cat.ply", naming="no/such/folder")
    refused(folder, "generate", "cat", "--sheet", "sheet.ply", naming="sheet.ply")


@test
def a_missing_list_of_concepts_is_named(folder):
    refused(folder, "generate", "cat", "--concepts", "none.concepts", "-o", "cat.ply", naming="none.concepts")


@test
def an_answer_that_cannot_be_printed_is_a_failure(folder):
    with open("/dev/full", "wb") as full:
        run = subprocess.run([LUMEN, "generate", "--explain", "cat"], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert run.returncode > 0 and run.stderr, "a full disk went unnoticed"


def main():
    global LUMEN
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lumen", required=True, type=lambda path: str(Path(path).resolve()), help="the command to test")
    LUMEN = parser.parse_args().lumen
    failed = 0
    for function in TESTS:
        name = "command: " + function.__name__.replace("_", " ")
        with tempfile.TemporaryDirectory() as folder:
            try:
                function(Path(folder))
                print(f"ok {name}", flush=True)
            except Exception as fault:
                failed += 1
                print(f"not ok {name}", flush=True)
                reason = str(fault) if isinstance(fault, AssertionError) and str(fault) else traceback.format_exc()
                print("".join(f"#   {line}\n" for line in reason.splitlines()), end="", flush=True)
    return failed > 0


if __name__ == "__main__":
    raise SystemExit(main())
