"""The page as a person meets it: a real Chromium with software graphics, the real service, the engine in the page.

    build/venv/bin/python tests/page/check_page.py --lumen build/src/cli/lumen --page build/src/browser/page [NAME...]

Prints TAP. Chromium is the system's own, so nothing is downloaded.
"""

import argparse
import base64
import io
import json
import os
import re
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy
import trimesh
from PIL import Image, ImageChops
from playwright.sync_api import expect, sync_playwright
from scipy.spatial import cKDTree

sys.path.insert(0, str(Path(__file__).parents[1] / "service"))
from host import Host, binary_message, two_balls  # noqa: E402
from service import Service, Tests  # noqa: E402
from service import wait_for as wait_at_most  # noqa: E402

# What every test may use; main fills it in.
browser = None
service = None  # the real one, without a key
options = None
launch = None


def end_browser():
    """Kills the browser under a test that hangs: whatever it waits for then fails. The next page opens a new one."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            number, name, rest = re.match(r"(\d+) \((.*)\) (.*)", status.read_text(), re.DOTALL).groups()
            parents[int(number)] = int(rest.split()[1]), name
    for process, (parent, name) in parents.items():
        while parent in parents and parent != os.getpid():
            parent = parents[parent][0]
        if parent == os.getpid() and name.startswith("chrom"):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


tests = Tests("page", overdue=end_browser)
test = tests.test

WINDOW = {"width": 640, "height": 400}
MOVING = {"reduced_motion": "no-preference"}
FORMED = "['settle', 'move'].includes(lumenEngine.phase())"


def wait_for(what, condition, seconds=40):
    """As long as a machine with other work may take."""
    return wait_at_most(what, condition, seconds, every=0.02)


# ---- A page and what is on it ---------------------------------------------------------------------------------


@contextmanager
def opened(address="", base=None, expected=(), before="", gl=False, **context_options):
    """A page in a context of its own. At the end it has said nothing on its console, but for lines that hold one of
    `expected`. `before`: a script that runs ahead of the page's. `gl`: with WebGL, which takes software graphics three
    seconds to begin with; the page's flat view does for all that is not about the picture. Nothing moves by itself, so
    that pictures can be compared and the machine rests; `**MOVING` lets it move."""
    global browser
    if not browser.is_connected():
        kept.clear()
        browser = launch()
    context = browser.new_context(**{"viewport": WINDOW, "reduced_motion": "reduce", **context_options})
    context.set_default_timeout(40_000)
    page = context.new_page()
    said = []
    page.on("console", lambda line: said.append(f"{line.type}: {line.text}") if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda fault: said.append(f"thrown: {fault}"))
    page.add_init_script(before + ("" if gl else WITHOUT_GL))
    try:
        page.goto((base or service.url).rstrip("/") + "/" + address, wait_until="load")
        until(page, "window.lumenEngine !== undefined")
        yield page
        unexpected = [line for line in said if not any(part in line for part in (*expected, "GPU stall due to ReadPixels"))]
        assert not unexpected, f"the console says {unexpected}"
    finally:
        if browser.is_connected():
            context.close()


kept = {}


@contextmanager
def resting(text):
    """A page with WebGL that several tests share, because it is slow to open; nothing moves on it, and it shows `text`."""
    with shared("resting", gl=True) as page:
        if page.evaluate("window.lumenShape?.facts.text") != text:
            say(page, text)
        page.keyboard.press("0")
        page.locator("#stage").focus()
        page.keyboard.press("0")
        page.mouse.move(320, 5)
        wait_for("rest", lambda: rests(page))
        yield page


@contextmanager
def shared(name, **how):
    if name not in kept:
        manager = opened(**how)
        kept[name] = (manager, manager.__enter__())
    try:
        yield kept[name][1]
    except BaseException as fault:  # the next test gets a new one
        manager, _ = kept.pop(name)
        manager.__exit__(type(fault), fault, fault.__traceback__)
        raise


@contextmanager
def moving():
    """The same, and it moves; in between it rests, so that it takes no time from the others."""
    with shared("moving", gl=True) as page:
        page.emulate_media(reduced_motion="no-preference")
        until(page, "document.getElementById('turn').getAttribute('aria-pressed') === 'true'")
        yield page
        page.emulate_media(reduced_motion="reduce")


WITHOUT_GL = """{ const get = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...more) { return kind.startsWith('webgl') ? null : get.call(this, kind, ...more); }; }"""


def until(page, expression):
    """Waits until a JavaScript expression is true. (Playwright's own way needs what the page's policy forbids.)"""
    return wait_for(expression, lambda: page.evaluate(expression))


def say(page, text, formed=False):
    """Types a word and waits until it is there."""
    page.locator("#word").focus()
    page.locator("#word").fill(text)
    page.keyboard.press("Enter")
    until(page, f"window.lumenShape?.facts.text === {json.dumps(text)}")
    if formed:
        form(page)


def form(page):
    until(page, FORMED)


def array(page, expression, kind):
    """A typed array of the page, as numpy's."""
    text = page.evaluate(f"""() => {{
        const bytes = new Uint8Array(new {kind}({expression}).buffer);
        let text = '';
        for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
        return btoa(text);
    }}""")
    return numpy.frombuffer(base64.b64decode(text), {"Float32Array": "<f4", "Uint8Array": "u1"}[kind])


def particles(page):
    """(positions (n, 3), part ids (n)) as drawn now."""
    return array(page, "lumenEngine.read().positions", "Float32Array").reshape(-1, 3), array(page, "lumenEngine.read().parts", "Uint8Array")


def shape(page):
    return array(page, "lumenShape.positions", "Float32Array").reshape(-1, 3), array(page, "lumenShape.parts", "Uint8Array")


def away(page):
    """How far the particles are from the nearest point of the shape: (mean, 95th of a hundred)."""
    distances = cKDTree(shape(page)[0]).query(particles(page)[0])[0]
    return distances.mean(), numpy.percentile(distances, 95)


def picture(page):
    box = page.evaluate("(() => { const b = document.getElementById('stage').getBoundingClientRect(); return [b.width, b.bottom]; })()")
    shot = page.screenshot(clip={"x": 0, "y": 0, "width": box[0], "height": box[1]})
    return Image.open(io.BytesIO(shot)).convert("RGB")


def difference(one, other):
    """The mean difference of two pictures, 0 to 255."""
    return numpy.asarray(ImageChops.difference(one, other), dtype=float).mean()


def notice(page):
    """What the page says, but for what it always says where there is no WebGL."""
    text = page.locator("#notice").inner_text()
    return "" if "WebGL 2" in text else text


# ---- Words ---------------------------------------------------------------------------------------------------


@test
def a_word_takes_shape():
    with moving() as page:
        assert page.evaluate("document.body.classList.contains('idle') && lumenEngine.phase() === 'idle'")
        say(page, "teapot")
        mean, far = wait_for("the teapot", lambda: (lambda found: found if found[0] < 0.04 else None)(away(page)))
        positions, parts = particles(page)
        points, ids = shape(page)
        assert len(positions) == page.evaluate("lumenEngine.facts().particles") == 128 * 128
        nearest = ids[cKDTree(points).query(positions)[1]]
        assert (nearest == parts).mean() > 0.9, "the particles carry the parts of where they stand"
        assert page.title() == "teapot · Lumen"
        expect(page.locator("#caption")).to_contain_text("teapot")
        expect(page.locator("#tell")).to_contain_text(re.compile(r"teapot: \d+ parts \("))
        return f"mean distance from the shape {mean:.4f}, 95 % within {far:.4f}"


@test
def the_bird_flies_with_its_wings_and_not_with_its_head():
    with moving() as page:
        say(page, "the bird flies")
        until(page, "lumenEngine.phase() === 'move'")
        names = page.evaluate("lumenShape.facts.part_names")
        seen = []
        for _ in range(8):
            positions, parts = particles(page)
            # What the body does, all do: only what a part does beside that counts.
            seen.append(positions - positions[parts == names.index("body") + 1].mean(axis=0))
            page.wait_for_timeout(90)
        ways = numpy.ptp(numpy.array(seen), axis=0).max(axis=1)
        moved = {name: float(ways[parts == index + 1].mean()) for index, name in enumerate(names)}
        for wing in ("left_wing", "right_wing"):
            assert moved[wing] > 0.08 and moved[wing] > 4 * moved["head"], moved
        return ", ".join(f"{name} {way:.3f}" for name, way in moved.items())


@test
def a_new_word_may_interrupt_a_change_at_any_moment():
    with moving() as page:
        for moment in ("dissolve", "reform", "settle"):
            # Inside the page: from here, a short moment would be over before it is asked for.
            page.evaluate("""async ([word, moment, next]) => {
                const say = (text) => {
                    const field = document.getElementById('word');
                    field.value = text;
                    field.form.requestSubmit();
                };
                say(word);
                const late = performance.now() + 30000;
                while (lumenEngine.phase() !== moment) {
                    if (performance.now() > late) throw new Error(`no ${moment} within 30 s`);
                    await new Promise((go) => setTimeout(go, 5));
                }
                say(next);
            }""", ["horse", moment, "teapot"])
        form(page)
        wait_for("the teapot", lambda: away(page)[0] < 0.04)


@test
def typing_anywhere_begins_a_word():
    with opened() as page:
        say(page, "cup")
        page.locator("#stage").focus()
        page.keyboard.type("house")
        assert page.evaluate("document.activeElement.id") == "word"
        assert page.locator("#word").input_value() == "house"
        page.keyboard.press("Enter")
        until(page, "lumenShape.facts.text === 'house'")
        page.keyboard.type("lamp")  # the next word replaces this one
        assert page.locator("#word").input_value() == "lamp"


@test
def what_is_no_word_is_told_and_what_is_there_stays():
    with opened() as page:
        say(page, "cup")
        page.locator("#word").fill("12345")
        page.keyboard.press("Enter")
        expect(page.locator("#notice")).to_contain_text("digits")
        assert page.locator("#word").get_attribute("aria-invalid") == "true"
        assert page.evaluate("lumenShape.facts.text") == "cup"
        say(page, "<script>alert(1)</script>")
        expect(page.locator("#caption")).to_contain_text("abstract")


@test
def another_one_is_of_the_same_kind_and_not_the_same():
    with opened() as page:
        say(page, "oak tree")
        before = shape(page)[0]
        page.locator("#another").click()
        until(page, "lumenShape.facts.seed === 1")
        assert page.evaluate("lumenShape.facts.text") == "oak tree"
        assert not numpy.array_equal(before, shape(page)[0])
        assert "seed=1" in page.url


@test
def from_enter_to_the_first_moving_particle():
    with moving() as page:
        times = []
        # A frame is there when its pixels can be read, not when it was asked for.
        page.evaluate("""() => {
            const frame = lumenEngine.frame.bind(lumenEngine), gl = document.querySelector('#stage canvas').getContext('webgl2');
            let last;
            lumenEngine.frame = (time) => {
                const again = frame(time);
                if (last !== lumenTimings.made) {
                    last = lumenTimings.made;
                    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
                    window.drawn = performance.now();
                }
                return again;
            };
        }""")
        for text in ("cat", "a horse galloping", "dragon", "bicycle", "the bird flies", "castle", "owl"):
            page.locator("#word").fill("")
            page.keyboard.type(text, delay=70)
            page.keyboard.press("Enter")
            until(page, "window.drawn > lumenTimings.entered")
            times.append(page.evaluate("[lumenTimings.made - lumenTimings.entered, drawn - lumenTimings.entered]"))
        made, moved = (statistics.median(column) for column in zip(*times))
        # A bound that a busy machine with software graphics keeps; what is aimed at is 50 ms.
        assert moved < 2000, times
        return f"median of {len(times)}: shape made in {made:.1f} ms, first moved frame drawn after {moved:.1f} ms"


# ---- Looking around ------------------------------------------------------------------------------------------------


@test
def orbit_zoom_and_keys_change_the_picture():
    with resting("a red horse") as page:
        before = picture(page)
        assert difference(before, picture(page)) < 0.02, "at rest it looks the same twice"
        page.mouse.move(320, 160)
        page.mouse.down()
        page.mouse.move(420, 180, steps=4)
        page.mouse.up()
        page.mouse.move(320, 5)
        wait_for("the drag", lambda: difference(before, picture(page)) > 0.5)
        page.keyboard.press("0")
        wait_for("the first view", lambda: difference(before, picture(page)) < 0.3)
        for key in ("ArrowLeft", "ArrowUp", "+", "-"):
            there = picture(page)
            for _ in range(4):
                page.keyboard.press(key)
            wait_for(f"the key {key}", lambda: difference(there, picture(page)) > 0.3)
        there = picture(page)
        page.mouse.move(320, 160)
        page.mouse.wheel(0, -300)
        wait_for("the wheel", lambda: difference(there, picture(page)) > 0.5)
        assert page.evaluate("document.getElementById('turn').disabled"), "who wants less motion is not turned around"


def rests(page):
    """Whether no frame is drawn any more, though the browser would."""
    return page.evaluate("""async () => {
        const before = lumenEngine.facts().frames;
        for (let i = 0; i < 4; i++) await new Promise(requestAnimationFrame);
        return lumenStage.rests && lumenEngine.facts().frames === before;
    }""")


@test
def it_turns_until_it_is_told_not_to():
    with opened("#cup", **MOVING) as page:
        page.evaluate("""() => { const turn = lumenEngine.turn.bind(lumenEngine); lumenEngine.turn = (on) => { window.turns = on; turn(on); }; }""")
        pressed = lambda: page.locator("#turn").get_attribute("aria-pressed")
        assert pressed() == "true"
        page.locator("#stage").focus()
        page.keyboard.press(" ")
        assert pressed() == "false" and page.evaluate("turns") is False
        page.locator("#view summary").click()
        page.locator("#turn").click()
        assert pressed() == "true" and page.evaluate("turns") is True


@test
def the_legend_lights_parts():
    with resting("a red horse") as page:
        page.locator("#word").focus()
        names = [name.replace("_", " ") for name in page.evaluate("lumenShape.facts.part_names")]
        buttons = page.locator("#parts button")
        assert buttons.all_inner_texts() == names
        colors = page.evaluate("lumenEngine.partColors()")
        assert len({tuple(color) for color in colors}) == len(names), "each part has a color of its own"
        shown = page.evaluate("[...document.querySelectorAll('#parts button')].map(b => getComputedStyle(b).getPropertyValue('--part'))")
        assert shown == [f"rgb({' '.join(map(str, color))})" for color in colors]
        plain = picture(page)
        buttons.nth(0).hover()
        wait_for("the lit head", lambda: difference(plain, picture(page)) > 0.5)
        page.mouse.move(320, 5)
        wait_for("all parts", lambda: difference(plain, picture(page)) < 0.2)
        buttons.nth(1).click()
        assert buttons.nth(1).get_attribute("aria-pressed") == "true"
        page.mouse.move(320, 5)
        page.locator("#word").focus()
        wait_for("the pinned body", lambda: difference(plain, picture(page)) > 0.5)
        buttons.nth(1).click()
        page.mouse.move(320, 5)
        page.locator("#word").focus()
        wait_for("all parts again", lambda: difference(plain, picture(page)) < 0.2)


@test
def a_click_on_the_sculpture_names_the_part():
    with resting("a red horse") as page:
        box = page.locator("#stage").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        name = notice(page)
        assert name and name.replace(" ", "_") in page.evaluate("lumenShape.facts.part_names"), name
        assert page.locator("#parts button[aria-pressed=true]").inner_text() == name
        page.mouse.click(20, 380 - 60)
        assert page.locator("#parts button[aria-pressed=true]").count() == 0


@test
def true_colors_are_shown_on_wish():
    with resting("a red horse") as page:
        page.locator("#view summary").focus()
        before = picture(page)
        page.locator("#view summary").click()
        page.locator("#colors").click()
        assert page.locator("#colors").get_attribute("aria-pressed") == "true"
        page.keyboard.press("Escape")
        wait_for("the other colors", lambda: difference(before, picture(page)) > 0.3)
        shown = page.evaluate("[...document.querySelectorAll('#parts button')].map(b => b.style.getPropertyValue('--part'))")
        assert shown == page.evaluate("lumenShape.facts.part_colors")
        page.locator("#view summary").click()
        page.locator("#colors").click()
        page.keyboard.press("Escape")


@test
def the_number_of_particles_can_be_chosen():
    with opened("#cup") as page:
        page.locator("#view summary").click()
        page.locator("#side").select_option("256")
        until(page, "lumenShape.parts.length === 65536")
        assert "points=65536" in page.url, "the link tells it too"
    side = "localStorage.setItem('lumen-side', '256');"
    with opened("#cup", gl=True, before=side) as page:  # as it is found at the next visit
        assert page.evaluate("lumenEngine.facts().particles") == 65536


# ---- Links and history ----------------------------------------------------------------------------------------------


@test
def a_link_opens_the_same_sculpture():
    with opened() as page:
        say(page, "a horse galloping, 100 % & more")
        page.locator("#another").click()
        until(page, "lumenShape.facts.seed === 1")
        link, key, positions = page.url, page.evaluate("lumenShape.facts.key"), shape(page)[0]
    with opened(link.split("/", 3)[3]) as page:
        until(page, "window.lumenShape")
        assert page.evaluate("lumenShape.facts.key") == key
        assert numpy.array_equal(shape(page)[0], positions)
        assert page.locator("#word").input_value() == "a horse galloping, 100 % & more"


@test
def copy_link_copies_the_link():
    with opened("#cup", permissions=["clipboard-read", "clipboard-write"]) as page:
        page.locator("#save summary").click()
        page.locator("#copy").click()
        expect(page.locator("#notice")).to_contain_text("copied")
        assert page.evaluate("navigator.clipboard.readText()") == page.url


@test
def back_and_forward_walk_through_the_words():
    with opened() as page:
        for text in ("cat", "dog", "owl"):
            say(page, text)
        page.go_back()
        until(page, "lumenShape.facts.text === 'dog'")
        assert page.locator("#word").input_value() == "dog"
        page.go_back()
        page.go_back()
        until(page, "document.body.classList.contains('idle') && lumenEngine.phase() === 'idle'")
        page.go_forward()
        until(page, "lumenShape?.facts.text === 'cat'")


@test
def history_keeps_words_until_they_are_forgotten():
    with opened() as page:
        for text in ("cat", "dog", "owl"):
            say(page, text)
        page.locator("#history summary").click()
        assert page.locator("#recent a").all_inner_texts() == ["owl", "dog", "cat"]
        page.locator("#previous").click()
        until(page, "lumenShape.facts.text === 'dog'")
        assert page.locator("#recent [aria-current]").inner_text() == "dog"
        page.locator("#next").click()
        until(page, "lumenShape.facts.text === 'owl'")
        page.keyboard.press("Escape")
        page.locator("#word").focus()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        until(page, "lumenShape.facts.text === 'cat'")
        page.reload()
        until(page, "window.lumenShape?.facts.text === 'cat'")
        page.locator("#history summary").click()
        page.locator("#recent a", has_text="dog").click()
        until(page, "lumenShape.facts.text === 'dog'")
        page.locator("#forget").click()
        assert page.locator("#recent a").count() == 0
        assert page.evaluate("localStorage.getItem('lumen-history')") == "[]"


# ---- Files -------------------------------------------------------------------------------------------------------------


def saved(page, ending):
    if not page.evaluate("document.getElementById('save').open"):
        page.locator("#save summary").click()
    with page.expect_download() as waiting:
        page.locator(f"[data-file={ending}]").click()
    assert waiting.value.suggested_filename == f"a-red-horse.{ending}"
    return Path(waiting.value.path())


@test
def files_are_made_in_the_page():
    with resting("a red horse") as page:
        page.context.set_offline(True)
        image = Image.open(saved(page, "png"))
        assert image.size == tuple(page.evaluate("(() => { const c = document.querySelector('#stage canvas'); return [c.width, c.height]; })()"))
        pixels = numpy.asarray(image.convert("RGB"), dtype=int)
        assert (pixels.max(axis=2) > 90).sum() > 500, "the sculpture is on the picture"
        names = page.evaluate("lumenShape.facts.part_names")
        scene = trimesh.load(saved(page, "glb"), file_type="glb")
        assert set(names) <= set(scene.geometry) or len(scene.geometry) == len(names), list(scene.geometry)
        cloud = trimesh.load(saved(page, "ply"), file_type="ply")
        assert len(cloud.vertices) == len(shape(page)[1])
        assert numpy.allclose(numpy.asarray(cloud.vertices), shape(page)[0], atol=1e-5)
        assert len(trimesh.load(saved(page, "stl"), file_type="stl").faces) > 1000
        page.context.set_offline(False)


@test
def a_film_of_four_seconds():
    with moving() as page:
        say(page, "a red horse")
        film = saved(page, "webm").read_bytes()
        assert film[:4] == b"\x1a\x45\xdf\xa3" and len(film) > 10_000, len(film)
        return f"{len(film)} bytes"


# ---- The service --------------------------------------------------------------------------------------------------------


def ready(*engines):
    return {"status": "ready", "engines": list(engines), "models": []}


@test
def the_page_asks_its_own_host_alone():
    with opened() as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        until(page, "window.lumenEngine !== undefined")
        say(page, "cat")
        wait_for("the service to be asked", lambda: any(address.endswith("/generate") for address in asked))
        strangers = [address for address in asked if not address.startswith((service.url, "data:", "blob:"))]
        assert not strangers, strangers
        assert any(address.endswith("/health/ready") for address in asked), "the service is woken"


@test
def the_same_shape_from_the_service_changes_nothing():
    with opened() as page:
        with page.expect_response(lambda response: response.url.endswith("/generate")) as answered:
            say(page, "cat")
        assert answered.value.status == 200
        page.wait_for_timeout(200)
        facts = page.evaluate("lumenShape.facts")
        assert page.evaluate("lumenShape.here") is True
        # The same question once more, from here: a browser may keep the body of an answer to itself for ever.
        asked = answered.value.request
        message = service.post("/generate", json.loads(asked.post_data), headers={"Accept": asked.headers["accept"]}).content
        size = int.from_bytes(message[4:8], "little")
        theirs = json.loads(message[16:16 + size])
        assert theirs["key"] == facts["key"], "the page and the service agree on what was asked for"
        points = numpy.frombuffer(message, "<f4", 3 * theirs_count(message), 16 + size).reshape(-1, 3)
        assert numpy.array_equal(points, shape(page)[0]), "and on every bit of it"


def theirs_count(message):
    return int.from_bytes(message[8:12], "little")


@test
def a_better_shape_replaces_the_one_made_here():
    with Host(options.page) as host:
        answer = threading.Event()

        def generate(ask):
            answer.wait(60)
            ask.answer(200, binary_message(*two_balls("a cat")), "application/octet-stream")

        host.on("GET", "/health/ready", ready("procedural"))
        host.on("POST", "/generate", generate)
        with opened(base=host.url, gl=True) as page:
            say(page, "a cat")
            assert page.evaluate("lumenShape.facts.pipeline") == "procedural"
            answer.set()
            until(page, "lumenShape.facts.pipeline === 'partcrafter'")
            assert page.locator("#parts button").all_inner_texts() == ["left ball", "right ball"]
            expect(page.locator("#caption")).to_contain_text("partcrafter in 1.2 s")
            wait_for("the balls", lambda: away(page)[0] < 0.05)
            asked = json.loads(host.asked("POST", "/generate")[0][3])
            assert asked["text"] == "a cat" and set(asked) == {"text", "seed", "quality", "points"}


@test
def a_service_with_concepts_of_its_own_is_believed():
    with Host(options.page) as host:
        host.on("GET", "/health/ready", ready("procedural"))
        host.on("POST", "/generate", lambda ask: ask.answer(200, binary_message(*two_balls("a cat", "procedural")), "application/octet-stream"))
        host.on("GET", "/shapes/00112233445566aa.glb", lambda ask: ask.answer(200, b"glTF of the service", "model/gltf-binary"))
        with opened(base=host.url) as page:
            say(page, "a cat")
            until(page, "lumenShape.facts.key === '00112233445566aa'")
            page.locator("#save summary").click()
            with page.expect_download() as waiting:
                page.locator("[data-file=glb]").click()
            assert Path(waiting.value.path()).read_bytes() == b"glTF of the service", "what is saved is what is seen"


@test
def slow_engines_are_jobs_with_progress():
    with Host(options.page) as host:
        go, facts = threading.Event(), two_balls("a cat")

        def events(ask):
            ask.begin_events()
            ask.event("status", {"id": "7", "status": "queued", "position": 3})
            go.wait(60)
            go.clear()
            ask.event("status", {"id": "7", "status": "running", "stage": "part_diffusion", "percent": 40.0})
            go.wait(60)
            ask.event("done", {"id": "7", "status": "done"})

        described, positions, parts = facts
        encoded = {**described, "positions": base64.b64encode(numpy.array(positions, "<f4").tobytes()).decode(),
                   "part_ids": base64.b64encode(bytes(parts)).decode()}
        host.on("GET", "/health/ready", ready("partcrafter", "procedural"))
        host.on("POST", "/jobs", lambda ask: ask.answer(202, {"id": "7", "status": "queued"}))
        host.on("GET", "/jobs/7/events", events)
        host.on("GET", "/jobs/7", {"id": "7", "status": "done", "result": encoded})
        with opened(base=host.url) as page:
            say(page, "a cat")
            expect(page.locator("#notice")).to_contain_text("Number 3 in the queue")
            go.set()
            expect(page.locator("#notice")).to_contain_text("part diffusion")
            assert page.locator("#progress").evaluate("(bar) => bar.value") == 40
            go.set()
            until(page, "lumenShape.facts.pipeline === 'partcrafter'")
            assert page.locator("#progress").is_hidden() and notice(page) == ""


def a_job_for_ever(host):
    """A job that says it runs and then nothing; gives an event that is set when it is cancelled."""
    cancelled, leave = threading.Event(), threading.Event()

    def events(ask):
        ask.begin_events()
        ask.event("status", {"id": "7", "status": "running", "stage": "image", "percent": 5})
        leave.wait(60)

    def delete(ask):
        cancelled.set()
        leave.set()
        ask.answer(200, {"id": "7", "status": "cancelled"})

    host.on("GET", "/health/ready", ready("partcrafter"))
    host.on("POST", "/jobs", lambda ask: ask.answer(202, {"id": "7", "status": "queued"}))
    host.on("GET", "/jobs/7/events", events)
    host.on("DELETE", "/jobs/7", delete)
    return cancelled


@test
def a_page_that_is_open_while_models_load_learns_of_the_better_engine():
    with Host(options.page) as host:
        host.on("GET", "/health/ready", {**ready("procedural"), "models": [{"name": "sdxl-turbo", "state": "loading"}]})
        host.on("POST", "/generate", lambda ask: ask.answer(200, binary_message(*two_balls("a cat", "procedural")), "application/octet-stream"))
        with opened(base=host.url) as page:
            say(page, "a cat")
            wait_for("the word to be asked at once", lambda: host.asked("POST", "/generate"))
            looks = len(host.asked("GET", "/health/ready"))
            cancelled = a_job_for_ever(host)
            wait_for("another look", lambda: len(host.asked("GET", "/health/ready")) > looks)
            say(page, "a dog")
            expect(page.locator("#notice")).to_contain_text("image")
            page.locator("#stop").click()
            assert cancelled.wait(40), "what takes its time was a job"


@test
def work_under_way_is_cancelled_by_stop_and_by_the_next_word():
    with Host(options.page) as host:
        cancelled = a_job_for_ever(host)
        with opened(base=host.url) as page:
            say(page, "a cat")
            expect(page.locator("#notice")).to_contain_text("image")
            page.locator("#stop").click()
            assert cancelled.wait(40), "the service was told"
            assert notice(page) == "Stopped." and page.locator("#progress").is_hidden()
            cancelled = a_job_for_ever(host)
            say(page, "a dog")
            expect(page.locator("#notice")).to_contain_text("image")
            say(page, "an owl")
            assert cancelled.wait(40)
            assert page.evaluate("lumenShape.facts.text") == "an owl"


@test
def the_latest_word_wins():
    with Host(options.page) as host:
        late = threading.Event()

        def generate(ask):
            text = json.loads(ask.body)["text"]
            if text == "a cat":
                late.wait(60)
            ask.answer(200, binary_message(*two_balls(text)), "application/octet-stream")

        host.on("GET", "/health/ready", ready("procedural"))
        host.on("POST", "/generate", generate)
        with opened(base=host.url) as page:
            say(page, "a cat")
            wait_for("the first request", lambda: host.asked("POST", "/generate"))
            say(page, "a dog")
            until(page, "lumenShape.facts.pipeline === 'partcrafter'")
            late.set()
            page.wait_for_timeout(200)
            assert page.evaluate("lumenShape.facts.text") == "a dog"


@test
def a_service_that_says_nothing_is_given_up_after_ten_seconds():
    with Host(options.page) as host:
        leave = threading.Event()
        host.on("GET", "/health/ready", ready("procedural"))
        host.on("POST", "/generate", lambda ask: leave.wait(60))
        # The page's own timers run thirty times as fast as the clock.
        with opened(base=host.url, before="const later = setTimeout; window.setTimeout = (call, time, ...more) => later(call, time / 30, ...more);") as page:
            say(page, "a cat")
            wait_for("the request", lambda: host.asked("POST", "/generate"))
            began = time.monotonic()
            expect(page.locator("#notice")).to_contain_text("said nothing for 10 seconds")
            assert time.monotonic() - began < 5
            expect(page.locator("#notice")).to_contain_text("made here")
            leave.set()
            host.on("POST", "/generate", lambda ask: ask.answer(200, binary_message(*two_balls("a cat")), "application/octet-stream"))
            page.locator("#retry").click()
            until(page, "lumenShape.facts.pipeline === 'partcrafter'")


@test
def a_busy_service_is_asked_again_when_it_says():
    with Host(options.page) as host:
        def generate(ask):
            if len(host.asked("POST", "/generate")) == 1:
                return ask.answer(429, {"error": "too fast"}, headers={"Retry-After": "1"})
            return ask.answer(200, binary_message(*two_balls("a cat")), "application/octet-stream")

        host.on("GET", "/health/ready", ready("procedural"))
        host.on("POST", "/generate", generate)
        with opened(base=host.url, expected=("status of 429",)) as page:
            say(page, "a cat")
            expect(page.locator("#notice")).to_contain_text("Asking again in a second")
            until(page, "lumenShape.facts.pipeline === 'partcrafter'")
            assert notice(page) == ""


@test
def a_service_with_a_key_asks_for_it():
    with Service(options.lumen, key="open-sesame") as locked:
        with opened(base=locked.url, expected=("status of 401",)) as page:
            say(page, "cat")
            expect(page.locator("#unlock")).to_be_visible()
            expect(page.locator("#notice")).to_contain_text("asks for an API key")
            assert page.evaluate("document.activeElement.id") == "word", "who types goes on typing"
            page.locator("#key").fill("wrong")
            page.keyboard.press("Enter")
            expect(page.locator("#notice")).to_contain_text("not accepted")
            page.locator("#key").fill("open-sesame")
            with page.expect_response(lambda response: response.url.endswith("/generate")) as answered:
                page.keyboard.press("Enter")
            assert answered.value.status == 200
            expect(page.locator("#unlock")).to_be_hidden()
            with page.expect_response(lambda response: response.url.endswith("/generate")) as answered:
                say(page, "dog")
            assert answered.value.status == 200


@test
def static_files_alone_are_enough():
    with Host(options.page) as host:
        with opened(base=host.url, expected=("status of 404",)) as page:
            say(page, "cat")
            page.wait_for_timeout(100)
            assert notice(page) == ""
            assert not host.asked("POST", "/generate"), "where nobody answers as a service nobody is asked"


@test
def a_page_elsewhere_uses_the_service_of_its_setting():
    with Host(options.page) as host:
        index = (options.page / "index.html").read_text().replace('name="lumen-service" content=""', f'name="lumen-service" content="{service.url}"')
        host.files["index.html"] = index.encode()
        with Service(options.lumen, LUMEN_ALLOWED_ORIGINS=host.url.rstrip("/")) as far:
            host.files["index.html"] = index.replace(service.url, far.url).encode()
            with opened(base=host.url) as page:
                with page.expect_response(lambda response: response.url == far.url + "/generate") as answered:
                    say(page, "cat")
                assert answered.value.status == 200
        host.files["index.html"] = index.replace(service.url, "none").encode()
        del host.asks[:]
        with opened(base=host.url) as page:
            say(page, "cat")
            assert not host.asked("GET", "/health/ready") and not host.asked("POST", "/generate")


# ---- Without a network ---------------------------------------------------------------------------------------------------


@test
def with_the_network_cut_it_goes_on_and_opens_again():
    gone = Service(options.lumen).start()
    with opened(base=gone.url, expected=("ERR_INTERNET_DISCONNECTED", "ERR_CONNECTION_REFUSED")) as page:
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.context.set_offline(True)
        expect(page.locator("#notice")).to_contain_text("No network")
        say(page, "teapot")
        wait_for("the teapot", lambda: away(page)[0] < 0.04)
        assert page.locator("#notice").get_attribute("class") in (None, "")
        # Not only the browser believes it: the service is gone.
        gone.stop()
        page.reload()
        until(page, "window.lumenShape?.facts.text === 'teapot'")
        say(page, "an owl")
        page.context.set_offline(False)
        page.reload()
        until(page, "window.lumenShape?.facts.text === 'an owl'")
        say(page, "cup")
        expect(page.locator("#notice")).to_contain_text("cannot be reached")
        page.goto(gone.url + "/lab.html")
        until(page, "document.getElementById('notice').textContent.includes('The lab needs it')")


@test
def a_copy_for_bad_days_never_hides_an_update():
    with Host(options.page) as host:
        host.on("GET", "/health/ready", ready("procedural"))
        host.on("POST", "/generate", lambda ask: ask.answer(503, {"error": "not now"}, headers={"Retry-After": "99"}))
        with opened(base=host.url, expected=("status of 503",)) as page:
            page.evaluate("navigator.serviceWorker.ready.then(() => true)")
            page.reload()
            until(page, "Boolean(window.lumenEngine && navigator.serviceWorker.controller)")
            words = (options.page / "words.js").read_text()
            host.files["words.js"] = words.replace("made here", "made anew").encode()
            assert host.files["words.js"] != words.encode()
            page.reload()
            until(page, "window.lumenEngine !== undefined")
            say(page, "cat")
            expect(page.locator("#caption")).to_contain_text("made anew")


# ---- Voice -----------------------------------------------------------------------------------------------------------------


SPEECH = """window.SpeechRecognition = window.webkitSpeechRecognition = class {
    start() { window.speech = this; }
    abort() { this.onend?.(); }
    hear(text, final) { this.onresult({ results: [Object.assign([{ transcript: text }], { isFinal: final })] }); if (final) this.onend(); }
    fail(error) { this.onerror({ error }); this.onend(); }
};"""


@test
def speech_shows_what_it_hears_and_makes_it():
    with opened(before=SPEECH) as page:
        page.locator("#listen").click()
        expect(page.locator("#notice")).to_contain_text("Your browser turns speech into text")
        assert page.locator("#listen").get_attribute("aria-pressed") == "true"
        page.evaluate("speech.hear('the old', false)")
        assert page.locator("#word").input_value() == "the old"
        page.evaluate("speech.hear('the old owl', true)")
        until(page, "lumenShape?.facts.text === 'the old owl'")
        assert page.locator("#listen").get_attribute("aria-pressed") == "false"
        page.locator("#listen").click()
        page.evaluate("speech.fail('not-allowed')")
        expect(page.locator("#notice")).to_contain_text("not allowed")
        page.locator("#listen").click()
        page.locator("#listen").click()
        assert page.locator("#listen").get_attribute("aria-pressed") == "false"


@test
def the_sculpture_hears_a_voice_until_it_is_told_not_to():
    watch = """const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => (window.microphone = await open(wanted));"""
    with opened("#cup", permissions=["microphone"], before=watch) as page:
        form(page)
        page.evaluate("""() => { const hear = lumenEngine.hear.bind(lumenEngine); window.loudest = 0; window.samples = 0;
            lumenEngine.hear = (some, rate) => { const found = hear(some, rate); loudest = Math.max(loudest, found.loudness); samples += some.length; return found; }; }""")
        page.locator("#hear").click()
        expect(page.locator("#notice")).to_contain_text("Nothing is recorded, nothing is sent")
        until(page, "loudest > 0.1")
        page.locator("#hear").click()
        assert page.evaluate("microphone.getTracks().every(track => track.readyState === 'ended')"), "the microphone is given back"
        assert page.locator("#hear").get_attribute("aria-pressed") == "false"
        heard = page.evaluate("samples")
        page.wait_for_timeout(100)
        assert page.evaluate("samples") == heard
    deny = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('denied', 'NotAllowedError'));"
    with opened(before=deny) as page:
        page.locator("#hear").click()
        expect(page.locator("#notice")).to_contain_text("microphone is not allowed")


# ---- Everyone -----------------------------------------------------------------------------------------------------------------


@test
def everything_can_be_done_with_the_keyboard():
    with opened() as page:
        focus = lambda: page.evaluate("document.activeElement.id || document.activeElement.tagName")
        assert focus() == "word", "the word field waits"
        page.keyboard.type("horse")
        page.keyboard.press("Enter")
        until(page, "window.lumenShape?.facts.text === 'horse'")
        page.keyboard.press("Escape")
        assert focus() == "stage"
        assert page.evaluate("document.activeElement.matches(':focus-visible')")
        reached = []
        for _ in range(40):
            page.keyboard.press("Tab")
            # What is reached can be seen, and its focus too.
            reached.append(page.evaluate("""() => {
                const element = document.activeElement;
                const name = element.id || element.textContent.trim() || element.tagName;
                const box = element.getBoundingClientRect();
                const style = getComputedStyle(element);
                const marked = style.outlineStyle !== 'none' || element.matches('input');
                return [name, element === document.body || element.id === 'stage' || (box.width > 0 && box.top >= 0 && box.bottom <= innerHeight && marked)];
            }"""))
        names = [name for name, _ in reached]
        assert all(seen for _, seen in reached), [name for name, seen in reached if not seen]
        for name in ("head", "body", "listen", "hear", "word", "another", "history", "save", "view", "help"):
            assert any(name in other for other in names), f"{name} cannot be reached: {names}"
        page.locator("#save summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert focus() == "copy"
        page.keyboard.press("Escape")
        assert not page.evaluate("document.getElementById('save').open")
        assert page.evaluate("document.activeElement.textContent") == "save"


@test
def every_control_has_a_name_and_enough_contrast():
    with opened("#horse") as page:
        form(page)
        nameless = page.evaluate("""() => [...document.querySelectorAll('button, a, input, select, summary, progress, [role]')].filter((one) =>
            !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length || one.tagName === 'FORM' || one.getAttribute('role') === 'status'))
            .map((one) => one.outerHTML)""")
        assert not nameless, nameless
        for menu in ("history", "save", "view", "help"):
            page.locator(f"#{menu} summary").click()
            colors = page.evaluate("""() => [...document.querySelectorAll('h1, p, dt, dd, button, a, label, summary, small, span')]
                .filter((one) => one.checkVisibility() && one.textContent.trim() && !one.disabled)
                .map((one) => [one.textContent.trim().slice(0, 20), getComputedStyle(one).color])""")
            for text, color in colors:
                assert contrast(color) >= 4.5, f"{text}: {color} has a contrast of {contrast(color):.1f}"


def contrast(color, ground=(14, 18, 27)):
    """Of a CSS color against the lightest ground there is; WCAG 2."""
    def luminance(rgb):
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in (part / 255 for part in rgb)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    light, dark = luminance([float(part) for part in re.findall(r"[\d.]+", color)[:3]]), luminance(ground)
    return (max(light, dark) + 0.05) / (min(light, dark) + 0.05)


@test
def reduced_motion_is_respected_and_costs_nothing_at_rest():
    with resting("a horse galloping") as page:
        assert page.locator("#turn").get_attribute("aria-pressed") == "false"
        before = particles(page)[0]
        page.wait_for_timeout(200)
        assert numpy.array_equal(before, particles(page)[0]), "nothing moves by itself"
        assert page.evaluate("document.getAnimations().length") == 0


@test
def it_fits_a_phone_and_a_large_type():
    for width, height in ((320, 568), (390, 844), (640, 400), (1280, 720)):
        with opened("#a%20horse%20galloping", viewport={"width": width, "height": height}, has_touch=width < 400) as page:
            until(page, "window.lumenShape")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight")
            for one in ("#word", "#another", "#history summary", "#help summary", "#caption", "#parts li:first-child button"):
                box = page.locator(one).bounding_box()
                assert box and box["x"] >= 0 and box["y"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= height, (one, box)
            boxes = [page.locator(one).bounding_box() for one in ("header", "#legend", "footer")]
            for above, below in ((0, 1), (1, 2)):
                assert boxes[above]["y"] + boxes[above]["height"] <= boxes[below]["y"] + 1, f"{width}: {boxes}"
            for menu in ("history", "save", "view", "help"):
                page.locator(f"#{menu} summary").click()
                box = page.locator(f"#{menu} > div").bounding_box()
                assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= height, (menu, box)


@test
def nothing_jumps():
    watch = """window.jumped = 0; new PerformanceObserver((list) => { for (const shift of list.getEntries()) jumped += shift.value; })
        .observe({ type: 'layout-shift', buffered: true });"""
    with opened(before=watch, viewport={"width": 1000, "height": 600}, **MOVING) as page:
        say(page, "cat")
        page.locator("#word").fill("123")
        page.keyboard.press("Enter")
        say(page, "a horse galloping")
        assert page.evaluate("jumped") < 0.01, page.evaluate("jumped")


@test
def without_webgl_2_the_points_are_shown_flat():
    with opened("#cup") as page:
        expect(page.locator("#notice")).to_contain_text("WebGL 2")
        until(page, "window.lumenShape?.facts.text === 'cup'")
        pixels = numpy.asarray(picture(page), dtype=int)
        assert (pixels.max(axis=2) > 90).sum() > 500
        before = picture(page)
        page.locator("#stage").focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        wait_for("the turned cup", lambda: difference(before, picture(page)) > 0.3)
        page.locator("#parts button").first.hover()


@test
def without_webassembly_the_service_makes_the_shapes():
    with opened(before="delete window.WebAssembly;") as page:
        expect(page.locator("#notice")).to_contain_text("WebAssembly")
        say(page, "cup")
        assert page.evaluate("lumenShape.here") is None
        pixels = numpy.asarray(picture(page), dtype=int)
        assert (pixels.max(axis=2) > 90).sum() > 500


# ---- The lab ------------------------------------------------------------------------------------------------------------------


@test
def the_lab_moves_one_part_and_saves_how():
    with opened("lab.html#horse", gl=True, **MOVING) as page:
        until(page, "document.querySelectorAll('#rows button').length === 7")
        assert page.locator("#primitive option").count() == 16
        page.locator("#rows button", has_text="tail").click()
        page.locator("#primitive").select_option(label="oscillate bend")
        labels = page.locator("#parameters label").all_inner_texts()
        assert {"amplitude", "frequency", "axis x", "ease", "stagger", "pivot"} <= set(labels), labels
        page.locator("#parameter-amplitude").fill("1.5")
        page.locator("#parameter-frequency").fill("2")
        until(page, "lumenEngine.phase() === 'move'")
        page.wait_for_timeout(600)
        seen = []
        for _ in range(6):
            positions, parts = particles(page)
            seen.append(positions)
            page.wait_for_timeout(70)
        ways = numpy.ptp(numpy.array(seen), axis=0).max(axis=1)
        tail, head = ways[parts == 5].mean(), ways[parts == 1].mean()
        assert tail > 0.1 and tail > 4 * head, (tail, head)
        page.locator("#name").fill("Wag it")
        page.locator("#verbs").fill("wag, waggle")
        with page.expect_download() as waiting:
            page.locator("#save").click()
        assert waiting.value.suggested_filename == "wag_it.motion"
        text = Path(waiting.value.path()).read_text()
        assert text == "motion wag_it\n  verbs wag waggle\n  part tail : oscillate_bend amplitude 1.5 frequency 2\n", text
        page.locator("details summary").click()
        page.locator("#motions").select_option("gallop")
        expect(page.locator("#reading")).to_contain_text("motion gallop")
        return f"tail {tail:.3f}, head {head:.3f}"


# ---- Memory -------------------------------------------------------------------------------------------------------------------


@test
def memory_stays_flat_over_two_hundred_words():
    concepts = [line.strip() for line in (Path(__file__).parents[2] / "data/pregenerate.txt").read_text().splitlines()]
    nouns = [line for line in concepts if line and not line.startswith("#")]
    words = [f"{kind} {noun}" for kind in ("", "tall", "red", "old", "tiny") for noun in nouns][:200]
    # The memory of WebAssembly is no part of the browser's own count.
    watch = """window.memories = [];
        for (const name of ['instantiate', 'instantiateStreaming']) {
            const make = WebAssembly[name];
            WebAssembly[name] = async (...given) => {
                const made = await make.apply(WebAssembly, given);
                for (const one of Object.values((made.instance ?? made).exports)) if (one instanceof WebAssembly.Memory) memories.push(one);
                return made;
            };
        }"""
    with opened(before=watch, viewport={"width": 320, "height": 240}, gl=True) as page:
        tools = page.context.new_cdp_session(page)
        tools.send("Performance.enable")

        def measure():
            tools.send("HeapProfiler.collectGarbage")
            figures = {one["name"]: one["value"] for one in tools.send("Performance.getMetrics")["metrics"]}
            return figures["JSHeapUsedSize"], figures["Nodes"], page.evaluate("memories.reduce((sum, one) => sum + one.buffer.byteLength, 0)")

        speak = """async (words) => {
            for (const word of words) {
                document.getElementById('word').value = word;
                document.getElementById('say').requestSubmit();
                if (words.indexOf(word) % 5 === 0) await new Promise(requestAnimationFrame);
            }
        }"""
        page.evaluate(speak, words[:40])
        heap, nodes, wasm = measure()
        page.evaluate(speak, words)
        heap_after, nodes_after, wasm_after = measure()
        assert wasm > 0
        said = (f"after 40 and after 240 words: script heap {heap / 1e6:.1f} and {heap_after / 1e6:.1f} MB, nodes {nodes:.0f} and "
                f"{nodes_after:.0f}, WebAssembly {wasm / 1e6:.1f} and {wasm_after / 1e6:.1f} MB")
        assert heap_after < heap + 2e6 and nodes_after < nodes + 300 and wasm_after <= wasm + 4e6, said
        return said


@test
def nothing_was_said_on_the_consoles_of_shared_pages():
    while kept:
        kept.popitem()[1][0].__exit__(None, None, None)


def main():
    global browser, service, options, launch
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lumen", type=lambda path: str(Path(path).resolve(strict=True)), required=True)
    parser.add_argument("--page", type=lambda path: Path(path).resolve(strict=True), required=True, help="src/browser/page of the build")
    parser.add_argument("only", nargs="*", help="run only the tests whose name holds one of these")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        print("not ok page: there is no chromium; install the package of that name")
        return True
    with sync_playwright() as playwright, Service(options.lumen) as service:
        launch = lambda: playwright.chromium.launch(executable_path=chromium, args=[
            "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
            "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"])
        browser = launch()
        expect.set_options(timeout=40_000)
        try:
            return tests.run(options.only)
        finally:
            for manager, _ in kept.values():  # of a run of chosen tests
                manager.__exit__(None, None, None)
            browser.close()


if __name__ == "__main__":
    raise SystemExit(main())
