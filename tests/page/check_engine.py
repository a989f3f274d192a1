"""The engine in the browser is the engine: a real Chromium makes the shapes, files and meanings that the service makes.

    build/venv/bin/python tests/page/check_engine.py --lumen build/src/cli/lumen --page build/src/browser/page [NAME...]

Every function marked @test is one test, named for the behavior. Chromium is the system's own, with graphics in software.
Prints TAP, with the times and sizes that were measured as comments.
"""

import argparse
import gzip
import json
import random
import shutil
import statistics
import struct
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "service"))
from service import Service, Tests  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
tests = Tests("engine")
test = tests.test

# What every test may use; main fills it in.
service = None
browser = None
options = None
everyday = []

SMALL = {"points": 256, "quality": "fast"}
FACTS = ("text", "subject", "concept", "verb", "template_type", "part_names", "part_colors", "motion", "key", "seed",
         "pipeline", "bounding_box")


# ---- Chromium ------------------------------------------------------------------------------------------------


class Page:
    """A page with the engine and nothing else, under the policy of the service. At the end its console has said nothing,
    but for lines that hold one of `expected`. `canvas` False: no picture."""

    def __init__(self, canvas=False, expected=(), block=None):
        self.canvas, self.expected, self.block = canvas, expected, block

    def __enter__(self):
        self.said = []
        self.page = browser.new_page(viewport={"width": 200, "height": 150})
        # A document that is a script names no icon, and Chromium looks for one.
        self.page.on("console", lambda line: self.said.append(f"{line.type}: {line.text}")
                     if not line.location["url"].endswith("/favicon.ico") else None)
        self.page.on("pageerror", lambda fault: self.said.append(f"thrown: {fault}"))
        if self.block:
            self.page.route(self.block, lambda route: route.abort())
        # Any document of the service will do, and this one asks for nothing more.
        self.page.goto(f"{service.url}/engine.js")
        self.page.evaluate("""(canvas) => {
          document.body.replaceChildren();
          if (canvas) document.body.append(Object.assign(document.createElement('canvas'), { width: 120, height: 90 }));
          window.sha = async (array) => Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', array)),
            (byte) => byte.toString(16).padStart(2, '0')).join('');
          window.attempt = (make) => { try { return make(); } catch (fault) { return { refused: fault.message }; } };
          window.base64 = (bytes) => { let text = ''; for (const byte of bytes) text += String.fromCharCode(byte); return btoa(text); };
          // A clock of our own: as many frames as are asked for, a tenth of a second apart, however slow the machine.
          let now = 0;
          window.frames = (count, until = () => false) => {
            while (count-- > 0 && !until()) engine.frame(now += 0.1);
          };
          window.open = async (settings) => {
            const { openEngine } = await import('/engine.js');
            const canvas = document.querySelector('canvas');
            window.engine = await openEngine(canvas, settings);
            if (canvas) engine.resize(canvas.width, canvas.height, 1);
          };
        }""", self.canvas)
        return self

    def __exit__(self, kind, fault, trace):
        self.page.close()
        if kind is None:
            odd = [line for line in self.said if not any(part in line for part in self.expected)]
            assert not odd, f"the console says {odd[:5]}"

    def open(self, **settings):
        self.page.evaluate("open", settings)
        return self

    def run(self, script, value=None):
        return self.page.evaluate(script, value)


def served(text, **wanted):
    """The service's answer as JSON, or the status of its refusal."""
    answer = service.post("/generate", {"text": text, **wanted})
    return answer.json() if answer.status_code == 200 else answer.status_code


def served_all(orders):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda order: served(**order), orders))


MEANINGS = """(orders) => orders.map(({ text, ...wanted }) => attempt(() => engine.make(text, wanted).facts))"""


def differences(orders):
    """Where the engine in the page understands an order in another way than the service does. Each gets a seed of its own:
    requests that mean the same share a shape of the service, whose text is that of the first."""
    orders = [{**order, "seed": seed} for seed, order in enumerate(orders)]
    with Page() as page:
        here = page.open().run(MEANINGS, orders)
    found = []
    for order, mine, theirs in zip(orders, here, served_all(orders)):
        if "refused" in mine or isinstance(theirs, int):
            if "refused" not in mine or theirs != 422:
                found.append(f"{order}: {mine.get('refused', 'accepted')!r} here, {theirs if isinstance(theirs, int) else 200} there")
        else:
            found += [f"{order}: {name} is {mine[name]!r} here, {theirs[name]!r} there" for name in FACTS if mine[name] != theirs[name]]
    return found


# ---- Shapes --------------------------------------------------------------------------------------------------

SHAPES = [
    {"text": text} for text in (
        "cat", "a horse galloping", "person waving", "the old owl flies slowly", "shark", "red car", "airplane", "tree", "chair",
        "elephant", "tall giraffe", "snail", "bus", "bicycle", "table", "bed", "spider", "snake crawling", "whale", "sailboat",
        "locomotive", "castle", "hammer", "cup", "violin", "rose", "mountain", "star", "xyzzyplugh")
] + [
    {"text": "dragon", "seed": 7}, {"text": "dragon", "seed": 2**53 - 1}, {"text": "a tiny blue bird", "quality": "high"},
    {"text": "lighthouse", "quality": "fast", "points": 256}, {"text": "butterfly", "points": 65536}, {"text": "dog", "verb": "running"},
]


@test
def a_shape_has_the_same_bytes_here_and_there():
    with Page() as page:
        here = page.open().run("""async (orders) => Promise.all(orders.map(async ({ text, ...wanted }) => {
          const { facts, positions, parts, attachments } = engine.make(text, wanted);
          const eights = attachments.map((value) => Math.floor(Math.fround(Math.fround(value * 255) + 0.5)));
          return { facts, sums: await Promise.all([positions, parts, Uint8Array.from(eights)].map(sha)) };
        }))""", SHAPES)
    import base64
    import hashlib
    for order, mine, theirs in zip(SHAPES, here, served_all(SHAPES)):
        sums = [hashlib.sha256(base64.b64decode(theirs[name])).hexdigest() for name in ("positions", "part_ids", "attachments")]
        assert mine["sums"] == sums, f"{order} has other bytes"
        odd = [name for name in FACTS if mine["facts"][name] != theirs[name]]
        assert not odd, f"{order} says something else: {[(name, mine['facts'][name], theirs[name]) for name in odd]}"
    return f"{len(SHAPES)} shapes"


@test
def a_file_has_the_same_bytes_here_and_there():
    words = ["horse", "a red car", "star", "the Zürich Straßenbahn", 'a "quoted" \\ fish']
    with Page() as page:
        here = page.open().run("""(words) => words.map((word) => {
          const shape = engine.make(word, { seed: 77 });
          return Object.fromEntries(['ply', 'stl', 'glb'].map((format) => [format, base64(engine.file(shape, format))]));
        })""", words)
    import base64
    for word, files in zip(words, here):
        key = served(word, seed=77)["key"]
        for format, text in files.items():
            mine, theirs = base64.b64decode(text), service.get(f"/shapes/{key}.{format}").content
            if format == "glb":
                assert gltf(mine) == gltf(theirs), f"{word}.glb differs"
            else:
                assert mine == theirs, f"{word}.{format} differs"


def gltf(file):
    """The JSON of a GLB file, in which numbers may be written in more than one way, and its other chunk."""
    size = struct.unpack_from("<I", file, 12)[0]
    assert len(file) == struct.unpack_from("<I", file, 8)[0]
    return json.loads(file[20:20 + size]), file[20 + size:]


@test
def a_shape_from_elsewhere_becomes_a_ply_file_and_says_that_it_has_no_meshes():
    with Page() as page:
        said = page.open().run("""() => {
          const shape = engine.make('horse');
          const foreign = { ...shape, request: undefined, facts: { ...shape.facts, pipeline: 'partcrafter' } };
          const own = engine.file(shape, 'ply'), other = engine.file(foreign, 'ply');
          const text = (bytes) => new TextDecoder('latin1').decode(bytes);
          return { same: text(own).replace('pipeline procedural', 'pipeline partcrafter') === text(other),
                   glb: attempt(() => engine.file(foreign, 'glb')).refused, odd: attempt(() => engine.file(shape, 'obj')).refused };
        }""")
    assert said["same"], "the points of the PLY file differ"
    assert "service" in said["glb"] and "ply, glb or stl" in said["odd"]


# ---- Words ---------------------------------------------------------------------------------------------------

TEXTS = [
    # Letters that fold, compose, or fall apart.
    "STRASSE", "Straße", "STRAẞE", "İstanbul", "ISTANBUL", "ıssız", "ΣΊΣΥΦΟΣ", "σίσυφος", "Ὀδυσσεύς", "ᾳ", "ΰ", "ŉ", "ǰ", "ﬁsh", "ﬄ", "ﬆar",
    "Ⅻ horses", "①②③ cats", "½ apple", "㎏", "ｈｏｒｓｅ", "Ｈｏｒｓｅ　ｇａｌｌｏｐｉｎｇ", "ℌorse", "🄷orse", "ᏣᎳᎩ", "ꭰꮳꮃ", "ǅ", "ǆ", "Ω", "Å", "K",
    "café", "cafe\u0301", "CAFÉ", "cafe\u0301\u0327", "naïve cat", "Zürich", "Zu\u0308rich", "piñata", "jalapeño", "façade", "crème brûlée",
    "a\u0301\u0301\u0301b", "q\u0307\u0323", "q\u0323\u0307", "\u0301horse", "α\u0345\u0301", "α\u0301\u0345", "한국어", "\u1112\u1161\u11ab", "각", "가\u11a8",
    # Other scripts.
    "马", "馬", "うま", "ウマ", "ｳﾏ", "ガ", "か\u3099", "말", "лошадь", "ЛОШАДЬ", "ёлка", "άλογο", "حصان", "الحصان", "حِصَان", "\ufdfa", "סוס", "סוּס",
    "घोड़ा", "घोडा\u093c", "ม้า", "მხედარი", "ᲛᲮᲔᲓᲐᲠᲘ", "ձի", "և", "ܣܘܣܝܐ", "ⲥⲱ", "ⵣ", "𐐀𐐨", "𝒽𝑜𝓇𝓈𝑒", "𠀀", "ꙮ",
    # Emoji and what joins them.
    "🐎", "🐎 galloping", "a 🐈", "👩‍🚀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇫🇷", "1️⃣", "❤️ beating", "☂", "☂\ufe0e",
    # Spaces, controls and what is not seen.
    " horse ", "\thorse\n", "horse\r\ngalloping", "horse\u00a0galloping", "horse\u2003galloping", "horse\u3000galloping", "ho\u00adrse",
    "ho\u200brse", "horse\u200b galloping", "\ufeffhorse", "ho\u200drse", "\u202ehorse\u202c", "horse\u0085cat", "horse\u0007", "\u001b[31mhorse", "\u2028horse\u2029",
    "horse\u180e", "\u2800", "\u3164", "", " ", "\u200b", "\u00ad\u200d", "\t\n", "\u0000"[:0],
    # Punctuation.
    "rock'n'roll", "rock’n’roll", "rock‘n’roll", "rockʼn`roll", "o´clock", "the dog's bone", "the dogs’ bone", "it's", "don't run", "fire-engine",
    "fire‐engine", "fire‑engine", "fire–engine", "fire—engine", "fire―engine", "fire−engine", "long-necked giraffe", "well‐known horse", "horse!", "¿horse?",
    "«horse»", "“a horse”", "‚horse‘", "「馬」", "horse…", "horse...", "horse, cat; dog: owl", "(horse)", "[horse]", "{horse}", "horse/cat", "horse\\cat", "horse_cat",
    "#horse", "@horse", "horse & cat", "horse+cat", "$horse", "€horse", "50% horse", "horse*", "horse†", "§ horse", "horse•cat", "horse·cat", "~horse", "^horse", "|horse|",
    "<b>horse</b>", "'; DROP TABLE horses; --", "../../etc/passwd", "horse\\n", "%00horse", "{{horse}}", "${horse}",
    # Digits.
    "123", "１２３", "١٢٣", "१२३", "12 34", "1.5", "3 horses", "r2d2", "𝟙𝟚", "²", "①", "Ⅳ",
    # Sentences.
    "the old owl flies slowly", "THE OLD OWL FLIES SLOWLY", "two big red dragons are fighting fiercely", "a cat with a long tail sits", "children playing in the park",
    "horses", "ponies", "geese flying south", "mice", "wolves howling", "she runs", "who is that", "why", "the", "a the of", "galloping", "slowly", "red", "very very fast car",
    "a palm tree swaying gently in the wind", "the quick brown fox jumps over the lazy dog", "an angry elephant that dances", "person walking", "Mr. Smith's car",
    "hot dog", "hot-dog", "sea horse", "seahorse", "sea-horse", "polar bear", "teddy bear dancing", "washing machine spinning", "butterfly flapping its wings",
    # Long ones.
    "horse " * 33, "x" * 200, "x" * 201, "é" * 200, "é" * 201, "🐎" * 200, "🐎" * 201, "\ufdfa" * 60, "ß" * 200, "ΰ" * 200, "a " * 100, "a " * 101, "\u0344" * 200, "ffi " * 50,
    "ﬃ" * 200, "supercalifragilisticexpialidocious" * 5, "-" * 200, "' " * 100,
]


@test
def a_text_means_the_same_here_and_there():
    orders = [{"text": text, **SMALL} for text in TEXTS]
    orders += [{"text": "horse", "verb": verb, **SMALL} for verb in
               ("galloping", "GALLOPS", "ran", "  fly ", "", " ", "\u200b", "xyzzy", "running quickly", "ｆｌｙ", "ﬂy", "fly\u00ad", "123", "🐎", "don’t")]
    words = ["owl", "RED", "straße", "ﬁre", "the", "flies", "slowly", "’s", "-", "—", "\u0301", "\u200d", "🐎", "ß", "İ", "ς", "Σ", "١", "한", "\u3099", "か", " ", "\t", ".", "«", "ё", "Ω"]
    draw = random.Random(4)
    orders += [{"text": "".join(draw.choices(words, k=draw.randint(1, 9))), **SMALL} for _ in range(150)]
    found = differences(orders)
    assert not found, "\n".join(found[:20])
    return f"{len(orders)} texts"


@test
def every_character_means_the_same_here_and_there():
    def chosen(code):
        """All that this Python knows, but of the tens of thousands of ideographs and syllables one in fifty."""
        category = unicodedata.category(chr(code))
        crowd = 0x3400 <= code <= 0x9fff or 0xac00 <= code <= 0xd7a3 or 0x17000 <= code <= 0x18d08 or 0x20000 <= code <= 0x3134f
        return code > 0 and category not in ("Cn", "Cs", "Co") and (not crowd or code % 50 == 0)

    codes = [code for code in range(0x110000) if chosen(code)]
    batches = ["".join(map(chr, codes[at:at + 100])) for at in range(0, len(codes), 100)]
    # A letter between them keeps marks from running together, and digits alone from being refused.
    batches += ["x".join(batch) for batch in batches[::3]]
    orders = [{"text": batch, **SMALL} for batch in batches]
    found = differences(orders)
    assert not found, "\n".join(found[:20])
    return f"{len(codes)} characters in {len(orders)} texts"


@test
def half_a_character_is_a_replacement_character():
    with Page() as page:
        text = page.open().run("() => engine.make('horse \\ud83d').facts.text")
    assert text == "horse \ufffd", "a lone surrogate has no UTF-8, so it arrives as U+FFFD"


@test
def a_refusal_is_a_sentence_that_helps():
    orders = [{"text": ""}, {"text": "123"}, {"text": "x" * 201}, {"text": "horse", "points": 3}, {"text": "horse", "points": 1e9},
              {"text": "horse", "seed": -1}, {"text": "horse", "seed": 1.5}, {"text": "horse", "quality": "best"}, {"text": "a\u0000b"}]
    with Page() as page:
        said = page.open().run(MEANINGS, orders)
    for order, answer in zip(orders, said):
        message = answer.get("refused", "")
        assert message[:1].isupper() and message.endswith(".") and len(message) > 20, f"{order}: {message!r}"


# ---- The picture ---------------------------------------------------------------------------------------------

SHOW = """async (word) => {
  engine.show(engine.make(word));
  frames(100, () => engine.phase() === 'move');
  return engine.phase();
}"""


@test
def a_shape_is_shown_and_its_particles_stand_on_its_points():
    with Page(canvas=True) as page:
        page.open(side=64)
        assert page.run("engine.phase()") == "idle"
        assert page.run(SHOW, "chair") == "move"
        farthest, parts = page.run("""async () => {
          const shape = engine.make('chair');
          frames(30);
          const now = engine.read();
          let farthest = 0;
          for (let i = 0; i < 3 * 2048; i++) farthest = Math.max(farthest, Math.abs(now.positions[i] - shape.positions[i]));
          return [farthest, shape.parts.every((part, i) => part === now.parts[i])];
        }""")
        assert farthest < 0.1, f"a particle stands {farthest} from its point"
        assert parts, "particles have other parts than their points"
        facts = page.run("engine.facts()")
        assert facts["particles"] == 64 * 64 and facts["frames"] > 0 and facts["version"]
        assert len(page.run("engine.partColors()")) == 3
        assert page.run("engine.frame(99)") in (True, False)
    return f"float targets: {facts['floatTargets']}, {facts['frameCpuMs']:.2f} ms of the page's thread a frame"


@test
def a_lost_context_comes_back_with_the_sculpture():
    lost = """async () => {
      const canvas = document.querySelector('canvas');
      const happens = (name) => new Promise((done) => canvas.addEventListener(name, () => setTimeout(done), { once: true }));
      const extension = canvas.getContext('webgl2').getExtension('WEBGL_lose_context');
      const gone = happens('webglcontextlost');
      extension.loseContext();
      await gone;
      const without = [engine.frame(1), engine.facts().particles, engine.partAt(60, 45)];
      const back = happens('webglcontextrestored');
      extension.restoreContext();
      await back;
      frames(100, () => engine.phase() === 'move');
      return { without, phase: engine.phase(), particles: engine.facts().particles, parts: new Set(engine.read().parts).size };
    }"""
    with Page(canvas=True, expected=("CONTEXT_LOST",)) as page:
        page.open(side=64)
        page.run(SHOW, "horse")
        after = page.run(lost)
        assert after == {"without": [False, 0, 0], "phase": "move", "particles": 4096, "parts": 6}, after
        assert page.run(lost) == after, "a second time it does not come back"


@test
def a_plan_made_by_hand_moves_the_part_that_it_names():
    with Page(canvas=True) as page:
        page.open(side=64)
        page.run(SHOW, "chair")
        primitives, motions, walk, nothing = page.run(
            "[engine.primitives(), engine.motions(), engine.motionText('walk'), engine.motionText('nothing')]")
        assert len(primitives) == 15 and len({one["name"] for one in primitives}) == 15
        assert {"idle", "walk", "fly"} <= set(motions) and walk.startswith("motion walk\n") and nothing == ""
        moved = page.run("""async () => {
          const bend = engine.primitives().find((one) => one.name === 'oscillate_translate');
          engine.plan([{ row: 2, primitive: bend.id, axis_x: 0, axis_y: 1, axis_z: 0, amplitude: 0.4, frequency: 1 }]);
          const least = [9, 9, 9, 9], most = [-9, -9, -9, -9];
          for (let round = 0; round < 20; round++) {
            frames(1);
            const { positions, parts } = engine.read();
            const first = [1, 2, 3].map((part) => parts.indexOf(part));
            first.forEach((index, k) => {
              least[k] = Math.min(least[k], positions[3 * index + 1]);
              most[k] = Math.max(most[k], positions[3 * index + 1]);
            });
          }
          return most.map((value, k) => value - least[k]);
        }""")
        assert moved[1] > 0.4 > 5 * max(moved[0], moved[2]), f"the parts have moved by {moved}"
        assert "row 33" in page.run("attempt(() => engine.plan([{ row: 33, primitive: 0 }])).refused")
        assert "primitive 99" in page.run("attempt(() => engine.plan([{ row: 1, primitive: 99 }])).refused")


@test
def a_voice_is_heard():
    with Page() as page:
        low, high, silence = page.open().run("""() => {
          const hear = (hertz, loud) => engine.hear(Float32Array.from({ length: 9600 }, (_, i) => loud * Math.sin(i * 2 * Math.PI * hertz / 48000)), 48000);
          const heard = [hear(110, 0.5), hear(440, 0.5), (hear(110, 0), hear(110, 0), hear(110, 0))];
          engine.deaf();
          return heard;
        }""")
    assert abs(low["pitch"] - 110) < 3 and abs(high["pitch"] - 440) < 10 and silence["pitch"] == 0, (low, high, silence)
    assert low["loudness"] > 0.7 and silence["loudness"] < low["loudness"] and high["brightness"] > low["brightness"]


@test
def what_is_missing_is_said_in_words():
    with Page(canvas=True) as page:
        said = page.run("""async () => {
          document.querySelector('canvas').getContext('2d');
          return open({}).then(() => 'opened', (fault) => fault.message);
        }""")
        assert "WebGL 2" in said and said.endswith("."), said
        page.run("document.querySelector('canvas').remove()")
        assert page.run("async () => { await open({}); return engine.make('cat').parts.length; }") == 2048, "shapes need no canvas"
        assert "Nothing is drawn" in page.run("attempt(() => engine.read()).refused")
    with Page(block="**/lumen.wasm", expected=("lumen.wasm", "ERR_FAILED", "wasm streaming", "ArrayBuffer", "fetch")) as page:
        said = page.run("() => open({}).then(() => 'opened', (fault) => fault.message)")
        assert said.startswith("The sculptor could not be loaded") and said.endswith("."), said


# ---- What it costs -------------------------------------------------------------------------------------------


@test
def two_hundred_words_leave_the_memory_flat():
    with Page(canvas=True) as page:
        page.open(side=64)
        after = page.run("""(words) => [0, 1, 2].map(() => {
          for (const [count, word] of [...words, words[0]].entries()) {
            engine.show(engine.make(word));
            attempt(() => engine.make('123'));
            if (count % 10 === 0) {
              engine.file(engine.make(word), 'glb');
              frames(1);
            }
          }
          return engine.facts().memoryBytes;
        })""", everyday[:67])
        # The first round fills what is kept for the next word; a shape's JSON may be a few bytes longer or shorter.
        assert abs(after[2] - after[1]) < 5000, f"it grows: {after}"
        # An engine that is closed gives everything back.
        left = page.run("""async () => {
          const { openEngine } = await import('/engine.js');
          for (let i = 0; i < 5; i++) { const one = await openEngine(null); one.make('cat'); one.close(); }
          return engine.facts().memoryBytes;
        }""")
        assert left == after[2], f"{left - after[2]} bytes stay behind"
    return f"{after[2] / 1e6:.1f} MB"


@test
def the_times_are_measured():
    words = everyday[:200]
    with Page() as page:
        opened, first, times = page.run("""async (words) => {
          const timed = (call) => { const began = performance.now(); call(); return performance.now() - began; };
          const began = performance.now();
          await open({});
          const opened = performance.now() - began;
          await new Promise((done) => setTimeout(done, 500)); // as if somebody typed
          return [opened, timed(() => engine.make('a horse galloping')), words.map((word) => timed(() => engine.make(word)))];
        }""", words)
    times.sort()
    return (f"openEngine {opened:.0f} ms, the first word {first:.0f} ms, then {len(words)} everyday words: median "
            f"{statistics.median(times):.1f} ms, 99 of 100 below {times[len(times) * 99 // 100]:.1f} ms, worst {times[-1]:.1f} ms")


@test
def the_whole_page_is_smaller_than_a_megabyte_on_the_way():
    files = sorted(path for path in options.page.iterdir() if path.is_file() and path.suffix != ".gz")
    assert {"index.html", "engine.js", "lumen.js", "lumen.wasm"} <= {path.name for path in files}
    lines, whole = [], 0
    for path in files:
        raw = path.read_bytes()
        small = Path(f"{path}.gz").read_bytes()
        assert gzip.decompress(small) == raw, f"{path.name}.gz is of another {path.name}"
        assert small[4:8] == bytes(4), f"{path.name}.gz carries a time, so that no second build gives the same"
        whole += len(small)
        lines.append(f"{path.name}: {len(raw)} bytes, {len(small)} on the way")
    assert whole < 1000000, f"{whole} bytes on the way"
    return "\n".join([*lines, f"in all {whole} on the way"])


def main():
    global service, browser, options, everyday
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lumen", required=True, type=lambda path: str(Path(path).resolve(strict=True)), help="the command")
    parser.add_argument("--page", required=True, type=lambda path: Path(path).resolve(strict=True), help="src/browser/page of its build")
    parser.add_argument("only", nargs="*", help="run only the tests whose name holds one of these")
    options = parser.parse_args()
    listed = (ROOT / "tests/vocabulary/everyday_200.txt").read_text(encoding="utf-8").splitlines()
    everyday = [line.split(":")[0].strip() for line in listed if line.strip() and not line.startswith("#")]
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("not ok engine: there is a browser\n#   install chromium")
        return 1
    with sync_playwright() as playwright, Service(options.lumen, cache=False) as running:
        service = running
        browser = playwright.chromium.launch(executable_path=chromium, args=[
            "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"])
        failed = tests.run(options.only)
        browser.close()
        return failed


sys.exit(main())
