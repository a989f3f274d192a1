#!/usr/bin/env python3
"""Frames of the page beside an equal particle program on three.js, in the same Chromium, taking turns.

    ./start                                     # or: meson setup build && ninja -C build
    python3 bench/page.py build [--browser /usr/bin/chromium] [--sizes 128,256,512,1024] [--rounds 5] [--passes]

Needs Playwright for Python and npm; three.js comes from npm into BUILD/bench-page, in the version below, and goes
nowhere else. Prints Markdown tables of medians.

How the two are made equal: same browser, same canvas, same number of particles in textures of the same size and format
(RGBA32F), a velocity pass and a position pass, the same function of curl noise (one octave; the peer's shader includes
src/motion/primitives.glsl), the same camera, and discs of the same size in pixels: the peer is given the positions, the
matrix, the radius and the focal length that Lumen drew its last frame with. Each frame is waited for by reading a pixel.
"points" is the peer with nothing else; "glowing" has three.js's own pass for glow behind it, as programs that want to look
like light do. What Lumen draws beyond the points (a pass of depth that hides the far side, light on normals, the glow, the mirror, the
background; for "a horse galloping" motion by a plan and moving normals) is part of its time.
"""
import argparse
import datetime
import functools
import http.server
import json
import os
import pathlib
import platform
import statistics
import subprocess
import threading

from playwright.sync_api import sync_playwright

THREE = "0.187.0"
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
ARGUMENTS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
SCENES = {"the ring, with noise": "", "a horse galloping": "a horse galloping"}
PASSES = ("velocity", "position", "glow", "background", "veil", "light")
TYPES = {".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm", ".glsl": "text/plain"}


def install_three(folder):
    package = folder / "node_modules" / "three" / "package.json"
    if not package.exists() or json.loads(package.read_text("utf-8"))["version"] != THREE:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": {"three": THREE}}), "utf-8")
        subprocess.run(["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--no-package-lock"], check=True,
                       stdout=subprocess.DEVNULL)
    return package.parent


class Files(http.server.BaseHTTPRequestHandler):
    """A few folders under one roof. The two headers give the page a clock that is fine enough."""

    def __init__(self, folders, *arguments):
        self.folders = folders
        super().__init__(*arguments)

    def do_GET(self):
        _, folder, rest = self.path.split("?")[0].split("/", 2)
        path = next((found for base in self.folders.get(folder, ()) if (found := base / rest).is_file()), None)
        if path is None or ".." in rest:
            self.send_error(404)
            return
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", TYPES.get(path.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def open_page(browser, address, options):
    page = browser.new_page(viewport={"width": options["width"], "height": options["height"]})
    page.on("pageerror", lambda fault: print(f"page error: {fault}"))
    page.on("console", lambda line: print(f"console: {line.text}") if line.type == "error" else None)
    page.goto(address)
    page.wait_for_function("window.ready")
    return page, page.evaluate("(options) => window.start(options)", options)


def look(browser, base, options):
    """Lumen's scene, for the peer, and what each of its passes costs."""
    page, facts = open_page(browser, f"{base}/page/ours.html", {**options, "watched": True})
    page.evaluate("() => window.measure(2)")
    scene = page.evaluate("() => window.scene()")
    return page, facts, scene


def processor_seconds():
    """Of this process's descendants, the browser's: what other work on the machine does not stretch."""
    parents, times = {}, {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text("utf-8").rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has just ended
        parents[int(folder.name)] = int(fields[1])
        times[int(folder.name)] = int(fields[11]) + int(fields[12])
    def is_ours(process):
        while process > 1 and process != os.getpid():
            process = parents.get(process, 0)
        return process == os.getpid()
    return sum(time for process, time in times.items() if process != os.getpid() and is_ours(process)) / os.sysconf("SC_CLK_TCK")


def frames_for(side, options):
    return max(4, int(options.frames * 128 / side))


def work_of(page, frames):
    """Frames, and the milliseconds of processor time that each took."""
    before = processor_seconds()
    result = page.evaluate("(count) => window.measure(count)", frames)
    return result, (processor_seconds() - before) * 1e3 / frames


def cost_of_passes(page, frames, rounds):
    """Milliseconds of processor time by which a frame is shorter without one pass; all take turns."""
    work = {name: [] for name in ("", *PASSES)}
    for _ in range(rounds):
        for name in work:
            page.evaluate("(name) => window.skip(name)", name)
            page.evaluate("() => window.measure(2)")
            work[name].append(work_of(page, frames)[1])
    page.evaluate("() => window.skip()")
    full = statistics.median(work[""])
    return full, {name: full - statistics.median(work[name]) for name in PASSES}


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def measure(browser, base, side, name, text, options):
    size = {"side": side, "width": options.width, "height": options.height, "text": text}
    watched, facts, scene = look(browser, base, size)
    frames = frames_for(side, options)
    passes = cost_of_passes(watched, frames, options.rounds) if options.passes else None
    watched.close()
    ours, _ = open_page(browser, f"{base}/page/ours.html", size)
    peer, about = open_page(browser, f"{base}/page/peer.html", {**size, "noise": 0.35, "glow": False, **scene})
    glowing, _ = open_page(browser, f"{base}/page/peer.html", {**size, "noise": 0.35, "glow": True, **scene})
    pages = {"ours": ours, "peer": peer, "glowing": glowing}
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
        for who, page in pages.items():
            page.evaluate("() => window.measure(2)")
            page.screenshot(path=options.pictures / f"{side}-{'ring' if not text else 'horse'}-{who}.png")
    whole, own, work = ({who: [] for who in pages} for _ in range(3))
    for _ in range(options.rounds):
        for who, page in pages.items():
            page.bring_to_front()
            page.evaluate("() => window.measure(2)")
            result, spent = work_of(page, frames)
            work[who].append(spent)
            whole[who] += result["whole"]
            own[who] += result["own"]
    for page in pages.values():
        page.close()
    middle = {who: statistics.median(values) for who, values in whole.items()}
    worked = {who: statistics.median(values) for who, values in work.items()}
    called = {who: statistics.median(values) for who, values in own.items()}
    print(f"| {name} | {side * side:,} "
          f"| {' | '.join(f'{middle[who]:.1f}' for who in pages)} | {' | '.join(f'{worked[who]:.1f}' for who in pages)} "
          f"| {worked['ours'] / worked['peer']:.2f} | {worked['ours'] / worked['glowing']:.2f} "
          f"| {called['ours']:.3f} | {called['peer']:.3f} |", flush=True)
    return about, passes


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("build", type=pathlib.Path, help="a build folder with the page")
    arguments.add_argument("--browser", help="path of Chromium; without it Playwright's own")
    arguments.add_argument("--sizes", default="128,256,512,1024", help="sides of the textures")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--frames", type=int, default=60, help="frames of a round at 16,384 particles; fewer at more")
    arguments.add_argument("--width", type=int, default=1280)
    arguments.add_argument("--height", type=int, default=720)
    arguments.add_argument("--passes", action="store_true", help="also what each of Lumen's passes costs")
    arguments.add_argument("--pictures", type=pathlib.Path, help="a folder for pictures of both")
    options = arguments.parse_args()

    folders = {
        "page": (HERE / "page",),
        "engine": (options.build / "src" / "browser" / "page",),
        "motion": (ROOT / "src" / "motion",),
        "three": (install_three(options.build / "bench-page"),),
    }
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, folders))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    all_passes = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.browser, args=ARGUMENTS)
        print(f"{datetime.date.today()}, {processor()}, {len(os.sched_getaffinity(0))} cores, "
              f"Chromium {browser.version} (headless, software GL), three.js {THREE}, canvas {options.width} x "
              f"{options.height}; medians of {options.rounds} rounds taking turns\n")
        print("| scene | particles | ours, ms a frame | points | glowing | ours, processor ms | points | glowing "
              "| ours / points | ours / glowing | our JavaScript and WebAssembly, ms | three.js's JavaScript, ms |\n" + "|---" * 12 + "|")
        for side in (int(text) for text in options.sizes.split(",")):
            for name, text in SCENES.items():
                _, passes = measure(browser, base, side, name, text, options)
                if passes:
                    all_passes[name, side] = passes
        browser.close()
    server.shutdown()
    if all_passes:
        print("\nWhat a frame of ours is shorter by without a pass, processor ms:\n")
        print("| scene | particles | whole | " + " | ".join(PASSES) + " |\n|---|---|---|" + "---|" * len(PASSES))
        for (name, side), (full, costs) in all_passes.items():
            print(f"| {name} | {side * side:,} | {full:.2f} | " + " | ".join(f"{costs[one]:.2f}" for one in PASSES) + " |")


if __name__ == "__main__":
    main()
