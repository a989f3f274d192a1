"""`lumen pregenerate` as its user meets it, against a service that answers as it is told to, and against a cache.

    python3 tests/command/check_pregenerate.py --lumen build/src/cli/lumen

Every function marked @test is one test, named for the behavior; it gets an empty folder to work in.
Prints TAP.
"""

import argparse
import json
import os
import pty
import re
import socket
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


def lumen(*arguments, text="", status=0, environment=None, seconds=60):
    """Runs `lumen pregenerate`; `status` is what it must end with. Returns (stdout, stderr)."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LUMEN_", "XDG_"))}
    run = subprocess.run([LUMEN, "pregenerate", *map(str, arguments)], input=text.encode(), capture_output=True,
                         timeout=seconds, env={**clean, **(environment or {})})
    out, error = run.stdout.decode(errors="replace"), run.stderr.decode(errors="replace")
    assert run.returncode == status, f"{arguments} ended with status {run.returncode}: {out} {error}"
    return out, error


def counts(out):
    """'3 texts: 1 made, 2 already there, 0 failed (0.1 s)' as (3, 1, 2, 0)."""
    words = out.split()
    return int(words[0]), int(words[2]), int(words[4]), int(words[7])


def page_points():
    """The points of the page's orders, where it says so."""
    link = Path(__file__).parents[2] / "web" / "link.js"
    return int(re.search(r"USUAL = .*points: (\d+)", link.read_text())[1])


class Service:
    """A service whose answers to POST /generate a function of the test decides.

    `answer(text, attempt)` returns (status, headers, body), or None to drop the connection; `attempt` counts from 1
    for each text. What came in is kept in `requests`: (seconds, body, headers).
    """

    def __init__(self, answer=None, ready_after=0):
        self.answer = answer or (lambda text, attempt: (200, {"X-Lumen-Cache": "generated"}, b"LUM1"))
        self.ready_after = ready_after
        self.readiness_calls = []
        self.requests = []
        self.attempts = {}
        self.running = self.running_most = 0
        self.lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def reply(self, status, headers, body):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                service.readiness_calls.append(time.monotonic())
                if self.path != "/health/ready":
                    self.reply(404, {}, b"")
                elif len(service.readiness_calls) <= service.ready_after:
                    self.reply(503, {"Retry-After": "1"}, b'{"status":"starting"}')
                else:
                    self.reply(200, {}, b'{"status":"ready"}')

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with service.lock:
                    service.requests.append((time.monotonic(), body, dict(self.headers)))
                    attempt = service.attempts[body["text"]] = service.attempts.get(body["text"], 0) + 1
                    service.running += 1
                    service.running_most = max(service.running_most, service.running)
                answer = service.answer(body["text"], attempt)
                with service.lock:
                    service.running -= 1
                if answer is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                else:
                    self.reply(*answer)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        return self

    def __exit__(self, *reason):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def texts(self):
        return [body["text"] for _, body, _ in self.requests]


MADE = (200, {"X-Lumen-Cache": "generated"}, b"LUM1")
THERE = (200, {"X-Lumen-Cache": "stored"}, b"LUM1")


def refusal(status, after=1, reason="come back later"):
    return status, {"Retry-After": str(after)}, json.dumps({"error": reason, "type": "QueueFullError"}).encode()


# ---- A running service -------------------------------------------------------------------------


@test
def without_a_list_fifty_different_texts_are_made(folder):
    with Service() as service:
        out, error = lumen("--server", service.url)
        assert counts(out) == (50, 50, 0, 0) and error == "", (out, error)
        assert len(set(service.texts())) == 50
        assert any(" " in text for text in service.texts()), "there is no sentence among them"


@test
def what_the_service_had_already_is_counted_apart(folder):
    with Service(lambda text, attempt: THERE if text == "cat" else MADE) as service:
        out, _ = lumen("-", "--server", service.url, text="cat\ndog\n")
        assert counts(out) == (2, 1, 1, 0), out


@test
def a_list_has_comments_blank_lines_and_any_line_ending(folder):
    list_file = folder / "list.txt"
    list_file.write_bytes(b"\xef\xbb\xbf# animals\r\n cat \r\n\r\n\t\ndog\n#bird\na red dragon")
    with Service() as service:
        lumen(list_file, "--server", service.url)
        assert sorted(service.texts()) == ["a red dragon", "cat", "dog"], service.texts()


@test
def the_options_travel_with_every_text(folder):
    with Service() as service:
        lumen("-", "--server", service.url + "/", "--quality", "high", "--points", "4096", "--seed", "7", text="cat\n")
        assert service.requests[0][1] == {"text": "cat", "quality": "high", "points": 4096, "seed": 7}
        lumen("-", "--server", service.url, text="cat\n")
        assert service.requests[1][1] == {"text": "cat", "points": page_points()}, \
            "what the page asks for; the service's other defaults are not overruled"


@test
def the_service_is_ready_before_the_first_text_goes_out(folder):
    with Service(ready_after=3) as service:
        lumen("-", "--server", service.url, text="cat\n")
        assert len(service.readiness_calls) == 4
        assert service.requests[0][0] > service.readiness_calls[-1]


@test
def so_many_texts_as_asked_are_under_way_at_once(folder):
    def slowly(text, attempt):
        time.sleep(0.1)
        return MADE

    for parallel in (1, 3):
        with Service(slowly) as service:
            lumen("-", "--server", service.url, "--parallel", parallel, text="".join(f"cat {i}\n" for i in range(9)))
            assert service.running_most == parallel, f"{service.running_most} at once, {parallel} asked for"


@test
def a_service_that_asks_for_a_pause_gets_it(folder):
    for status in (429, 503):
        refused = []

        def busy_at_first(text, attempt):
            if not refused:
                refused.append(time.monotonic())
                return refusal(status, after=2)
            return MADE

        with Service(busy_at_first) as service:
            out, error = lumen("-", "--server", service.url, "--parallel", "1", text="cat\ndog\n")
            assert counts(out) == (2, 2, 0, 0) and error == "", (out, error)
            after = [moment - refused[0] for moment, _, _ in service.requests if moment > refused[0]]
            assert min(after) >= 1.9, f"asked again after {min(after):.2f} s, not 2"
            assert service.texts() == ["cat", "cat", "dog"]


@test
def a_connection_that_breaks_is_tried_again_after_growing_pauses(folder):
    with Service(lambda text, attempt: None if attempt < 3 else MADE) as service:
        out, _ = lumen("-", "--server", service.url, text="cat\n")
        assert counts(out) == (1, 1, 0, 0), out
        moments = [moment for moment, _, _ in service.requests]
        assert moments[1] - moments[0] > 0.4 and moments[2] - moments[1] > 0.9, moments


@test
def a_text_that_is_refused_is_named_with_its_line_and_the_rest_goes_on(folder):
    detail = json.dumps({"detail": [{"loc": ["body", "text"], "msg": "digits only", "type": "digits_only"}]}).encode()
    broken = json.dumps({"error": "the engine crashed", "type": "GenerationFailedError"}).encode()
    answers = {"123": (422, {}, detail), "ghost": (500, {}, broken), "odd": (418, {}, b"<html>")}
    with Service(lambda text, attempt: answers.get(text, MADE)) as service:
        out, error = lumen("-", "--server", service.url, status=1, text="cat\n\n123\nghost\nodd\ndog\n")
        assert counts(out) == (5, 2, 0, 3), out
        for said in ("line 3: the service answered 422: digits only", "line 4: the service answered 500: the engine",
                     "line 5: the service answered 418"):
            assert said in error, (said, error)


@test
def a_text_that_is_no_utf_8_is_named_with_its_line(folder):
    list_file = folder / "list.txt"
    list_file.write_bytes(b"cat\ncaf\xe9\ndog\n")
    with Service() as service:
        out, error = lumen(list_file, "--server", service.url, status=1)
        assert counts(out) == (3, 2, 0, 1) and "line 2" in error and "UTF-8" in error, (out, error)


@test
def a_reason_cannot_play_tricks_on_a_terminal(folder):
    nasty = json.dumps({"error": "\x1b[2Jgone\r\nlumen: all is well"}).encode()
    with Service(lambda text, attempt: (500, {}, nasty)) as service:
        _, error = lumen("-", "--server", service.url, status=1, text="cat\n")
        assert "\x1b" not in error and "\r" not in error and error.count("\n") == 1, repr(error)


@test
def the_key_of_the_environment_is_sent_and_a_wrong_one_ends_everything(folder):
    with Service() as service:
        lumen("-", "--server", service.url, text="cat\n", environment={"LUMEN_API_KEY": "open sesame"})
        assert service.requests[0][2]["X-API-Key"] == "open sesame"
    body = b'{"error": "Invalid or missing API key"}'
    with Service(lambda text, attempt: (401, {}, body)) as service:
        texts = "".join(f"cat {i}\n" for i in range(100))
        for environment in ({}, {"LUMEN_API_KEY": "wrong"}):
            service.requests.clear()
            out, error = lumen("-", "--server", service.url, status=1, text=texts, environment=environment)
            assert counts(out) == (100, 0, 0, 100), out
            assert error.count("\n") == 1 and "LUMEN_API_KEY" in error, error
            assert len(service.requests) <= 8, f"asked {len(service.requests)} times with a key that is wrong"
    _, error = lumen("-", "--server", "http://127.0.0.1:1", status=1, text="cat\n",
                     environment={"LUMEN_API_KEY": "two\r\nX-Lines: 1"})
    assert "control character" in error, error


@test
def a_service_that_is_away_or_never_ready_is_given_up(folder):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        out, error = lumen("--server", url, "--wait", "0", status=1)
        assert counts(out) == (50, 0, 0, 50) and url in error and "reached" in error, (out, error)
    with Service(ready_after=1000) as service:
        began = time.monotonic()
        _, error = lumen("--server", service.url, "--wait", "1", status=1)
        assert "ready" in error and 1 <= time.monotonic() - began < 5, error
        assert service.requests == []


@test
def a_service_that_refuses_everything_is_given_up_after_the_wait(folder):
    with Service(lambda text, attempt: refusal(503, reason="the queue is full")) as service:
        out, error = lumen("--server", service.url, "--wait", "1", status=1)
        assert counts(out) == (50, 0, 0, 50), out
        assert error.count("\n") == 1 and "the queue is full" in error and "--wait" in error, error


@test
def a_service_that_is_slow_but_alive_is_not_given_up(folder):
    # Each text is refused once, and the answers take longer together than --wait.
    with Service(lambda text, attempt: refusal(429) if attempt == 1 else MADE) as service:
        out, _ = lumen("-", "--server", service.url, "--wait", "2", "--parallel", "1", text="cat\ndog\nowl\n")
        assert counts(out) == (3, 3, 0, 0), out


@test
def an_address_that_is_no_service_is_named(folder):
    _, error = lumen("--server", "localhost:8080", status=1)
    assert "localhost:8080" in error and "http://" in error, error
    _, error = lumen("--server", "ftp://localhost/", status=1)
    assert "ftp://" in error, error
    with Service() as service:
        _, error = lumen("--server", service.url + "/elsewhere", status=1)
        assert "404" in error and "no Lumen service" in error, error
    with Service(lambda text, attempt: (302, {"Location": "http://127.0.0.1:1/"}, b"")) as service:
        _, error = lumen("-", "--server", service.url, status=1, text="cat\n", environment={"LUMEN_API_KEY": "k"})
        assert "302" in error, error


@test
def a_terminal_gets_a_progress_bar(folder):
    with Service() as service:
        master, slave = pty.openpty()
        shown = []

        def read():
            try:
                while part := os.read(master, 4096):
                    shown.append(part)
            except OSError:
                pass

        reader = threading.Thread(target=read)
        reader.start()
        subprocess.run([LUMEN, "pregenerate", "--server", service.url], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=slave, timeout=60, check=True)
        os.close(slave)
        reader.join()
        os.close(master)
        assert b"50/50" in b"".join(shown), b"".join(shown)[-200:]


@test
def a_pipe_gets_one_line_and_quiet_none(folder):
    with Service() as service:
        out, error = lumen("--server", service.url)
        assert out.count("\n") == 1 and error == "", (out, error)
        assert lumen("--server", service.url, "--quiet") == ("", "")


# ---- A cache of this machine -------------------------------------------------------------------


@test
def a_cache_is_filled_once(folder):
    out, error = lumen("--cache-dir", folder / "cache")
    assert counts(out) == (50, 50, 0, 0) and error == "", (out, error)
    out, _ = lumen("--cache-dir", folder / "cache")
    assert counts(out) == (50, 0, 50, 0), out
    out, _ = lumen("--cache-dir", folder / "cache", "--seed", "1", "-", text="cat\n")
    assert counts(out) == (1, 1, 0, 0), "another individual is another shape"


@test
def texts_that_mean_the_same_are_made_once(folder):
    out, _ = lumen("-", "--cache-dir", folder, text="horse\nHorses\n a  horse\ncow\n")
    assert counts(out) == (4, 2, 2, 0), out


@test
def an_invalid_text_is_named_with_its_line_and_the_rest_is_made(folder):
    out, error = lumen("-", "--cache-dir", folder, status=1, text=f"cat\n# no text\n12345\n{'x' * 201}\ndog\n")
    assert counts(out) == (4, 2, 0, 2), out
    assert "line 3:" in error and "line 4:" in error and "200" in error, error


@test
def the_usual_folder_is_that_of_the_service(folder):
    for environment, place in (({"XDG_CACHE_HOME": f"{folder}/xdg", "HOME": f"{folder}/home"}, "xdg/lumen"),
                               ({"XDG_CACHE_HOME": "relative", "HOME": f"{folder}/home"}, "home/.cache/lumen"),
                               ({"LUMEN_CACHE_DIR": f"{folder}/own", "HOME": f"{folder}/home"}, "own")):
        out, _ = lumen("-", text="cat\n", environment=environment)
        assert counts(out) == (1, 1, 0, 0), out
        assert any((folder / place).iterdir()), f"nothing lies in {place}"


@test
def a_folder_that_cannot_be_used_is_named(folder):
    (folder / "file").write_text("no folder")
    out, error = lumen("-", "--cache-dir", folder / "file", status=1, text="cat\n")
    assert counts(out) == (1, 0, 0, 1) and str(folder / "file") in error, (out, error)
    _, error = lumen("-", status=1, text="cat\n", environment={"LUMEN_CACHE_DIR": "none"})
    assert "none" in error, error


@test
def further_shapes_have_entries_of_their_own(folder):
    (folder / "my.sculpt").write_text("concept wug of penguin\n  head_size *1.4\n")
    cache = folder / "cache"
    assert counts(lumen("-", "--cache-dir", cache, text="wug\n")[0]) == (1, 1, 0, 0)
    out, _ = lumen("-", "--cache-dir", cache, "--concepts", folder / "my.sculpt", text="wug\n")
    assert counts(out) == (1, 1, 0, 0), out


# ---- Arguments ---------------------------------------------------------------------------------


@test
def arguments_that_make_no_sense_are_named(folder):
    for arguments, naming in ((["--parallel", "0"], "parallel"), (["--parallel", "65"], "parallel"),
                              (["--points", "255"], "points"), (["--quality", "best"], "quality"),
                              (["--wait", "-1"], "wait"), (["--seed", "x"], "seed"), (["--color"], "--color"),
                              (["--server"], "--server"), (["one", "two"], "two"),
                              (["--server", "http://x", "--cache-dir", "y"], "--cache-dir"), (["-"], "standard input")):
        out, error = lumen(*arguments, status=2)
        assert naming in error and out == "", (arguments, out, error)
    _, error = lumen(folder / "none.txt", status=1)
    assert "none.txt" in error, error


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
        name = "pregenerate: " + function.__name__.replace("_", " ")
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
