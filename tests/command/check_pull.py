"""`lumen pull` and `lumen models` as their user meets them, against a hub that answers as it is told to.

    python3 tests/command/check_pull.py --lumen build/src/cli/lumen

Every function marked @test is one test, named for the behavior; it gets an empty folder to work in.
Prints TAP.
"""

import argparse
import hashlib
import json
import os
import pty
import random
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TESTS = []
LUMEN = None


def test(function):
    TESTS.append(function)
    return function


def clean_environment(environment=None):
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("LUMEN_", "XDG_", "HF_")) and not name.lower().endswith("_proxy")}
    return {**clean, **(environment or {})}


def lumen(*arguments, status=0, environment=None, seconds=60, stdin=subprocess.DEVNULL):
    """Runs `lumen`; `status` is what it must end with. Returns (stdout, stderr)."""
    run = subprocess.run([LUMEN, *map(str, arguments)], capture_output=True, timeout=seconds, stdin=stdin,
                         env=clean_environment(environment))
    out, error = run.stdout.decode(errors="replace"), run.stderr.decode(errors="replace")
    assert run.returncode == status, f"{arguments} ended with status {run.returncode}: {out} {error}"
    return out, error


def wait_for(condition, seconds=20):
    """The first true value of `condition`; what is awaited is a state, never a time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
    return value


def content_of(name, size):
    return random.Random(name).randbytes(size)


# ---- A hub ---------------------------------------------------------------------------------------


class Request:
    """One request as a test's answer sees it, with the ways to answer."""

    def __init__(self, handler, attempt):
        self.handler = handler
        self.path = handler.path
        self.headers = dict(handler.headers)
        self.attempt = attempt  # from 1, for each path
        wanted = handler.headers.get("Range", "")
        self.start = int(wanted[6:-1]) if wanted.startswith("bytes=") and wanted.endswith("-") else 0

    def head(self, status, **headers):
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()

    def send(self, content, cut=None, length=None, ranges=True, etag='"v1"', **headers):
        """Sends the content from the asked byte on; `cut` drops the connection after so many bytes, `length` is a lie
        about how many there are."""
        start = self.start if ranges else 0
        body = content[start:]
        if etag:
            headers["ETag"] = etag
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.head(206 if start else 200, Content_Length=len(body) if length is None else length, **headers)
        self.write(body if cut is None else body[:cut])
        if cut is not None or (length is not None and length != len(body)):
            self.drop()

    def write(self, content):
        self.handler.wfile.write(content)
        self.handler.wfile.flush()

    def refuse(self, status, **headers):
        self.head(status, Content_Length=2, **headers)
        self.write(b"no")

    def drop(self):
        self.handler.close_connection = True
        self.handler.connection.shutdown(socket.SHUT_RDWR)


class Hub:
    """A model hub: `answer(request)` answers every GET. `released` holds back what a test wants held back."""

    def __init__(self, answer=None, host="127.0.0.1"):
        self.answer = answer
        self.requests = []
        self.attempts = {}
        self.released = threading.Event()
        self.running = self.running_most = 0
        self.lock = threading.Lock()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_GET(self):
                with hub.lock:
                    attempt = hub.attempts[self.path] = hub.attempts.get(self.path, 0) + 1
                    request = Request(self, attempt)
                    hub.requests.append(request)
                    hub.running += 1
                    hub.running_most = max(hub.running_most, hub.running)
                try:
                    hub.answer(request)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with hub.lock:
                        hub.running -= 1

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, address):
                pass

        self.server = Server((host, 0), Handler)
        self.url = f"http://{host}:{self.server.server_address[1]}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        return self

    def __exit__(self, *reason):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Model:
    """A small model in a catalog, and a folder to pull it into."""

    def __init__(self, folder, files=None, known=True, **facts):
        self.folder = folder / "models"
        self.files = files or {"a.bin": content_of("a", 300000)}
        self.catalog = folder / "catalog.json"
        described = []
        for path, content in self.files.items():
            one = {"path": path}
            if known:
                one |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            described.append(one)
        self.catalog.write_text(json.dumps({"models": [{
            "name": "tiny", "purpose": "tests", "repository": "lumen/tiny", "licence": "MIT", "files": described, **facts}]}))

    def path(self, name):
        return self.folder / "tiny" / name

    def name_of(self, request):
        prefix = "/lumen/tiny/resolve/main/"
        assert request.path.startswith(prefix), request.path
        return request.path[len(prefix):]

    def content_of(self, request):
        return self.files[self.name_of(request)]

    def pull(self, hub, *arguments, **how):
        return lumen(*self.arguments(hub, *arguments), **how)

    def arguments(self, hub, *arguments):
        address = hub if isinstance(hub, str) else hub.url
        return ["pull", "tiny", "--catalog", self.catalog, "--models", self.folder, "--hub", address, *arguments]

    def check(self):
        """All files are there as they should be, and nothing else is."""
        for name, content in self.files.items():
            assert self.path(name).read_bytes() == content, f"{name} is wrong"
        extra = {str(path.relative_to(self.folder / "tiny")) for path in (self.folder / "tiny").rglob("*")
                 if path.is_file()} - {*self.files, ".pull.lock", ".licence-accepted"}
        assert not extra, extra

    def partial(self, name="a.bin"):
        path = self.path(name + ".part")
        return path.stat().st_size if path.exists() else 0


# ---- A good hub ------------------------------------------------------------------------------------


@test
def a_model_comes_whole_and_is_not_fetched_again(folder):
    model = Model(folder, {"unet/model.safetensors": content_of("u", 3000000), "vae/config.json": b"{}", "merges.txt": b"a b\n"})
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        out, error = model.pull(hub)
        assert "complete, 3 files" in out and error == "", (out, error)
        model.check()
        assert len(hub.requests) == 3
        model.pull(hub)
        assert len(hub.requests) == 3, "what is here was asked for again"


@test
def a_file_without_known_size_and_hash_comes_too(folder):
    model = Model(folder, known=False)
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        model.pull(hub)
        model.check()


@test
def an_answer_may_come_in_chunks_without_a_length(folder):
    model = Model(folder, known=False)

    def answer(request):
        request.head(200, Transfer_Encoding="chunked")
        content = model.content_of(request)
        for at in range(0, len(content), 70000):
            piece = content[at:at + 70000]
            request.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        request.write(b"0\r\n\r\n")

    with Hub(answer) as hub:
        model.pull(hub)
        model.check()


@test
def no_more_files_are_under_way_than_asked_for(folder):
    model = Model(folder, {f"{index}.bin": content_of(index, 1000) for index in range(9)})

    def answer(request):
        with hub.lock:
            enough = len(hub.requests) >= 3
        if enough:
            hub.released.set()
        assert hub.released.wait(20), "three files never came together"
        request.send(model.content_of(request))

    with Hub(answer) as hub:
        model.pull(hub, "--parallel", 3)
        model.check()
        assert hub.running_most == 3, hub.running_most


@test
def settings_come_from_the_environment_too(folder):
    model = Model(folder)
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        lumen("pull", "tiny", environment={"LUMEN_MODELS": str(model.folder), "LUMEN_MODEL_HUB": hub.url + "/",
                                           "LUMEN_MODELS_CATALOG": str(model.catalog)})
        model.check()


@test
def without_a_folder_models_lie_with_the_users_data(folder):
    model = Model(folder)
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        lumen("pull", "tiny", "--catalog", model.catalog, "--hub", hub.url, environment={"HOME": str(folder)})
        assert (folder / ".local/share/lumen/models/tiny/a.bin").exists()
        lumen("pull", "tiny", "--catalog", model.catalog, "--hub", hub.url,
              environment={"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data")})
        assert (folder / "data/lumen/models/tiny/a.bin").exists()


# ---- Connections that break --------------------------------------------------------------------------


@test
def a_transfer_that_breaks_off_goes_on_where_it_was(folder):
    model = Model(folder)
    with Hub(lambda request: request.send(model.content_of(request), cut=100000 if request.attempt < 3 else None)) as hub:
        model.pull(hub)
        model.check()
        assert [request.start for request in hub.requests] == [0, 100000, 200000]


@test
def a_hub_that_ignores_ranges_sends_everything_again(folder):
    model = Model(folder)
    with Hub(lambda request: request.send(model.content_of(request), cut=100000 if request.attempt == 1 else None,
                                          ranges=False)) as hub:
        model.pull(hub)
        model.check()
        assert hub.requests[1].start == 100000


@test
def a_transfer_that_stalls_begins_anew(folder):
    model = Model(folder)

    def answer(request):
        if request.attempt > 1:
            return request.send(model.content_of(request))
        content = model.content_of(request)
        request.head(200, Content_Length=len(content), ETag='"v1"')
        request.write(content[:50000])
        hub.released.wait(30)

    with Hub(answer) as hub:
        model.pull(hub, "--stall-seconds", 1, seconds=15)
        model.check()
        assert hub.requests[1].start == 50000


@test
def a_hub_that_never_answers_is_given_up(folder):
    model = Model(folder)
    with Hub(lambda request: hub.released.wait(60)) as hub:
        _, error = model.pull(hub, "--stall-seconds", 1, "--attempts", 2, status=1)
        assert "2 attempts" in error and "pull again" in error, error
        assert len(hub.requests) == 2


@test
def a_broken_transfer_is_tried_as_often_as_asked_for(folder):
    model = Model(folder)
    with Hub(lambda request: request.send(model.content_of(request), cut=10)) as hub:
        _, error = model.pull(hub, "--attempts", 3, status=1)
        assert "a.bin" in error and "3 attempts" in error, error
        assert model.partial() == 30, "what had come is gone"
        assert [request.start for request in hub.requests] == [0, 10, 20]


@test
def after_kill_9_the_next_pull_goes_on(folder):
    model = Model(folder, {"a.bin": content_of("a", 5000000), "b.bin": content_of("b", 1000)})

    def answer(request):
        content = model.content_of(request)
        if request.attempt > 1 or model.name_of(request) != "a.bin":
            return request.send(content)
        request.head(200, Content_Length=len(content), ETag='"v1"')
        request.write(content[:3000000])
        hub.released.wait(60)

    with Hub(answer) as hub:
        process = subprocess.Popen([LUMEN, *map(str, model.arguments(hub))], env=clean_environment())
        wait_for(lambda: model.partial() == 3000000 and model.path("b.bin").exists())
        process.kill()
        process.wait()
        assert not model.path("a.bin").exists(), "half a file has its name"
        model.pull(hub)
        model.check()
        assert [request.start for request in hub.requests if model.name_of(request) == "a.bin"] == [0, 3000000]
        assert hub.attempts["/lumen/tiny/resolve/main/b.bin"] == 1


@test
def a_part_of_an_unknown_version_is_not_trusted(folder):
    """Without a hash and without an ETag nothing tells whether the part belongs to the same file."""
    model = Model(folder, known=False)
    with Hub(lambda request: request.send(model.content_of(request), cut=1000 if request.attempt == 1 else None, etag=None)) as hub:
        model.pull(hub, "--attempts", 1, status=1)
        model.pull(hub)
        model.check()
        assert [request.start for request in hub.requests] == [0, 0]


@test
def a_part_of_another_version_is_thrown_away(folder):
    model = Model(folder, known=False)
    older = content_of("older", 300000)

    def answer(request):
        if request.attempt == 1:
            request.send(older, cut=100000, etag='"older"')
        else:
            request.send(model.content_of(request), etag='"newer"')

    with Hub(answer) as hub:
        model.pull(hub, "--attempts", 1, status=1)
        model.pull(hub)
        model.check()
        assert [request.start for request in hub.requests] == [0, 100000, 0]


@test
def a_file_put_together_wrongly_is_fetched_anew(folder):
    """The hub changed the file between two answers and gives no ETag: only the hash can tell."""
    model = Model(folder)
    older = content_of("older", 300000)

    def answer(request):
        if request.attempt == 1:
            request.send(older, cut=100000, etag=None)
        else:
            request.send(model.content_of(request), etag=None)

    with Hub(answer) as hub:
        model.pull(hub)
        model.check()
        assert [request.start for request in hub.requests] == [0, 100000, 0]


@test
def a_range_that_was_not_asked_for_is_refused(folder):
    model = Model(folder)

    def answer(request):
        content = model.content_of(request)
        if request.attempt == 2:
            request.head(206, Content_Length=len(content) - 5, Content_Range=f"bytes 5-{len(content) - 1}/{len(content)}")
            request.write(content[5:])
        else:
            request.send(content, cut=100000 if request.attempt == 1 else None)

    with Hub(answer) as hub:
        model.pull(hub)
        model.check()


@test
def a_range_behind_its_own_end_is_refused(folder):
    model = Model(folder, known=False)

    def answer(request):
        content = model.content_of(request)
        if request.attempt == 2:
            request.head(206, Content_Length=10**9, Content_Range="bytes 100000-200000/99999", ETag='"v1"')
            request.write(bytes(2000000))
            request.drop()
        else:
            request.send(content, cut=100000 if request.attempt == 1 else None)

    with Hub(answer) as hub:
        model.pull(hub)
        model.check()
        assert [request.start for request in hub.requests] == [0, 100000, 0]


@test
def a_part_that_is_too_long_begins_anew(folder):
    model = Model(folder)
    model.path("a.bin.part").parent.mkdir(parents=True)
    model.path("a.bin.part").write_bytes(bytes(400000))
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        model.pull(hub)
        model.check()
        assert hub.requests[0].start == 0


@test
def a_part_that_is_whole_needs_no_hub(folder):
    model = Model(folder)
    model.path("a.bin.part").parent.mkdir(parents=True)
    model.path("a.bin.part").write_bytes(model.files["a.bin"])
    with Hub(lambda request: request.refuse(500)) as hub:
        model.pull(hub)
        model.check()
        assert hub.requests == []


@test
def a_range_beyond_the_end_begins_anew(folder):
    model = Model(folder, known=False)
    model.path("a.bin.part").parent.mkdir(parents=True)
    model.path("a.bin.part").write_bytes(bytes(400000))
    model.path("a.bin.part.tag").write_text('"v1"\n')

    def answer(request):
        if request.start:
            request.refuse(416)
        else:
            request.send(model.content_of(request))

    with Hub(answer) as hub:
        model.pull(hub)
        model.check()


# ---- Lies ------------------------------------------------------------------------------------------------


@test
def wrong_bytes_are_thrown_away(folder):
    model = Model(folder)
    with Hub(lambda request: request.send(content_of("other", 300000))) as hub:
        _, error = model.pull(hub, status=1)
        assert "a.bin" in error and "SHA-256" in error, error
        assert not model.path("a.bin").exists() and model.partial() == 0
        assert len(hub.requests) == 1, "the same bytes were fetched twice"


@test
def a_file_of_another_length_is_refused_at_once(folder):
    model = Model(folder)
    for size in (299999, 300001, 0, 10**12):
        with Hub(lambda request: request.send(bytes(min(size, 400000)), length=size)) as hub:
            _, error = model.pull(hub, "--attempts", 1, status=1)
            assert "a.bin" in error, error
            assert not model.path("a.bin").exists() and model.partial() == 0, (size, model.partial())


@test
def more_bytes_than_announced_by_nobody_are_refused(folder):
    model = Model(folder)

    def answer(request):
        request.head(200, Connection="close")
        request.write(model.content_of(request) + b"more" * 100000)
        request.drop()

    with Hub(answer) as hub:
        _, error = model.pull(hub, status=1)
        assert "more came" in error, error
        assert not model.path("a.bin").exists()


@test
def a_length_that_promises_too_much_is_a_broken_transfer(folder):
    model = Model(folder, known=False)
    with Hub(lambda request: request.send(model.content_of(request), length=400000)) as hub:
        _, error = model.pull(hub, "--attempts", 2, status=1)
        assert "2 attempts" in error, error
        assert not model.path("a.bin").exists()


@test
def an_empty_answer_is_no_file(folder):
    model = Model(folder, known=False)
    with Hub(lambda request: request.send(b"" if request.attempt == 1 else model.content_of(request))) as hub:
        model.pull(hub)
        model.check()


@test
def a_refusal_without_end_ends(folder):
    model = Model(folder)

    def answer(request):
        request.head(404, Connection="close")
        while True:
            request.write(bytes(65536))

    with Hub(answer) as hub:
        _, error = model.pull(hub, status=1)
        assert "404" in error and len(hub.requests) == 1, error


@test
def the_hubs_own_hash_is_believed_where_none_is_known(folder):
    model = Model(folder, known=False)
    right = hashlib.sha256(model.files["a.bin"]).hexdigest()
    with Hub() as hub, Hub(lambda request: request.send(store_content)) as store:
        hub.answer = lambda request: request.refuse(302, Location=f"{store.url}/blob", X_Linked_Etag=f'"{right}"')
        store_content = bytes(300000)
        _, error = model.pull(hub, status=1)
        assert "SHA-256" in error, error
        store_content = model.files["a.bin"]
        model.pull(hub)
        model.check()


@test
def headers_without_sense_do_no_harm(folder):
    model = Model(folder)
    hostile = {"ETag": "x" * 5000, "Content_Range": "bytes 99999999999999999999999999-/", "X_Linked_Etag": '"' + "z" * 64 + '"'}
    with Hub(lambda request: request.send(model.content_of(request), cut=1000 if request.attempt == 1 else None, etag=None,
                                          **({} if request.start else hostile))) as hub:
        model.pull(hub)
        model.check()


# ---- Refusals ----------------------------------------------------------------------------------------------


@test
def a_missing_file_is_named(folder):
    model = Model(folder)
    with Hub(lambda request: request.refuse(404)) as hub:
        _, error = model.pull(hub, status=1)
        assert "a.bin" in error and "lumen/tiny" in error and "404" in error, error
        assert len(hub.requests) == 1


@test
def a_gated_model_says_how_to_get_in(folder):
    model = Model(folder)
    for status in (401, 403):
        with Hub(lambda request: request.refuse(status)) as hub:
            _, error = model.pull(hub, status=1)
            assert "LUMEN_HUB_TOKEN" in error and "lumen/tiny" in error and "terms" in error, error
            assert len(hub.requests) == 1


@test
def a_busy_hub_is_asked_again(folder):
    for status in (429, 500, 503):
        (folder / str(status)).mkdir()
        own = Model(folder / str(status))
        with Hub(lambda request: request.refuse(status, Retry_After=1) if request.attempt == 1 else
                 request.send(own.content_of(request))) as hub:
            own.pull(hub)
            own.check()


@test
def nobody_at_the_address_is_told(folder):
    model = Model(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        _, error = model.pull(f"http://127.0.0.1:{free.getsockname()[1]}", "--attempts", 1, status=1)
    assert "a.bin" in error and "127.0.0.1" in error, error


@test
def an_address_that_is_none_is_refused(folder):
    model = Model(folder)
    for address in ("file:///etc", "ftp://hub", "hub", "", "http://a b", "http://hub?x", "http://hub/\n"):
        _, error = model.pull(address, status=1)
        assert "no address of a model hub" in error, (address, error)


# ---- Tokens and redirections ---------------------------------------------------------------------------------


TOKEN = {"LUMEN_HUB_TOKEN": "secret-token"}


@test
def a_token_does_not_follow_to_another_host(folder):
    model = Model(folder)
    with Hub(lambda request: request.send(model.files["a.bin"])) as store, Hub() as hub:
        port = store.server.server_address[1]
        for index, host in enumerate(("localhost", "127.0.0.1")):  # another name; the same with another port
            hub.answer = lambda request: request.refuse(302, Location=f"http://{host}:{port}/blob")
            model.path("a.bin").unlink(missing_ok=True)
            model.pull(hub, environment=TOKEN)
            model.check()
            assert hub.requests[index].headers.get("Authorization") == "Bearer secret-token"
            assert "Authorization" not in store.requests[index].headers, "the token was given away"


@test
def a_part_goes_on_behind_a_redirection_too(folder):
    model = Model(folder)
    with Hub(lambda request: request.send(model.files["a.bin"], cut=100000 if request.attempt == 1 else None)) as store, \
            Hub(lambda request: request.refuse(302, Location=store.url + "/blob")) as hub:
        model.pull(hub)
        model.check()
        assert [request.start for request in store.requests] == [0, 100000]


@test
def a_token_is_read_from_either_variable(folder):
    model = Model(folder)
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        model.pull(hub, environment={"HF_TOKEN": "another"})
        assert hub.requests[0].headers.get("Authorization") == "Bearer another"


@test
def a_token_is_not_sent_where_others_can_read_it(folder):
    model = Model(folder)
    with Hub(lambda request: request.send(model.content_of(request)), host="127.0.0.2") as hub:
        model.pull(hub, environment=TOKEN)
        model.check()
        assert "Authorization" not in hub.requests[0].headers


@test
def a_token_that_would_be_more_than_a_header_is_refused(folder):
    model = Model(folder)
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        _, error = model.pull(hub, environment={"LUMEN_HUB_TOKEN": "a\r\nX-Evil: 1"}, status=1)
        assert "token" in error and hub.requests == [], error


@test
def a_certificate_that_nobody_vouches_for_is_refused(folder):
    if shutil.which("openssl") is None:
        return "no openssl to make a certificate"
    model = Model(folder)
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                           "-keyout", folder / "key", "-out", folder / "certificate"], capture_output=True)
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        hub.server.socket = context.wrap_socket(hub.server.socket, server_side=True)
        _, error = model.pull(hub.url.replace("http:", "https:"), environment=TOKEN, status=1)
        assert "certificate" in error and hub.requests == [], error


@test
def a_redirection_leads_to_no_file_and_not_in_circles(folder):
    model = Model(folder)
    for target in ("file:///etc/passwd", "/lumen/tiny/resolve/main/a.bin"):
        with Hub(lambda request: request.refuse(302, Location=target)) as hub:
            _, error = model.pull(hub, status=1)
            assert "a.bin" in error and "cannot be fetched" in error, error
            assert not model.path("a.bin").exists()


# ---- Licences --------------------------------------------------------------------------------------------------


@test
def a_licence_is_accepted_once(folder):
    model = Model(folder, accept=True, terms="Be kind.")
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        _, error = model.pull(hub, status=1)
        assert "--accept-licence" in error and "MIT" in error and hub.requests == [], error
        _, error = model.pull(hub, "--accept-licence")
        assert "Be kind." in error, error
        model.path("a.bin").unlink()
        _, error = model.pull(hub)
        assert error == "", error
        model.check()


@test
def another_licence_is_asked_about_anew(folder):
    model = Model(folder, accept=True)
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        model.pull(hub, "--accept-licence")
        model.path("a.bin").unlink()
        model.catalog.write_text(model.catalog.read_text().replace('"MIT"', '"MIT, but stricter"'))
        _, error = model.pull(hub, status=1)
        assert "stricter" in error, error


def pull_at_a_terminal(model, hub, typed):
    """What a terminal shows, and the exit status."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(LUMEN, [LUMEN, *map(str, model.arguments(hub))], clean_environment({"TERM": "dumb"}))
    shown = b""
    try:
        while b"Type yes" not in shown:
            shown += os.read(terminal, 4096)
        os.write(terminal, typed)
        while chunk := os.read(terminal, 4096):
            shown += chunk
    except OSError:
        pass  # the terminal is gone with the program
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@test
def a_terminal_is_asked_for_a_yes(folder):
    model = Model(folder, accept=True, terms="Be kind.")
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        shown, status = pull_at_a_terminal(model, hub, b"no\n")
        assert status == 1 and "Be kind." in shown and hub.requests == [], shown
        shown, status = pull_at_a_terminal(model, hub, b"yes\n")
        assert status == 0 and "complete" in shown, shown
        model.check()


# ---- What is here ------------------------------------------------------------------------------------------------


@test
def offline_takes_what_is_here_and_asks_nobody(folder):
    model = Model(folder)
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        _, error = model.pull(hub, "--offline", status=1)
        assert "1 of the 1 files" in error and hub.requests == [], error
        model.pull(hub)
        model.pull(hub, "--offline", "--verify")
        model.path("a.bin").write_bytes(bytes(300000))
        model.pull(hub, "--offline")
        _, error = model.pull(hub, "--offline", "--verify", status=1)
        assert "SHA-256" in error and len(hub.requests) == 1, error


@test
def verify_replaces_a_file_that_is_wrong(folder):
    model = Model(folder, {"a.bin": content_of("a", 3000), "b.bin": content_of("b", 3000)})
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        model.pull(hub)
        model.path("b.bin").write_bytes(bytes(3000))
        model.pull(hub, "--verify")
        model.check()
        assert [model.name_of(request) for request in hub.requests[2:]] == ["b.bin"]


@test
def a_folder_that_another_program_filled_is_used_as_it_is(folder):
    model = Model(folder, {"unet/a.bin": content_of("a", 3000), "b.bin": content_of("b", 300)})
    theirs = folder / "theirs"
    for name, content in model.files.items():
        (theirs / name).parent.mkdir(parents=True, exist_ok=True)
        (theirs / name).write_bytes(content)
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        lumen("pull", "tiny", "--catalog", model.catalog, "--models", theirs, "--hub", hub.url)
        assert hub.requests == [] and not (theirs / "tiny").exists()
        (theirs / "b.bin").unlink()
        lumen("pull", "tiny", "--catalog", model.catalog, "--models", theirs, "--hub", hub.url)
        assert (theirs / "b.bin").read_bytes() == model.files["b.bin"] and not (theirs / "tiny").exists()
        model.folder.mkdir()
        (model.folder / "tiny").symlink_to(theirs)
        model.pull(hub)
        assert len(hub.requests) == 1


@test
def a_file_of_another_size_is_not_here(folder):
    model = Model(folder)
    model.path("a.bin").parent.mkdir(parents=True)
    model.path("a.bin").write_bytes(b"half")
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        model.pull(hub)
        model.check()


@test
def a_link_in_the_place_of_a_part_is_not_written_through(folder):
    model = Model(folder)
    victim = folder / "victim"
    victim.write_bytes(b"mine")
    model.path("a.bin.part").parent.mkdir(parents=True)
    model.path("a.bin.part").symlink_to(victim)
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        _, error = model.pull(hub, status=1)
        assert "a.bin.part" in error and victim.read_bytes() == b"mine", error


@test
def two_pulls_of_one_model_exclude_each_other(folder):
    model = Model(folder)

    def answer(request):
        hub.released.wait(30)
        request.send(model.content_of(request))

    with Hub(answer) as hub:
        first = subprocess.Popen([LUMEN, *map(str, model.arguments(hub))], env=clean_environment(), stdout=subprocess.DEVNULL)
        wait_for(lambda: hub.requests)
        _, error = model.pull(hub, status=1)
        assert "already" in error, error
        hub.released.set()
        assert first.wait(20) == 0
        model.check()


@test
def an_interrupt_keeps_what_has_come(folder):
    model = Model(folder)

    def answer(request):
        content = model.content_of(request)
        if request.attempt > 1:
            return request.send(content)
        request.head(200, Content_Length=len(content), ETag='"v1"')
        request.write(content[:100000])
        hub.released.wait(30)

    with Hub(answer) as hub:
        process = subprocess.Popen([LUMEN, *map(str, model.arguments(hub))], env=clean_environment(), stderr=subprocess.PIPE)
        wait_for(lambda: model.partial() == 100000)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
        assert process.returncode == 1 and b"goes on from there" in error, error
        model.pull(hub)
        model.check()
        assert hub.requests[1].start == 100000


# ---- Disks ---------------------------------------------------------------------------------------------------------


class SmallDisk:
    """A disk of so many bytes; None where only the administrator could make one."""

    def __init__(self, path, size):
        self.path = path
        path.mkdir()
        self.made = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True).returncode == 0

    def __enter__(self):
        return self if self.made else None

    def __exit__(self, *reason):
        if self.made:
            subprocess.run(["umount", "-l", self.path], check=True)


@test
def a_disk_that_is_too_small_is_told_before_anything_is_asked(folder):
    model = Model(folder, {"a.bin": content_of("a", 3000000)})
    with SmallDisk(folder / "models", 1 << 20) as disk, Hub(lambda request: request.send(model.content_of(request))) as hub:
        if disk is None:
            return "no disk to fill"
        _, error = model.pull(hub, status=1)
        assert "room" in error and hub.requests == [], error


@test
def a_disk_that_fills_up_keeps_the_part(folder):
    model = Model(folder, {"a.bin": content_of("a", 3000000)}, known=False)  # so nobody knew
    with SmallDisk(folder / "models", 1 << 20) as disk, Hub(lambda request: request.send(model.content_of(request))) as hub:
        if disk is None:
            return "no disk to fill"
        _, error = model.pull(hub, status=1)
        assert "No space left" in error and "make room" in error, error
        assert model.partial() > 500000 and not model.path("a.bin").exists()
        assert len(hub.requests) == 1


# ---- Lists -----------------------------------------------------------------------------------------------------------


@test
def one_name_says_where_the_models_are_in_every_command(folder):
    model = Model(folder, {"a.bin": content_of("a", 3000)})
    for command in (["pull", "tiny", "--offline"], ["models", "--json"]):
        catalog = ("--catalog", model.catalog)
        status = 1 if command[0] == "pull" else 0
        by_option = lumen(*command, *catalog, "--models", model.folder, status=status)
        by_environment = lumen(*command, *catalog, environment={"LUMEN_MODELS": str(model.folder)}, status=status)
        assert by_option == by_environment and str(model.folder) in "".join(by_option), by_option
    picture = ("image", "cat", "-o", folder / "a.png")
    by_option = lumen(*picture, "--models", model.folder, status=1)
    assert by_option == lumen(*picture, environment={"LUMEN_MODELS": str(model.folder)}, status=1)
    assert str(model.folder) in by_option[1] and "lumen pull sdxl-turbo" in by_option[1], by_option
    for command in ("pull", "models", "image"):
        _, error = lumen(command, "--folder", folder, status=2)
        assert "--folder" in error, error


@test
def models_says_what_is_here_and_what_is_missing(folder):
    model = Model(folder, {"a.bin": content_of("a", 3000), "b.bin": content_of("b", 300)}, accept=True)
    arguments = ("models", "--catalog", model.catalog, "--models", model.folder)
    out, _ = lumen(*arguments)
    assert "sdxl-turbo" in out and "tiny" in out and "lumen pull tiny" in out and "MIT" in out, out
    with Hub(lambda request: request.send(model.content_of(request))) as hub:
        model.pull(hub, "--accept-licence")
        model.path("b.bin").unlink()
        out, _ = lumen(*arguments)
        assert "1 of 2 files (300 bytes) are missing" in out and "(accepted)" in out, out
        out, _ = lumen(*arguments, "--json")
        tiny = next(one for one in json.loads(out)["models"] if one["name"] == "tiny")
        assert tiny["bytes_missing"] == 300 and not tiny["complete"] and tiny["accepted"], tiny
        assert [(one["path"], one["present"], one["bytes"]) for one in tiny["files"]] == [
            ("a.bin", True, 3000), ("b.bin", False, 300)], tiny
        out, _ = model.pull(hub, "--list")
        assert "here" in out and "missing" in out and len(hub.requests) == 2, out
        model.pull(hub)
        out, _ = lumen(*arguments)
        assert "here, in" in out, out


@test
def a_model_that_nobody_knows_is_refused(folder):
    _, error = lumen("pull", "no-such-model", status=2)
    assert "no-such-model" in error and "lumen models" in error, error
    lumen("pull", status=2)
    lumen("models", "extra", status=2)
    for option in ("--parallel", "--attempts", "--stall-seconds"):
        lumen("pull", "rmbg-1.4", option, "0", status=2)


@test
def a_catalog_that_would_leave_its_folder_is_refused(folder):
    model = Model(folder)
    for path in ("../a", "/etc/passwd", "a/../../b", "a//b", "a/", "", ".hidden", "a\nb", "a.part", "a b", "C:\\x"):
        model.catalog.write_text(json.dumps({"models": [{
            "name": "tiny", "repository": "lumen/tiny", "licence": "MIT", "files": [{"path": path}]}]}))
        _, error = model.pull("http://127.0.0.1:9", status=1)
        assert "no plain path" in error, (path, error)
    assert not model.folder.exists()


def main():
    global LUMEN
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lumen", required=True, type=lambda path: str(Path(path).resolve()), help="the command to test")
    parser.add_argument("--only", default="", help="only tests whose name holds this")
    options = parser.parse_args()
    LUMEN = options.lumen
    failed = 0
    for function in TESTS:
        if options.only not in function.__name__:
            continue
        name = "pull: " + function.__name__.replace("_", " ")
        with tempfile.TemporaryDirectory() as folder:
            try:
                skipped = function(Path(folder))
                print(f"ok {name}" + (f" # SKIP {skipped}" if skipped else ""), flush=True)
            except Exception as fault:
                failed += 1
                print(f"not ok {name}", flush=True)
                reason = str(fault) if isinstance(fault, AssertionError) and str(fault) else traceback.format_exc()
                print("".join(f"#   {line}\n" for line in reason.splitlines()), end="", flush=True)
    return failed > 0


if __name__ == "__main__":
    raise SystemExit(main())
