"""A host of static files with a service of one's own making beside it, for tests of the page.

    with Host(folder) as host:
        host.on("GET", "/health/ready", {"status": "ready", "engines": ["procedural"]})
        host.on("POST", "/generate", lambda ask: ask.answer(200, body, "application/octet-stream"))
        page.goto(host.url)
        assert host.asked("POST", "/generate")

`folder` is src/browser/page of a build. `files` of the host replaces some of them: {"words.js": b"..."}.
"""

import json
import math
import mimetypes
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# As the service sends it, but for scripts and answers that come from another host of this machine.
POLICY = ("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
          "connect-src 'self' http://127.0.0.1:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


class Ask(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do(self):
        path = self.path.split("?")[0]
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.host.asks.append((self.command, path, dict(self.headers), self.body))
        scripted = self.server.host.scripts.get((self.command, path))
        if scripted is None:
            self.file(path)
        elif callable(scripted):
            scripted(self)
        else:
            self.answer(200, json.dumps(scripted).encode(), "application/json")

    do_GET = do_POST = do_DELETE = do

    def file(self, path):
        name = path.lstrip("/") or "index.html"
        place = self.server.host.folder / name
        body = self.server.host.files.get(name)
        if self.command != "GET" or "/" in name or (body is None and not place.is_file()):
            return self.answer(404, b"there is nothing here", "text/plain")
        kind = "application/wasm" if name.endswith(".wasm") else mimetypes.guess_type(name)[0]
        self.answer(200, body if body is not None else place.read_bytes(), kind, {"Content-Security-Policy": POLICY})

    def answer(self, status, body, kind="application/json", headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-cache", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def begin_events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()

    def event(self, name, data):
        self.wfile.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())


class Host:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.files = {}
        self.scripts = {}
        self.asks = []

    def on(self, method, path, answer):
        """`answer`: an object that is sent as JSON, or a function of the Ask."""
        self.scripts[method, path] = answer

    def asked(self, method, path):
        return [ask for ask in self.asks if ask[:2] == (method, path)]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/"

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Ask)
        self.server.daemon_threads = True
        self.server.block_on_close = False  # a browser keeps connections open that nobody uses
        self.server.host = self
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


# ---- Shapes of no engine -----------------------------------------------------------------------------------


def two_balls(text, pipeline="partcrafter", n=600):
    """(facts, positions, part ids) of a dumbbell: points on two balls, left and right."""
    positions, parts = [], []
    for i in range(n):
        part = 1 + i % 2
        around, up = i * 2.399963, 1 - 2 * (i + 0.5) / n
        wide = (1 - up * up) ** 0.5
        x, y, z = 0.3 * wide * math.cos(around), 0.3 * up, 0.3 * wide * math.sin(around)
        positions += [x + (0.7 if part == 1 else -0.7), y, z]
        parts.append(part)
    facts = {"part_names": ["left_ball", "right_ball"], "template_type": "dumbbell", "pipeline": pipeline, "cached": False,
             "bounding_box": {"min": [-1, -0.3, -0.3], "max": [1, 0.3, 0.3]}, "generation_time_ms": 1234.5,
             "key": "00112233445566aa", "seed": 0, "subject": text, "concept": "dumbbell", "verb": "", "text": text,
             "motion": {"template": "idle", "tempo": 1.0, "size": 1.0}, "part_colors": ["#ff8800", "#0088ff"]}
    return facts, positions, parts


def binary_message(facts, positions, parts):
    """docs/service.md, "The binary message"."""
    text = json.dumps(facts).encode()
    text += b" " * (-len(text) % 4)
    n = len(parts)
    size = 16 + len(text) + 14 * n
    return (b"LUM1" + struct.pack("<3I", len(text), n, size) + text + struct.pack(f"<{3 * n}f", *positions) + bytes(parts) +
            bytes(n))
