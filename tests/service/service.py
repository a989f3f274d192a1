"""The service as a process, for tests: started in a folder of its own, waited for, asked, stopped.

    with Service(program, LUMEN_RATE_LIMIT=0) as service:
        answer = service.post("/generate", {"text": "horse"})       # a requests.Response
        assert answer.status_code == 200

Leaving the block sends SIGTERM and asserts that the service ends with status 0. When the block fails, the end of its
log is printed as TAP comments. Every line of the log must be a JSON object, which is asserted too.
"""

import argparse
import base64
import faulthandler
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

# Tests ask faster than people do.
UNLIMITED = {"LUMEN_RATE_LIMIT": "0", "LUMEN_ENGINE_RATE_LIMIT": "0"}


def wait_for(what, condition, seconds=15.0, every=0.01):
    """Waits until `condition()` is true and returns what it gave."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still waiting for {what}")
        time.sleep(every)


class Service:
    """`limits=False` leaves the usual rate limits in force. Further arguments are the environment: LUMEN_QUEUE_LIMIT=3."""

    def __init__(self, program, folder=None, cache=True, limits=False, arguments=(), key=None, ready=True,
                 expect_json_log=True, **environment):
        self.program = str(program)
        self._own_folder = None if folder is not None else tempfile.TemporaryDirectory()
        self.folder = Path(folder if folder is not None else self._own_folder.name)
        self.cache_folder = self.folder / "cache"
        self.log_path = self.folder / "log"
        self.key = key
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("LUMEN_")}
        if not limits:
            self.environment.update(UNLIMITED)
        if key is not None:
            self.environment["LUMEN_API_KEY"] = key
        self.environment.update({name: str(value) for name, value in environment.items()})
        self.command = [self.program, "serve", "--port", "0", "--port-file", str(self.folder / "port"),
                        "--cache-dir", str(self.cache_folder) if cache else "none", *map(str, arguments)]
        self.wait_until_ready = ready
        self.expect_json_log = expect_json_log
        self.process = None
        self.port = None
        self.session = requests.Session()
        self.session.trust_env = False

    # ---- Life ----

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        with open(self.log_path, "ab") as log:
            self.ending = False
            self.process = subprocess.Popen(self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        try:
            text = wait_for("the port file", lambda: self._alive() and port_file.exists() and port_file.read_text().strip())
            self.port = int(text)
            if self.wait_until_ready:
                wait_for("readiness", lambda: self._alive() and self.get("/health/ready").status_code == 200)
        except BaseException:
            self.show_log()
            self.kill()
            raise
        return self

    def _alive(self):
        status = self.process.poll()
        assert status is None, f"the service ended with status {status}"
        return True

    def end(self):
        """SIGTERM, once: a second one ends the service at once."""
        if not self.ending:
            self.ending = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self, seconds=40.0):
        """SIGTERM; asserts status 0 and a log of JSON objects."""
        self.session.close()
        if self.process.poll() is None:
            self.end()
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the service was still there {seconds} s after SIGTERM") from None
        assert status == 0, f"the service ended with status {status}"
        if self.expect_json_log:
            self.log_lines()

    def kill(self):
        """kill -9, and everything that it started dies with it."""
        self.session.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def restart(self):
        self.session = requests.Session()
        self.session.trust_env = False
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, fault, trace):
        try:
            if kind is None:
                self.stop()
            else:
                self.kill()
        except AssertionError:
            kind = AssertionError
            raise
        finally:
            if kind is not None:
                self.show_log()
            if self._own_folder is not None:
                self._own_folder.cleanup()

    # ---- What it says ----

    def log_lines(self, **having):
        """The log's objects, those alone that have these members. Asserts that every line is one."""
        lines = []
        for line in self.log_path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                raise AssertionError(f"a line of the log is no JSON: {line[:300]!r}") from None
            assert isinstance(entry, dict) and {"time", "severity", "message"} <= entry.keys(), f"a line of the log: {line}"
            if all(entry.get(name) == value for name, value in having.items()):
                lines.append(entry)
        return lines

    def show_log(self, lines=30):
        """The end of the log, without the lines that tell of tests looking at health and metrics."""
        if self.log_path.exists():
            told = [line for line in self.log_path.read_text(errors="replace").splitlines()
                    if not ('"message":"request"' in line and '"method":"GET"' in line and '"status":200' in line)]
            for line in told[-lines:]:
                print(f"#   log: {line[:400]}", flush=True)

    def resident_bytes(self):
        """Of the service's own process, and of it with the processes it started."""
        page = os.sysconf("SC_PAGE_SIZE")

        def resident(process):
            try:
                return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * page
            except (OSError, IndexError):
                return 0

        own = resident(self.process.pid)
        return own, own + sum(resident(child) for child in self.children())

    def children(self):
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            if int(fields[1]) == self.process.pid:
                found.append(int(stat.parent.name))
        return found

    # ---- Asking ----

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, headers=None, key=True, timeout=60, **more):
        headers = dict(headers or {})
        if key and self.key is not None:
            headers.setdefault("X-API-Key", self.key)
        return self.session.request(method, self.url + path, headers=headers, timeout=timeout, allow_redirects=False, **more)

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body, **more):
        """`body` is an object that becomes JSON, or bytes that are sent as they are."""
        if isinstance(body, (bytes, str)):
            return self.ask("POST", path, data=body, **more)
        return self.ask("POST", path, json=body, **more)

    def generate(self, text, status=200, headers=None, **more):
        answer = self.post("/generate", {"text": text, **more}, headers=headers)
        assert answer.status_code == status, f"{text!r} {more}: {answer.status_code} {answer.text[:300]}"
        return answer

    def connect(self, seconds=20.0, source=None):
        connection = socket.create_connection(("127.0.0.1", self.port), seconds, source_address=source)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def raw(self, request, seconds=20.0):
        """Sends bytes and returns all that comes back until the service closes or `seconds` have passed in silence."""
        with self.connect(seconds) as connection:
            connection.sendall(request)
            return read_all(connection)

    def metric(self, name, **labels):
        """The sum over the samples of that name that carry these labels; 0 without any."""
        return sum(sample.value for sample in self.samples()
                   if sample.name == name and all(sample.labels.get(label) == value for label, value in labels.items()))

    def samples(self):
        answer = self.get("/metrics/prometheus")
        assert answer.status_code == 200, f"/metrics/prometheus: {answer.status_code}"
        return [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]

    def workers(self):
        return self.get("/health/detailed").json()["queue"]["workers"]


def read_all(connection):
    gathered = b""
    try:
        while True:
            piece = connection.recv(65536)
            if not piece:
                return gathered
            gathered += piece
    except (TimeoutError, ConnectionResetError):
        return gathered


def http_request(method, path, body=None, headers=()):
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += headers
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def read_response(stream):
    """Reads one response with Content-Length from a binary file object: (status, headers in lower case, body).
    None at the end of the stream."""
    line = stream.readline()
    if not line:
        return None
    status = int(line.split(b" ", 2)[1])
    headers = {}
    while True:
        line = stream.readline()
        assert line, "the response ended within its headers"
        if line in (b"\r\n", b"\n"):
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    size = int(headers.get("content-length", 0))
    body = stream.read(size)
    assert len(body) == size, f"the response promised {size} bytes and gave {len(body)}"
    return status, headers, body


def shape_arrays(shape):
    """(positions, part ids, attachments) of the JSON object, as bytes."""
    return tuple(base64.b64decode(shape[name], validate=True) for name in ("positions", "part_ids", "attachments"))


class Command:
    """What `lumen generate` makes of the same request: the measure of every answer. Remembers what it has made."""

    def __init__(self, program):
        self.program = str(program)
        self.made = {}

    def shape(self, text, **options):
        wanted = (text, tuple(sorted(options.items())))
        if wanted not in self.made:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "shape.json"
                command = [self.program, "generate", text, "--quiet", "-o", str(path)]
                for name, value in options.items():
                    command += [f"--{name}", str(value)]
                subprocess.run(command, check=True, timeout=60, capture_output=True)
                self.made[wanted] = json.loads(path.read_text(encoding="utf-8"))
        return self.made[wanted]


# ---- Running tests --------------------------------------------------------------------------------


class Tests:
    """Functions marked with @tests.test, in order; run prints TAP. Those marked with @tests.patient wait for a deadline most
    of the time: they begin in the background when the others do, and are reported at the end. What a test returns is printed
    as a comment; a text that begins with "skipped" says that it did not run.

    `overdue` is called, from another thread, when a test has taken `seconds`: it takes away what the test waits for, so
    that one test fails instead of all that would come after it. Where it waited is printed, and it is begun once more,
    because a browser may stop by itself; a test that hangs twice has failed."""

    def __init__(self, name, overdue=None, seconds=120):
        self.name = name
        self.overdue, self.seconds = overdue, seconds
        self.functions = []
        self.waiting = []

    def test(self, function):
        self.functions.append(function)
        return function

    def patient(self, function):
        self.waiting.append(function)
        return function

    def outcome(self, function, again=True):
        """(whether it passed, what there is to say, seconds)."""
        began = time.monotonic()
        rescued = threading.Event()
        alarm = threading.Timer(self.seconds, self.rescue, [rescued]) if self.overdue else None
        try:
            if alarm:
                alarm.start()
            return True, function(), time.monotonic() - began
        except Exception as fault:
            if rescued.is_set() and again:
                return self.outcome(function, again=False)
            reason = str(fault) if isinstance(fault, AssertionError) and str(fault) else traceback.format_exc()
            return False, reason, time.monotonic() - began
        finally:
            if alarm:
                alarm.cancel()

    def rescue(self, rescued):
        rescued.set()
        print(f"#   nothing came of it in {self.seconds} seconds; it waits here:", flush=True)
        faulthandler.dump_traceback(file=sys.stdout)
        self.overdue()

    def run(self, only=()):
        failed = 0
        chosen = lambda function: not only or any(word in title(function) for word in only)
        title = lambda function: function.__name__.replace("_", " ")
        with ThreadPoolExecutor(max(1, len(self.waiting))) as pool:
            begun = [(function, pool.submit(self.outcome, function)) for function in self.waiting if chosen(function)]
            for function, later in [(function, None) for function in self.functions if chosen(function)] + begun:
                good, said, seconds = later.result() if later is not None else self.outcome(function)
                failed += not good
                skipped = good and str(said).startswith("skipped")
                print(f"{'ok' if good else 'not ok'} {self.name}: {title(function)}" + (f" # SKIP {said}" if skipped else ""), flush=True)
                if said and not skipped:
                    print("".join(f"#   {line}\n" for line in str(said).splitlines()), end="", flush=True)
                if os.environ.get("SHOW_SECONDS"):
                    print(f"#   {seconds:.1f} s", flush=True)
        return failed > 0


def arguments(description):
    """The parser that all these programs share: --service is what is tested, --lumen the command it is measured by."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    executable = lambda path: str(Path(path).resolve(strict=True))
    parser.add_argument("--service", type=executable, required=True,
                        help="tests/service/lumen-test-service of a build, which has the test engines")
    parser.add_argument("--lumen", type=executable, required=True, help="the command lumen of the same build")
    parser.add_argument("only", nargs="*", help="run only the tests whose name holds one of these")
    return parser
