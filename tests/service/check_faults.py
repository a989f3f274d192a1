"""Bad clients, bad disks and sudden death.

    python3 tests/service/check_faults.py --service build/tests/service/lumen-test-service --lumen build/src/cli/lumen
    ... --rounds 200 --idle        all rounds of sudden death, and the wait for idle connections to be closed

Whatever a client sends, it is answered right or closed by the deadline, and the service goes on as if nothing had been.
Prints TAP with figures as comments.
"""

import hashlib
import json
import os
import random
import socket
import struct
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from service import Command, Service, Tests, arguments, http_request, read_all, read_response, shape_arrays, wait_for

tests = Tests("faults")
test = tests.test
options = command = None

# The deadlines of the service, in seconds (docs/service.md), and how much later may still be called in time.
HEADERS, BODY, SEND, IDLE, GRACE = 10, 30, 30, 75, 6


def well(service):
    """The service works: a shape that nobody asked for before is right."""
    seed = random.getrandbits(40)
    answer = service.generate("cat", seed=seed, points=256).json()
    assert shape_arrays(answer) == shape_arrays(command.shape("cat", seed=seed, points=256))


# ---- Slow clients: they all begin at once, and are judged by the tests below ----------------------------------


class Slow:
    """Clients that take their time, in threads of their own, on one service."""

    def __init__(self):
        self.service = Service(options.service)
        self.pool = ThreadPoolExecutor(16)
        self.clients = {}

    def begin(self):
        self.service.start()
        self.service.generate("cat")
        kinds = [self.headers, self.body, self.chunks, self.nothing_of_a_body, self.reader, self.half_a_request, self.half_closed]
        for kind in kinds + ([self.silent, self.silent_after_one] if options.idle else []):
            self.clients[kind.__name__] = self.pool.submit(self.timed, kind)
        return self

    def timed(self, kind):
        """(seconds until the service ended it, what it had said)."""
        with self.service.connect(2 * IDLE) as connection:
            began = time.monotonic()
            said = kind(connection)
            return time.monotonic() - began, said

    @staticmethod
    def dribble(connection, pieces, pause=0.25):
        """Sends piece by piece until the service ends the connection."""
        said = b""
        connection.settimeout(pause)
        for piece in pieces:
            try:
                connection.sendall(piece)
                got = connection.recv(65536)
                if not got:
                    return said
                said += got
            except TimeoutError:
                continue
            except OSError:
                return said
        connection.settimeout(2 * IDLE)
        return said + read_all(connection)

    def headers(self, connection):
        return self.dribble(connection, [b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: "] + [b"a"] * 800)

    def body(self, connection):
        return self.dribble(connection, [b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n"] + [b" "] * 800)

    def chunks(self, connection):
        return self.dribble(connection, [b"POST /generate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"] + [b"1\r\n \r\n"] * 800)

    def nothing_of_a_body(self, connection):
        connection.sendall(b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        return read_all(connection)

    def half_a_request(self, connection):
        connection.sendall(b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        return read_all(connection)

    def half_closed(self, connection):
        connection.sendall(b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection)

    def reader(self, connection):
        # Far more than sockets buffer, and nobody reads.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(http_request("POST", "/generate", b'{"text": "cat"}') * 400)
        # What waits to be sent hides the end from the client, so the other side's socket is watched.
        wait_for("the end of a client that reads nothing", lambda: not self.is_established(connection), 3 * SEND, 0.25)
        return b""

    def is_established(self, connection):
        ours, theirs = connection.getsockname()[1], self.service.port
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            local, remote, state = line.split()[1:4]
            if int(local.split(":")[1], 16) == theirs and int(remote.split(":")[1], 16) == ours:
                return state == "01"
        return False

    def silent(self, connection):
        return read_all(connection)

    def silent_after_one(self, connection):
        connection.sendall(http_request("GET", "/health"))
        return read_all(connection)

    def judge(self, name, least, most, statuses):
        seconds, said = self.clients[name].result()
        assert least <= seconds <= most, f"{name} was ended after {seconds:.1f} s, not {least} to {most}: {said[:200]!r}"
        if said:
            status = int(said.split(b" ", 2)[1])
            assert status in statuses, f"{name}: {said[:200]!r}"
        return f"ended after {seconds:.1f} s" + (f" with {said.splitlines()[0].decode()}" if said else "")


slow = None


# ---- Strange requests --------------------------------------------------------------------------------------


@test
def pipelined_requests_are_answered_in_order():
    with Service(options.service) as service:
        with service.connect() as connection:
            batch, expected = [], []
            for i in range(60):
                kind = i % 4
                identity = [f"X-Request-Id: n{i}"]
                if kind == 0:
                    batch.append(http_request("GET", "/health", headers=identity))
                elif kind == 1:  # has to wait for an engine
                    body = json.dumps({"text": "cat", "seed": i, "points": 256, "engine": "test-1ms"}).encode()
                    batch.append(http_request("POST", "/generate", body, identity))
                elif kind == 2:
                    batch.append(http_request("GET", "/nowhere", headers=identity))
                else:
                    batch.append(http_request("POST", "/generate", b"{", identity))
                expected.append((200, 200, 404, 400)[kind])
            connection.sendall(b"".join(batch))
            stream = connection.makefile("rb")
            for i, status in enumerate(expected):
                answer = read_response(stream)
                assert answer is not None, f"the connection was closed before answer {i}"
                assert answer[0] == status and answer[1]["x-request-id"] == f"n{i}", f"answer {i}: {answer[0]} {answer[1]}"
                if i % 4 == 1:
                    assert shape_arrays(json.loads(answer[2])) == shape_arrays(command.shape("cat", seed=i, points=256))
        well(service)


@test
def sixteen_megabytes_are_413_or_closed():
    with Service(options.service) as service:
        for _ in range(5):
            with service.connect() as connection:
                connection.sendall(b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16777216\r\n\r\n")
                # Refused before a byte of it was sent.
                assert connection.recv(65536).startswith(b"HTTP/1.1 413"), "the length alone says that it is too large"
            with service.connect() as connection:
                connection.sendall(b"POST /generate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
                try:
                    for _ in range(2048):
                        connection.sendall(b"2000\r\n" + b"x" * 8192 + b"\r\n")
                    connection.sendall(b"0\r\n\r\n")
                except OSError:
                    pass
                answer = read_response(connection.makefile("rb"))
                assert answer is None or answer[0] == 413, answer
            answer = service.post("/generate", b"x" * 16777216)
            assert answer.status_code == 413 and answer.json()["type"] == "PayloadTooLargeError"
            waiting = service.raw(b"POST /generate HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 16777216\r\n\r\n")
            assert waiting.startswith(b"HTTP/1.1 413"), waiting[:200]
        before, _ = service.resident_bytes()
        for _ in range(40):
            try:
                service.post("/generate", b"x" * 16777216)
            except requests.ConnectionError:
                pass  # closed while we were still sending
        after, _ = service.resident_bytes()
        assert after - before < 8 << 20, f"{after - before} bytes more after 40 bodies of 16 MB"
        well(service)


@test
def a_hundred_thousand_brackets_are_400():
    with Service(options.service, LUMEN_MAX_BODY_BYTES=10_000_000) as service:
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}"), (b"[", b""), (b'{"text":[', b"]}")):
            for inner in (b"", b"1"):
                for body in (opening * 100_000 + inner + closing * 100_000, b'{"text": "cat", "x": ' + opening * 100_000 + inner + closing * 100_000 + b"}"):
                    answer = service.post("/generate", body)
                    assert answer.status_code == 400 and answer.json()["type"] == "BadRequestError", answer.text[:200]
        wide = b'{"text": "cat", "x": [' + b",".join([b"0"] * 100_000) + b"]}"
        assert service.post("/generate", wide).status_code == 200
        many = b'{"text": "cat"' + b"".join(b', "m%d": 0' % i for i in range(100_000)) + b"}"
        assert service.post("/generate", many).status_code in (200, 400)
        assert service.post("/generate", b'{"text": "' + b"x" * 1_000_000 + b'"}').status_code == 422
        assert service.post("/generate", b'{"text": "cat", "seed": ' + b"9" * 1_000_000 + b"}").status_code in (400, 422)
        well(service)


NONSENSE = {
    "random bytes": bytes(random.Random(1).randrange(256) for _ in range(4096)) + b"\r\n\r\n",
    "zeros": bytes(10000),
    "newlines": b"\r\n" * 5000,
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + bytes(200),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "HTTP/9.9": b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "a long path": b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a long header": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n",
    "many headers": b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(20_000)) + b"\r\n",
    "many query members": b"GET /health?" + b"&".join(b"a%d=b" % i for i in range(2000)) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a header without a colon": b"GET /health HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n",
    "a folded header": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n\r\n",
    "a NUL in a header": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: b\x00c\r\n\r\n",
    "a negative length": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n{}",
    "a length that is no number": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2x\r\n\r\n{}",
    "an enormous length": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n{}",
    "a length of 2^63": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9223372036854775807\r\n\r\n{}",
    "two lengths": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
    "a length and chunks": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "an enormous chunk": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
    "an unknown coding": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "a proxy's request": b"GET http://example.org/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT": b"CONNECT example.org:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bad escapes": b"GET /%zz%1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bytes in the path": b"GET /\xff\xfe\x80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a bad Accept": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 14\r\nAccept: " + b",".join([b"a/b;q=z;;=,*"] * 300) + b'\r\n\r\n{"text":"cat"}',
    "a bad If-None-Match": b"GET /shapes/0000000000000000.ply HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: " + b'"' * 3000 + b"\r\n\r\n",
    "a bad X-Forwarded-For": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: " + b",".join([b"[::1]:x"] * 500) + b"\r\nContent-Length: 2\r\n\r\n{}",
}


@tests.patient
def nonsense_is_refused_and_harms_nobody():
    with Service(options.service, LUMEN_TRUSTED_PROXIES="loopback") as service:
        for name, sent in NONSENSE.items():
            with service.connect(HEADERS + GRACE) as connection:
                said = b""
                try:
                    connection.sendall(sent)
                    said = connection.recv(65536)
                except TimeoutError:
                    raise AssertionError(f"{name}: neither answered nor closed after {HEADERS + GRACE} s") from None
                except OSError:
                    pass
            assert said == b"" or said.startswith(b"HTTP/1."), f"{name}: {said[:200]!r}"
            if said:
                assert said.split(b" ", 2)[1] != b"500", f"{name}: {said[:300]!r}"
        well(service)
        assert all(worker["crashes"] == 0 for worker in service.workers())


@test
def a_second_request_cannot_hide_in_a_body():
    hidden = b'POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 27\r\n\r\n{"text":"hidden","seed":99}'
    with Service(options.service) as service:
        for headers in (b"Content-Length: %d\r\nTransfer-Encoding: chunked" % (5 + len(hidden)), b"Content-Length: 5\r\nContent-Length: %d" % (5 + len(hidden)),
                        b"Transfer-Encoding : chunked\r\nContent-Length: %d" % (5 + len(hidden))):
            service.raw(b"POST /generate HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n\r\n0\r\n\r\n" + hidden, 2)
        service.generate("cat", points=256)
        # Where lengths disagree a proxy in front may see one request and the service two: then the connection must end.
        assert service.metric("lumen_generations_total") == 1, "the hidden request was carried out"


@tests.patient
def clients_that_leave_in_the_middle_leave_nothing_behind():
    with Service(options.service) as service:
        service.generate("cat", points=65536)
        body = json.dumps({"text": "cat", "points": 65536}).encode()
        whole = http_request("POST", "/generate", body)
        fresh = lambda i: http_request("POST", "/generate", json.dumps({"text": "cat", "seed": i, "engine": "test-100ms"}).encode())
        chance = random.Random(5)

        def round_of_clients(count, start):
            for i in range(count):
                connection = service.connect()
                what = chance.choice(("part", "unread", "some", "working"))
                sent = fresh(start + i) if what == "working" else whole
                connection.sendall(sent[:chance.randrange(1, len(sent))] if what == "part" else sent)
                if what == "some":
                    connection.recv(1000)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", chance.randrange(2), 0))
                connection.close()

        def settled():
            return service.metric("lumen_queue_depth") == service.metric("lumen_queue_running") == 0 and service.metric("lumen_connections") < 20

        round_of_clients(200, 0)
        wait_for("all to be forgotten", settled, BODY + GRACE, 0.1)
        before, _ = service.resident_bytes()
        round_of_clients(600, 10_000)
        wait_for("all to be forgotten", settled, BODY + GRACE, 0.1)
        after, _ = service.resident_bytes()
        files = len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))
        assert files < 100, f"{files} files are open"
        assert after - before < 16 << 20, f"{(after - before) / 2**20:.1f} MiB more"
        well(service)
        return f"800 clients left: {(after - before) / 2**20:+.1f} MiB, {files} open files"


# ---- Disks -----------------------------------------------------------------------------------------------------


def database(service):
    files = list(service.cache_folder.glob("*.sqlite3"))
    assert len(files) == 1, f"the cache folder holds {list(service.cache_folder.iterdir())}"
    return files[0]


def stored(service, text, **more):
    return wait_for("the write", lambda: (answer := service.generate(text, **more)).headers["X-Lumen-Cache"] == "stored" and answer)


@test
def a_database_that_is_garbage_at_the_start_is_set_aside():
    with tempfile.TemporaryDirectory() as folder:
        with Service(options.service, folder=folder) as service:
            stored(service, "cat")
            path = database(service)
        whole = path.read_bytes()
        for name, damage in (("noise", lambda: os.urandom(len(whole))), ("nothing", lambda: b""), ("half", lambda: whole[:len(whole) // 2]),
                             ("text", lambda: b"this is no database\n" * 100),
                             ("holes", lambda: whole[:4096] + os.urandom(len(whole) - 4096))):
            for beside in path.parent.glob(path.name + "-*"):
                beside.unlink()
            path.write_bytes(damage())
            with Service(options.service, folder=folder) as service:
                answer = stored(service, "cat")
                assert shape_arrays(answer.json()) == shape_arrays(command.shape("cat")), name
                stats = service.get("/cache/stats").json()["disk"]
                assert stats["connected"] and stats["state"] == "ok", f"{name}: {stats}"
                well(service)
        assert list(path.parent.glob("*.corrupt-*")), "nothing was set aside"


@test
def a_database_damaged_under_the_running_service_is_never_served():
    with tempfile.TemporaryDirectory() as folder:
        with Service(options.service, folder=folder, LUMEN_MEMORY_CACHE_ITEMS=4) as service:
            for seed in range(40):
                stored(service, "cat", seed=seed)
            path = database(service)
            chance = random.Random(3)
            for _ in range(5):
                for file in (path, path.with_name(path.name + "-wal")):
                    size = file.stat().st_size if file.exists() else 0
                    if size == 0:
                        continue
                    with open(file, "r+b") as bytes_:
                        for _ in range(20):
                            bytes_.seek(chance.randrange(size))
                            bytes_.write(os.urandom(64))
                for seed in range(40):
                    answer = service.generate("cat", seed=seed)
                    assert shape_arrays(answer.json()) == shape_arrays(command.shape("cat", seed=seed)), seed
            service.get("/cache/stats")
            well(service)
        with Service(options.service, folder=folder) as service:
            for seed in range(40):
                answer = service.generate("cat", seed=seed)
                assert shape_arrays(answer.json()) == shape_arrays(command.shape("cat", seed=seed)), seed
            wait_for("the disk to be well", lambda: service.get("/cache/stats").json()["disk"]["connected"], 30)


@test
def a_database_deleted_under_the_running_service_does_no_harm():
    with tempfile.TemporaryDirectory() as folder:
        with Service(options.service, folder=folder) as service:
            stored(service, "cat")
            for file in service.cache_folder.iterdir():
                file.unlink()
            for seed in range(20):
                assert service.generate("cat", seed=seed).status_code == 200
            well(service)
        with Service(options.service, folder=folder) as service:
            well(service)


@test
def a_cache_folder_that_cannot_be_used_is_told_and_memory_serves():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cache").write_text("a file where the folder should be")
        with Service(options.service, folder=folder) as service:
            service.generate("cat")
            assert service.generate("cat").headers["X-Lumen-Cache"] == "memory"
            disk = service.get("/cache/stats").json()["disk"]
            assert disk["connected"] is False and disk["state"] != "ok", disk
            assert service.get("/health/ready").json()["cache"]["disk"] is False
            assert service.metric("lumen_cache_connected", tier="disk") == 0
            wait_for("the log to say so", lambda: [line for line in service.log_lines() if line["severity"] in ("WARNING", "ERROR") and "cache" in json.dumps(line)])


class SmallDisk:
    """A real file system of its own, in memory; needs the right to mount."""

    def __init__(self, size):
        self.folder = tempfile.TemporaryDirectory()
        run = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", self.folder.name], capture_output=True)
        self.mounted = run.returncode == 0

    def read_only(self, on):
        subprocess.run(["mount", "-o", "remount," + ("ro" if on else "rw"), self.folder.name], check=True, capture_output=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(["umount", "-l", self.folder.name], capture_output=True)
        self.folder.cleanup()


@tests.patient
def a_full_disk_costs_only_the_storing_and_heals():
    with SmallDisk("64m") as disk:
        if not disk.mounted:
            return "skipped: this needs the right to mount"
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "cache").symlink_to(disk.folder.name)
            with Service(options.service, folder=folder, LUMEN_CACHE_MAX_BYTES="1G") as service:
                filler = Path(disk.folder.name) / "filler"
                stored(service, "cat")
                with open(filler, "wb", buffering=0) as file:
                    try:
                        while True:
                            file.write(bytes(4096))
                    except OSError:
                        pass
                for seed in range(20, 50):
                    answer = service.generate("cat", seed=seed)
                    if seed % 10 == 0:
                        assert shape_arrays(answer.json()) == shape_arrays(command.shape("cat", seed=seed))
                said = wait_for("the service to say so", lambda: (now := service.get("/cache/stats").json()["disk"])["state"] != "ok" and now, 30)
                assert service.get("/health/ready").status_code == 200
                filler.unlink()
                wait_for("the disk to be used again", lambda: service.generate("cat", seed=5000).headers["X-Lumen-Cache"] == "stored", 90, 0.5)
                assert service.get("/cache/stats").json()["disk"]["state"] == "ok"
            return f"while it was full: {said['state']}"


@tests.patient
def a_disk_that_turns_read_only_costs_only_the_storing_and_heals():
    with SmallDisk("50m") as disk:
        if not disk.mounted:
            return "skipped: this needs the right to mount"
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "cache").symlink_to(disk.folder.name)
            with Service(options.service, folder=folder) as service:
                stored(service, "cat")
            disk.read_only(True)
            with Service(options.service, folder=folder) as service:
                for seed in range(10):
                    service.generate("cat", seed=seed)
                said = wait_for("the service to say so", lambda: (now := service.get("/cache/stats").json()["disk"])["state"] != "ok" and now, 30)
                well(service)
                disk.read_only(False)
                wait_for("the disk to be used again", lambda: service.generate("cat", seed=5000).headers["X-Lumen-Cache"] == "stored", 90, 0.5)
            return f"while it was read-only: {said['state']}"


# ---- Sudden death ----------------------------------------------------------------------------------------------------


def digest(shape):
    return hashlib.sha256(b"".join(shape_arrays(shape))).hexdigest()


def write_until_death(service, first_seed, known, lock):
    """Asks for new shapes, and again until they are answered as stored; notes those."""
    session = requests.Session()
    session.trust_env = False
    seed = first_seed
    try:
        while True:
            seed += 1
            for _ in range(50):
                answer = session.post(service.url + "/generate", json={"text": "cat", "seed": seed}, timeout=20)
                assert answer.status_code == 200, answer.text[:200]
                if answer.headers["X-Lumen-Cache"] == "stored":
                    with lock:
                        known[seed] = digest(answer.json())
                    break
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        pass  # it is dead
    finally:
        session.close()


@test
def what_was_answered_as_stored_survives_sudden_death():
    chance = random.Random(7)
    known, lost, checked = {}, [], 0
    lock = threading.Lock()
    with tempfile.TemporaryDirectory() as folder:
        service = Service(options.service, folder=folder)
        for round_number in range(options.rounds):
            service.restart()
            try:
                # All of the last round, and some older ones: there, whole, and not made again.
                fresh = [seed for seed in known if seed >= (round_number - 1) * 1_000_000]
                for seed in fresh + chance.sample(sorted(known), min(20, len(known))):
                    answer = service.generate("cat", seed=seed)
                    checked += 1
                    if answer.headers["X-Lumen-Cache"] != "stored":
                        lost.append((round_number, seed))
                    assert digest(answer.json()) == known[seed], f"round {round_number}: seed {seed} came back with other bytes"
                if fresh:
                    seed = chance.choice(fresh)
                    assert known[seed] == digest(command.shape("cat", seed=seed)), f"seed {seed} is not what the command makes"
                writers = [threading.Thread(target=write_until_death, args=(service, round_number * 1_000_000 + k * 10_000, known, lock))
                           for k in range(4)]
                for writer in writers:
                    writer.start()
                time.sleep(chance.uniform(0.02, 0.6))
                service.kill()
                for writer in writers:
                    writer.join()
            except BaseException:
                service.kill()
                service.show_log()
                raise
        assert not lost, f"answered as stored, and gone after the next start: {lost[:10]} ({len(lost)} of {checked})"
        service.restart()
        assert service.get("/cache/stats").json()["disk"]["faults"] == 0
        service.stop()
        aside = list(Path(folder).glob("cache/*.corrupt-*"))
        assert not aside, f"a database was taken for corrupt: {aside}"
    assert len(known) >= options.rounds, f"only {len(known)} shapes were stored"
    return f"{options.rounds} rounds, {len(known)} shapes stored, {checked} looked up after a death, none lost or torn"


@test
def an_engine_process_that_is_killed_is_replaced():
    with Service(options.service) as service:
        well(service)
        for child in service.children():
            os.kill(child, 9)
        wait_for("new engine processes", lambda: service.get("/health/ready").status_code == 200 and
                 all(worker["ready"] and worker["starts"] >= 2 for worker in service.workers()))
        well(service)


# ---- How the slow ones fared ---------------------------------------------------------------------------------------------


@tests.patient
def half_a_request_is_closed_when_its_headers_are_due():
    return slow.judge("half_a_request", HEADERS - 2, HEADERS + GRACE, (400, 408))


@tests.patient
def slow_headers_are_closed_when_they_are_due():
    return slow.judge("headers", HEADERS - 2, HEADERS + GRACE, (400, 408))


@tests.patient
def a_slow_body_is_closed_when_it_is_due():
    return slow.judge("body", BODY - 2, BODY + GRACE, (408,))


@tests.patient
def a_slow_body_in_chunks_is_closed_when_it_is_due():
    return slow.judge("chunks", BODY - 2, BODY + GRACE, (408,))


@tests.patient
def a_body_that_never_comes_is_closed_when_it_is_due():
    return slow.judge("nothing_of_a_body", BODY - 2, BODY + GRACE, (408,))


@tests.patient
def a_client_that_stops_sending_in_its_body_is_closed_at_the_latest_then():
    return slow.judge("half_closed", 0, BODY + GRACE, (400, 408))


@tests.patient
def a_client_that_reads_nothing_is_closed_when_its_answer_is_due():
    # 39 kB have some seconds more, at 16 KiB a second.
    return slow.judge("reader", 1, SEND + 3 + GRACE, ())


@tests.patient
def idle_connections_are_closed():
    if not options.idle:
        return "skipped without --idle: it takes a minute"
    return slow.judge("silent", IDLE - 5, IDLE + GRACE, ()) + "; after a request: " + slow.judge("silent_after_one", IDLE - 5, IDLE + GRACE, (200,))


@tests.patient
def the_service_of_the_slow_clients_is_well():
    for client in slow.clients.values():
        client.result()
    well(slow.service)
    wait_for("their connections to be gone", lambda: slow.service.metric("lumen_connections") < 4)
    slow.service.log_lines()


def main():
    global options, command, slow
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="of sudden death")
    parser.add_argument("--idle", action="store_true", help="wait for idle connections to be closed, too")
    options = parser.parse_args()
    command = Command(options.lumen)
    slow = Slow().begin()
    failed = tests.run(options.only)
    try:
        slow.service.stop()
    except AssertionError as fault:
        failed = True
        print(f"not ok faults: the service of the slow clients ends well\n#   {fault}")
        slow.service.show_log()
    slow.pool.shutdown(wait=False, cancel_futures=True)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
