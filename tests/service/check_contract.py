"""The HTTP contract as its clients meet it: every route, every class of input and its answer.

    python3 tests/service/check_contract.py --service build/tests/service/lumen-test-service --lumen build/src/cli/lumen

Every function marked @test is one test, named for the behavior. Every answer that passes through `ask` is also held
against openapi.json. Prints TAP; docs/service.md names these tests.
"""

import json
import os
import re
import signal
import struct
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import requests
from openapi_spec_validator import validate as validate_openapi
from prometheus_client.parser import text_string_to_metric_families

from description import Description
from service import Command, Service, Tests, arguments, http_request, read_response, shape_arrays, wait_for

tests = Tests("contract")
test = tests.test
KEY = "correct-horse-battery-staple"
PAGE_ORIGIN = "https://sculptures.example"
OPEN_ROUTES = ("/", "/index.html", "/health", "/health/ready", "/openapi.json")
MAGIC = {"json": b"{", "ply": b"ply\n", "glb": b"glTF", "png": b"\x89PNG\r\n\x1a\n"}

options = command = None
shared = {}
DESCRIPTION = []


class Judged(Service):
    """A service whose every answer is held against its own description."""

    def ask(self, method, path, **more):
        answer = super().ask(method, path, **more)
        if not DESCRIPTION:
            document = answer if path == "/openapi.json" else super().ask("GET", "/openapi.json")
            DESCRIPTION.append(Description(document.json()))
        # What is read as a stream has no body yet.
        if not more.get("stream"):
            DESCRIPTION[0].judge(method, path, answer)
        return answer


def started(**settings):
    return Judged(options.service, **settings)


def plain():
    """A service without a key and limits, which most tests share."""
    if "plain" not in shared:
        shared["plain"] = started().start()
    return shared["plain"]


def keyed():
    """One with a key, an allowed origin and the debug routes."""
    if "keyed" not in shared:
        shared["keyed"] = started(key=KEY, LUMEN_ALLOWED_ORIGINS=f"{PAGE_ORIGIN}, https://other.example",
                                  LUMEN_DEBUG_ROUTES="true").start()
    return shared["keyed"]


def error(answer, status, kind):
    assert answer.status_code == status, f"{answer.status_code}, not {status}: {answer.text[:300]}"
    body = answer.json()
    assert body["type"] == kind, f"the type is {body['type']}, not {kind}"
    assert len(body["error"]) > 10, f"the message says nothing: {body['error']!r}"
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) >= 1
    return body["error"]


def faults(answer):
    """The set of (name, type) of a 422."""
    assert answer.status_code == 422, f"{answer.status_code}, not 422: {answer.text[:300]}"
    return {(".".join(fault["loc"]), fault["type"]) for fault in answer.json()["detail"]}


# ---- Starting ---------------------------------------------------------------------------------------


@test
def the_description_is_valid_openapi():
    document = plain().get("/openapi.json").json()
    validate_openapi(document)
    assert document["info"]["version"] == subprocess.run(
        [options.lumen, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1].strip()
    assert "@" not in document["info"]["version"]


@test
def health_answers_as_soon_as_the_port_is_bound_and_readiness_follows():
    with started(ready=False) as service:
        assert service.get("/health").json() == {"status": "ok"}
        first = service.get("/health/ready")
        assert first.status_code in (200, 503)
        wait_for("readiness", lambda: service.get("/health/ready").status_code == 200)
        ready = service.get("/health/ready").json()
        assert ready["status"] == "ready" and "procedural" in ready["engines"]
        assert any(model["name"] == "procedural" and model["state"] == "loaded" for model in ready["models"])
        assert ready["cache"] == {"memory": True, "disk": True}
        assert service.metric("lumen_ready") == 1


def refused_start(*more, environment=None):
    variables = {name: value for name, value in os.environ.items() if not name.startswith("LUMEN_")}
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([options.service, "serve", "--cache-dir", folder + "/cache", *more], capture_output=True,
                             text=True, timeout=20, env={**variables, **(environment or {})})
    assert run.returncode > 0, f"{more} {environment}: status {run.returncode}"
    return run.stderr


@test
def without_a_key_other_addresses_than_loopback_are_refused():
    for address in ("0.0.0.0", "::"):
        message = refused_start("--address", address, "--port", "0")
        assert "LUMEN_API_KEY" in message and address in message, message
    message = refused_start("--port", "0", environment={"LUMEN_ADDRESS": "0.0.0.0"})
    assert "LUMEN_API_KEY" in message, message
    with started(key=KEY, arguments=("--address", "0.0.0.0")) as service:
        assert service.get("/metrics").status_code == 200


@test
def a_port_in_use_is_named():
    port = str(plain().port)
    assert port in refused_start("--port", port)


@test
def bad_settings_are_named_whether_options_or_environment():
    assert "--rate-limit" in refused_start("--port", "0", "--rate-limit", "-1")
    assert "LUMEN_QUEUE_LIMIT" in refused_start("--port", "0", environment={"LUMEN_QUEUE_LIMIT": "many"})
    assert "70000" in refused_start("--port", "70000")
    assert "--colour" in refused_start("--colour", "red")
    assert "log-format" in refused_start("--port", "0", "--log-format", "xml")


# ---- Routes ------------------------------------------------------------------------------------------


def page_files():
    """The page and what it is made of, as it names them itself; a build without emscripten has the page alone."""
    named = re.findall(r'(?:src|href)="([\w.-]+)"', plain().get("/").text)
    return ["/"] + [f"/{name}" for name in named if not name.endswith(".json")]


KINDS = {"": "text/html", "html": "text/html", "css": "text/css", "js": "text/javascript", "wasm": "application/wasm",
         "svg": "image/svg+xml", "webmanifest": "application/manifest+json"}


@test
def the_page_and_its_parts_are_served_with_a_strict_policy():
    files = page_files()
    if "/page.js" in files:
        files += ["/engine.js", "/lumen.js", "/lumen.wasm"]
    for path in files:
        answer = plain().get(path)
        assert answer.status_code == 200 and answer.content, path
        assert answer.headers["Content-Type"].startswith(KINDS[path.partition(".")[2]]), path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "connect-src 'self'" in policy, policy
        assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", ""), "a text could become a script"
    page = plain().get("/")
    assert page.content == plain().get("/index.html").content
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Referrer-Policy"] == "no-referrer"


@test
def the_page_is_compressed_for_those_who_take_gzip_and_the_same_for_all():
    for path in page_files():
        plainly = plain().get(path, headers={"Accept-Encoding": "identity"})
        small = plain().get(path, headers={"Accept-Encoding": "br, gzip;q=0.5"})
        assert "Content-Encoding" not in plainly.headers and small.headers["Content-Encoding"] == "gzip"
        assert small.content == plainly.content, f"{path} is another file when it is compressed"
        assert "Accept-Encoding" in plainly.headers["Vary"] and "Accept-Encoding" in small.headers["Vary"]
        assert int(small.headers["Content-Length"]) < int(plainly.headers["Content-Length"])
        assert "Content-Encoding" not in plain().get(path, headers={"Accept-Encoding": "gzip;q=0, *;q=0"}).headers


@test
def a_browser_that_has_the_page_fetches_it_no_second_time():
    tags = set()
    for encoding in ("identity", "gzip"):
        first = plain().get("/", headers={"Accept-Encoding": encoding})
        assert first.headers["Cache-Control"] == "no-cache", "a new version would not be seen"
        again = plain().get("/", headers={"Accept-Encoding": encoding, "If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304 and not again.content and again.headers["ETag"] == first.headers["ETag"]
        tags.add(first.headers["ETag"])
    assert len(tags) == 2, "a cache would mix up the plain and the compressed form"
    other = plain().get("/", headers={"If-None-Match": '"0123456789abcdef-plain"'})
    assert other.status_code == 200 and other.content


@test
def an_unknown_path_is_404():
    for path in ("/nowhere", "/generate/", "/health/", "/health/none", "/shapes", "/shapes/", "/jobs/", "//", "/..", "/%00",
                 "/generate%00", "/Generate", "/jobs/x/y/z", "/../etc/passwd", "/%2e%2e/etc/passwd"):
        for method in ("GET", "POST", "DELETE"):
            # Not through requests, which tidies paths.
            answer = plain().raw(http_request(method, path, b"{}" if method == "POST" else None, ["Connection: close"]))
            assert answer.startswith(b"HTTP/1.1 404 "), f"{method} {path}: {answer[:200]!r}"
            assert b"NotFoundError" in answer


@test
def a_wrong_method_is_405_and_told_the_right_ones():
    allowed = {"/generate": {"POST", "OPTIONS"}, "/health": {"GET", "HEAD", "OPTIONS"}, "/jobs": {"POST", "OPTIONS"},
               "/jobs/" + "0" * 32: {"GET", "HEAD", "DELETE", "OPTIONS"}, "/": {"GET", "HEAD", "OPTIONS"},
               f"/shapes/{'0' * 16}.ply": {"GET", "HEAD", "OPTIONS"}}
    for path, methods in allowed.items():
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "LUMEN"} - methods:
            answer = plain().ask(method, path)
            assert answer.status_code == 405, f"{method} {path}: {answer.status_code}"
            assert {name.strip() for name in answer.headers["Allow"].split(",")} == methods, answer.headers["Allow"]
            if method != "HEAD":
                error(answer, 405, "MethodNotAllowedError")


@test
def head_is_get_without_the_body():
    key = plain().generate("horse").json()["key"]
    for path in (*OPEN_ROUTES, "/cache/stats", f"/shapes/{key}.ply", f"/shapes/{key}.json", "/nowhere"):
        get, head = plain().get(path), plain().ask("HEAD", path)
        assert get.status_code == head.status_code and head.content == b""
        assert get.headers["Content-Type"] == head.headers["Content-Type"], path
        if path.startswith(("/page", "/openapi", "/shapes", "/nowhere")):
            assert get.headers["Content-Length"] == head.headers["Content-Length"], path
    # The connection stays in step: no byte of a body follows.
    with plain().connect() as connection:
        connection.sendall(http_request("HEAD", "/openapi.json") + http_request("GET", "/health"))
        stream = connection.makefile("rb")
        head = stream.readline()
        while stream.readline() not in (b"\r\n", b""):
            pass
        assert b" 200 " in head
        assert read_response(stream)[2] == b'{"status":"ok"}'


@test
def options_tells_the_methods():
    for path, method in (("/generate", "POST"), ("/health", "GET"), ("/jobs/" + "0" * 32, "DELETE")):
        answer = plain().ask("OPTIONS", path)
        assert answer.status_code == 204 and answer.content == b""
        assert method in answer.headers["Allow"]
    assert plain().ask("OPTIONS", "/nowhere").status_code == 404


@test
def every_answer_has_a_request_id_and_security_headers():
    for method, path in (("GET", "/"), ("GET", "/health"), ("GET", "/nowhere"), ("PUT", "/generate"), ("POST", "/generate"),
                         ("GET", f"/shapes/{'0' * 16}.png"), ("OPTIONS", "/generate"), ("DELETE", "/jobs/x")):
        first, second = plain().ask(method, path), plain().ask(method, path)
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", first.headers["X-Request-Id"])
        assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
        assert first.headers["X-Content-Type-Options"] == "nosniff"
        assert "Origin" in first.headers["Vary"]


@test
def a_request_may_bring_its_own_id_which_the_log_names():
    with started() as service:
        assert service.get("/cache/stats", headers={"X-Request-Id": "my-request.1_A"}).headers["X-Request-Id"] == "my-request.1_A"
        assert service.get("/health", headers={"X-Request-Id": "x" * 64}).headers["X-Request-Id"] == "x" * 64
        for bad in ("x" * 65, "a b", "<script>", "ümlaut".encode(), "a\tb"):
            assert service.get("/health", headers={"X-Request-Id": bad}).headers["X-Request-Id"] != bad
        wait_for("the line in the log", lambda: service.log_lines(request_id="my-request.1_A"))
        line = service.log_lines(request_id="my-request.1_A")[0]
        assert line["path"] == "/cache/stats" and line["status"] == 200 and line["severity"] == "INFO"
        assert service.log_lines(message="listening")[0]["url"].rstrip("/").endswith(f":{service.port}")


# ---- Who may ask ----------------------------------------------------------------------------------------


@test
def no_or_a_wrong_key_is_401():
    for headers in ({}, {"X-API-Key": ""}, {"X-API-Key": "wrong"}, {"X-API-Key": KEY[:-1]}, {"X-API-Key": KEY + "x"},
                    {"X-API-Key": KEY.upper()}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY},
                    {"Authorization": f"Basic {KEY}"}, {"Authorization": "Bearer"}):
        answer = keyed().ask("POST", "/generate", json={"text": "horse"}, headers=headers, key=False)
        assert answer.status_code == 401, f"{headers}: {answer.status_code}"
        assert answer.json() == {"error": "Invalid or missing API key"}
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert keyed().ask("POST", f"/generate?api_key={KEY}", json={"text": "horse"}, key=False).status_code == 401


@test
def the_right_key_opens_in_either_header():
    for headers in ({"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}, {"authorization": f"bearer {KEY}"}):
        assert keyed().ask("GET", "/metrics", headers=headers, key=False).status_code == 200, headers


@test
def probes_the_page_and_the_description_need_no_key_and_everything_else_does():
    service = keyed()
    service.get("/openapi.json")
    for method, path in DESCRIPTION[0].operations():
        path = path.replace("{key}", "0" * 16).replace("{id}", "0" * 32).replace("{file}", "index.html")
        status = service.ask(method, path, key=False).status_code
        assert (status != 401) == (path in OPEN_ROUTES), f"{method} {path} without a key: {status}"


@test
def a_key_may_lie_in_a_file():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        path.write_text(KEY + "\n")
        with started(arguments=("--api-key-file", path)) as service:
            assert service.ask("GET", "/metrics").status_code == 401
            assert service.ask("GET", "/metrics", headers={"X-API-Key": KEY}).status_code == 200


@test
def guessing_the_key_costs_as_much_as_asking():
    with started(key=KEY, LUMEN_RATE_LIMIT=5) as service:
        statuses = [service.get("/metrics", headers={"X-API-Key": f"wrong-key-{i}"}).status_code for i in range(8)]
        assert statuses == [401] * 5 + [429] * 3, statuses


@test
def without_a_key_web_pages_of_others_get_nothing():
    asked = plain().get("/health/detailed", headers={"Host": "evil.example"})
    assert asked.status_code == 403 and asked.json()["type"] == "ForbiddenError", asked.text
    posted = plain().post("/jobs", b'{"text": "cat"}', headers={"Origin": "http://evil.example", "Content-Type": "text/plain"})
    assert posted.status_code == 403, posted.text
    for host in ("localhost", "127.0.0.1:8080", "[::1]:8080", "192.0.2.7"):
        assert plain().get("/metrics", headers={"Host": host}).status_code == 200, host
    own = {"Origin": plain().url}
    assert plain().post("/generate", {"text": "cat"}, headers=own).status_code == 200
    assert keyed().get("/metrics", headers={"Host": "lumen.example"}).status_code == 200  # a key protects


@test
def faults_are_looked_for_in_order():
    wrong = {"X-API-Key": "wrong"}
    service = keyed()
    assert service.ask("PUT", "/nowhere", headers=wrong).status_code == 404
    assert service.ask("PUT", "/generate", headers=wrong).status_code == 405
    assert service.ask("POST", "/generate", headers=wrong, data=b"{" * 100000).status_code == 401
    assert service.ask("POST", "/generate", data=b"{" * 100000).status_code == 413
    assert service.ask("POST", "/generate", data=b"{").status_code == 400
    assert service.ask("POST", "/generate", data=b"{}").status_code == 422


# ---- Other origins ------------------------------------------------------------------------------------------


@test
def only_listed_origins_are_allowed():
    for origin in (PAGE_ORIGIN, "https://other.example"):
        answer = keyed().get("/health", headers={"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == origin and "Origin" in answer.headers["Vary"]
    for origin in ("https://evil.example", "null", PAGE_ORIGIN + ".evil.example", PAGE_ORIGIN.replace("https", "http")):
        answer = keyed().get("/health", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers and "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in plain().get("/health", headers={"Origin": PAGE_ORIGIN}).headers
    failed = keyed().ask("POST", "/generate", data=b"{", headers={"Origin": PAGE_ORIGIN})
    assert failed.headers["Access-Control-Allow-Origin"] == PAGE_ORIGIN, "a page cannot read why it failed"


@test
def a_preflight_is_answered_without_a_key():
    preflight = {"Origin": PAGE_ORIGIN, "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "x-api-key,content-type"}
    answer = keyed().ask("OPTIONS", "/generate", headers=preflight, key=False)
    assert answer.status_code == 204 and answer.headers["Access-Control-Allow-Origin"] == PAGE_ORIGIN
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert "x-api-key" in allowed and "content-type" in allowed and "accept" in allowed
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    answer = keyed().ask("OPTIONS", "/generate", headers={**preflight, "Origin": "https://evil.example"}, key=False)
    assert answer.status_code == 204 and not any(name.lower().startswith("access-control") for name in answer.headers)


@test
def a_star_allows_any_origin():
    with started(LUMEN_ALLOWED_ORIGINS="*") as service:
        assert service.get("/health", headers={"Origin": "https://any.example"}).headers["Access-Control-Allow-Origin"] in (
            "*", "https://any.example")


# ---- POST /generate --------------------------------------------------------------------------------------------


@test
def the_answer_is_what_the_command_makes():
    requests_made = [({"text": "a horse galloping"}, {}), ({"text": "red dragon", "seed": 7}, {"seed": 7}),
                     ({"text": "the old owl flies slowly", "points": 4096}, {"points": 4096}),
                     ({"text": "chair", "quality": "high", "num_parts": 2}, {"quality": "high", "parts": 2}),
                     ({"text": "cat", "verb": "flying", "points": 256}, {"verb": "flying", "points": 256})]
    for request, flags in requests_made:
        answer = plain().post("/generate", request).json()
        measure = command.shape(request["text"], **flags)
        assert shape_arrays(answer) == shape_arrays(measure), request
        for name in measure.keys() - {"positions", "part_ids", "attachments", "cached", "generation_time_ms"}:
            assert answer[name] == measure[name], f"{request}: {name} is {answer[name]}, not {measure[name]}"


@test
def only_the_text_is_required_and_null_counts_as_absent():
    bare = plain().generate("lighthouse").json()
    full = plain().post("/generate", {"text": "lighthouse", "verb": None, "quality": None, "num_parts": None, "seed": None,
                                      "points": None, "engine": None}).json()
    usual = plain().post("/generate", {"text": "lighthouse", "quality": "standard", "seed": 0, "points": 2048, "engine": "auto"}).json()
    assert bare["key"] == full["key"] == usual["key"]
    assert bare["pipeline"] == "procedural" and bare["seed"] == 0 and bare["motion"]["template"] == "idle"
    assert len(shape_arrays(bare)[0]) == 24576


@test
def members_of_other_names_are_ignored():
    keys = {plain().post("/generate", body).json()["key"] for body in (
        {"text": "lighthouse"}, {"text": "lighthouse", "color": "red", "n": [1, {"deep": None}], "": 1e300})}
    assert len(keys) == 1


@test
def what_means_the_same_shares_a_key():
    keys = {plain().generate(text).json()["key"] for text in ("horse", "horses", " a  Horse ", "THE HORSE")}
    assert len(keys) == 1, keys
    assert plain().generate("red dragon").json()["key"] != plain().generate("blue dragon").json()["key"]


@test
def the_cache_header_says_generated_then_memory_or_stored():
    first = plain().generate("umbrella", seed=77)
    assert first.headers["X-Lumen-Cache"] == "generated" and first.json()["cached"] is False
    again = plain().generate("umbrellas", seed=77)
    assert again.headers["X-Lumen-Cache"] in ("memory", "stored") and again.json()["cached"] is True
    wait_for("the shape on disk", lambda: plain().generate("umbrella", seed=77).headers["X-Lumen-Cache"] == "stored")
    assert again.json()["generation_time_ms"] == first.json()["generation_time_ms"]
    assert {**first.json(), "cached": True} == again.json()


def binary_message(data):
    magic, json_size, points, total = struct.unpack_from("<4sIII", data)
    assert magic == b"LUM1" and total == len(data) and json_size % 4 == 0
    assert total == 16 + json_size + 14 * points
    at = 16 + json_size
    positions, ids, attachments = data[at:at + 12 * points], data[at + 12 * points:at + 13 * points], data[at + 13 * points:]
    return json.loads(data[16:at]), positions, ids, attachments


@test
def the_binary_message_holds_what_the_json_holds():
    # Cached and fresh, whichever comes first.
    for text, first in (("snail", "binary"), ("octopus", "json")):
        for points in (256, 257, 2048):
            answers = {}
            for kind in (first, "json", "binary"):
                accept = "application/octet-stream" if kind == "binary" else "application/json"
                answer = plain().generate(text, points=points, headers={"Accept": accept})
                assert answer.headers["Content-Type"].startswith(accept), answer.headers["Content-Type"]
                assert "Accept" in answer.headers["Vary"]
                if kind == "json":
                    answers["json"] = answer.json()
                else:
                    head, *arrays = binary_message(answer.content)
                    answers["binary"] = (head, tuple(arrays))
                    assert head["cached"] is (answer.headers["X-Lumen-Cache"] != "generated")
            head, arrays = answers["binary"]
            assert arrays == shape_arrays(answers["json"])
            whole = {name: value for name, value in answers["json"].items()
                     if name not in ("positions", "part_ids", "attachments", "cached")}
            assert {name: value for name, value in head.items() if name != "cached"} == whole


@test
def accept_chooses_the_form_and_neither_is_406():
    wanted = {None: "json", "*/*": "json", "application/*": "json", "application/json": "json", "application/octet-stream": "octet",
              "application/octet-stream, application/json;q=0.5": "octet", "application/octet-stream;q=0.4, application/json": "json",
              "text/html, application/octet-stream": "octet", "application/json;q=0, */*": "octet", "": "json",
              "APPLICATION/OCTET-STREAM": "octet"}
    for accept, kind in wanted.items():
        answer = plain().generate("cat", headers={"Accept": accept})
        assert kind in answer.headers["Content-Type"], f"Accept {accept!r}: {answer.headers['Content-Type']}"
    for accept in ("text/html", "image/png", "application/json;q=0", "application/xml, text/*"):
        error(plain().post("/generate", {"text": "cat"}, headers={"Accept": accept}), 406, "NotAcceptableError")


@test
def points_seed_parts_and_quality_are_obeyed_to_their_bounds():
    for points in (256, 65536):
        assert len(shape_arrays(plain().generate("cat", points=points).json())[1]) == points
    highest = 2 ** 63 - 1
    assert plain().generate("cat", seed=highest, points=256).json()["seed"] == highest
    for parts in (1, 16):
        assert len(plain().generate("cat", num_parts=parts).json()["part_names"]) <= parts
    assert len({plain().generate("cat", quality=quality).json()["key"] for quality in ("fast", "standard", "high")}) == 3
    assert plain().generate("cat", verb="flying").json()["motion"]["template"] == "fly"


@test
def sql_shell_and_markup_are_only_text():
    for text in ("'; DROP TABLE shapes; --", "\" OR \"\"=\"", "$(touch hacked)", "`reboot`", "; rm -rf /", "<script>alert(1)</script>",
                 "%s%n%x", "../../etc/passwd", "{{7*7}}", "\\u0000", "a\\b", "\r\nX-Injected: yes", "--help", "-o x"):
        answer = plain().generate(text)
        assert "X-Injected" not in answer.headers
        assert answer.json()["template_type"]


@test
def any_unicode_is_accepted_and_what_no_table_knows_is_abstract():
    for text in ("日本語", "Ἑλλάς", "🐴🐴", "?!", "é" * 200, "🐴" * 200, "e\u0301" * 100, "\ufeffhorse", "שלום", "\U0010fffd", "￿"):
        assert plain().generate(text).json()["template_type"], text
    assert plain().generate("xyzzyplugh").json()["template_type"] == "abstract"
    assert plain().post("/generate", '{"text": "\\ud83d\\udc34 horse"}').status_code == 200
    assert plain().generate("\ufeffhorse").json()["subject"] == "horse"


@test
def the_content_type_of_a_request_is_not_insisted_on():
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8", "nonsense"):
        assert plain().post("/generate", b'{"text": "cat"}', headers={"Content-Type": kind}).status_code == 200, kind
    with plain().connect() as connection:
        connection.sendall(b'POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\n\r\n{"text": "cat"}')
        assert read_response(connection.makefile("rb"))[0] == 200


# ---- Requests that are refused ----------------------------------------------------------------------------------

# Member or whole body, the fault's name and type. Every row of the table in docs/service.md.
INVALID = [
    ({}, {("body.text", "missing")}),
    ({"verb": "flying"}, {("body.text", "missing")}),
    ({"text": None}, {("body.text", "string_type")}),
    ({"text": 5}, {("body.text", "string_type")}),
    ({"text": ["horse"]}, {("body.text", "string_type")}),
    ({"text": {"a": 1}}, {("body.text", "string_type")}),
    ({"text": True}, {("body.text", "string_type")}),
    ({"text": ""}, {("body.text", "string_blank")}),
    ({"text": "   "}, {("body.text", "string_blank")}),
    ({"text": "\u3000\t\n\u00a0\u2028"}, {("body.text", "string_blank")}),
    ({"text": "\u200b\u200e\ufeff"}, {("body.text", "string_blank")}),
    ({"text": "x" * 201}, {("body.text", "string_too_long")}),
    ({"text": "é" * 201}, {("body.text", "string_too_long")}),
    ({"text": " " * 201}, {("body.text", "string_too_long")}),
    ({"text": "12345"}, {("body.text", "digits_only")}),
    ({"text": " 1 2 "}, {("body.text", "digits_only")}),
    ({"text": "٣٤"}, {("body.text", "digits_only")}),
    ({"text": "²"}, {("body.text", "digits_only")}),
    ({"text": "cat", "verb": 1}, {("body.verb", "string_type")}),
    ({"text": "cat", "verb": "x" * 201}, {("body.verb", "string_too_long")}),
    ({"text": "cat", "verb": "12"}, {("body.verb", "digits_only")}),
    ({"text": "cat", "quality": "best"}, {("body.quality", "unknown_value")}),
    ({"text": "cat", "quality": "FAST"}, {("body.quality", "unknown_value")}),
    ({"text": "cat", "quality": 1}, {("body.quality", "string_type")}),
    ({"text": "cat", "engine": "steam"}, {("body.engine", "unknown_value")}),
    ({"text": "cat", "engine": False}, {("body.engine", "string_type")}),
    ({"text": "cat", "num_parts": 0}, {("body.num_parts", "out_of_range")}),
    ({"text": "cat", "num_parts": 17}, {("body.num_parts", "out_of_range")}),
    ({"text": "cat", "num_parts": -1}, {("body.num_parts", "out_of_range")}),
    ({"text": "cat", "num_parts": "6"}, {("body.num_parts", "int_type")}),
    ({"text": "cat", "num_parts": 1.5}, {("body.num_parts", "int_type")}),
    ({"text": "cat", "num_parts": True}, {("body.num_parts", "int_type")}),
    ({"text": "cat", "points": 255}, {("body.points", "out_of_range")}),
    ({"text": "cat", "points": 65537}, {("body.points", "out_of_range")}),
    ({"text": "cat", "points": 4294967296 + 2048}, {("body.points", "out_of_range")}),
    ({"text": "cat", "points": []}, {("body.points", "int_type")}),
    ({"text": "cat", "seed": -1}, {("body.seed", "out_of_range")}),
    ({"text": "cat", "seed": "1"}, {("body.seed", "int_type")}),
    ([], {("body", "object_type")}),
    ("horse", {("body", "object_type")}),
    (5, {("body", "object_type")}),
    (None, {("body", "object_type")}),
]


@test
def a_body_that_is_no_request_is_422_and_says_where():
    for body, expected in INVALID:
        for path in ("/generate", "/jobs"):
            found = faults(plain().post(path, json.dumps(body)))
            assert found == expected, f"{path} {str(body)[:80]}: {found}, not {expected}"


@test
def all_faults_are_told_at_once():
    answer = plain().post("/generate", {"text": "", "verb": 1, "quality": "best", "num_parts": 17, "seed": "x", "points": 1,
                                        "engine": "steam"})
    assert faults(answer) == {("body.text", "string_blank"), ("body.verb", "string_type"), ("body.quality", "unknown_value"),
                              ("body.num_parts", "out_of_range"), ("body.seed", "int_type"), ("body.points", "out_of_range"),
                              ("body.engine", "unknown_value")}
    for fault in answer.json()["detail"]:
        assert fault["loc"][-1].replace("num_parts", "parts") in fault["msg"].lower(), f"the message does not name it: {fault}"


@test
def a_body_that_is_not_json_is_400():
    bad = [b"", b" ", b"{", b'{"text": "cat"', b'{"text": cat}', b"{'text': 'cat'}", b'{"text": "cat"} x', b'{"text": "cat"}{}',
           b'{"text": "cat",}', b'{"text": "c\xe9t"}', b'\xff\xfe{\x00}\x00', b'{"text": "\xed\xa0\x80"}', b'{"text": "\\ud800"}',
           b'{"text": "a\\u0000b"}', b'{"text": "a\x00b"}', b'{"text": "a", "text": "b"}', b'{"te\\u0000xt": 1}', b'{"text": NaN}',
           b'{"text": "line\nbreak"}', b'{"text": "cat", "x": ' + b"[" * 40 + b"]" * 40 + b"}", b"text=cat", b"\xef\xbb\xbf{}",
           b'{"text": "\xc0\xaf"}', b'{"text": "\\x41"}', b'{"seed": 01, "text": "cat"}']
    for body in bad:
        for path in ("/generate", "/jobs"):
            error(plain().post(path, body), 400, "BadRequestError")
    assert plain().generate("cat").status_code == 200


@test
def a_number_beyond_64_bits_is_refused():
    for number in (2 ** 63, 10 ** 30, -10 ** 30):
        answer = plain().post("/generate", {"text": "cat", "seed": number})
        assert answer.status_code in (400, 422), f"seed {number}: {answer.status_code}"


@test
def a_body_too_large_is_413_with_a_length_and_in_chunks():
    body = b'{"text": "cat", "x": "' + b"y" * 66000 + b'"}'
    error(plain().post("/generate", body), 413, "PayloadTooLargeError")

    def pieces():
        for _ in range(20):
            yield b"y" * 8192

    error(plain().ask("POST", "/generate", data=pieces()), 413, "PayloadTooLargeError")
    exactly = b'{"text": "cat", "x": "' + b"y" * (65536 - 24) + b'"}'
    assert len(exactly) == 65536 and plain().post("/generate", exactly).status_code == 200
    with started(LUMEN_MAX_BODY_BYTES=1000) as service:
        assert service.post("/generate", b'{"text": "cat"}' + b" " * 1000).status_code == 413
        assert service.generate("cat").status_code == 200


@test
def a_chunked_body_is_read():
    def pieces():
        yield b'{"text": '
        yield b'"cat"}'

    assert plain().ask("POST", "/generate", data=pieces()).status_code == 200


@test
def an_engine_whose_models_are_not_loaded_is_503_and_never_replaced():
    for engine in ("partcrafter", "hunyuan3d"):
        for path in ("/generate", "/jobs"):
            assert engine in error(plain().post(path, {"text": "cat", "engine": engine}), 503, "ModelNotLoadedError")


@test
def an_engine_that_fails_is_500_and_the_next_request_works():
    service = plain()
    before = service.metric("lumen_generation_failures_total", reason="engine")
    error(service.post("/generate", {"text": "cat", "engine": "test-fail"}), 500, "GenerationFailedError")
    assert service.metric("lumen_generation_failures_total", reason="engine") == before + 1
    service.generate("cat", seed=4711)


# ---- Too fast, too much, too late ------------------------------------------------------------------------------------


@test
def too_many_requests_of_one_client_are_429_with_the_time_to_wait():
    with started(limits=True, LUMEN_RATE_LIMIT=5, LUMEN_TRUSTED_PROXIES="loopback") as service:
        ask = lambda **more: service.post("/generate", {"text": "cat"}, **more)
        statuses = [ask().status_code for _ in range(8)]
        assert statuses[:5] == [200] * 5 and 429 in statuses[5:], statuses
        answer = ask()
        assert "wait" in error(answer, 429, "RateLimitedError") and 1 <= int(answer.headers["Retry-After"]) <= 60
        assert service.metric("lumen_rate_limited_total", limit="client") >= 2
        # Behind a trusted proxy every client has a bucket of its own, and cannot choose another.
        other = {"X-Forwarded-For": "203.0.113.9"}
        statuses = [ask(headers=other).status_code for _ in range(8)]
        assert statuses[:5] == [200] * 5 and statuses[-1] == 429, statuses
        statuses = [ask(headers={"X-Forwarded-For": f"198.51.100.{i}, 203.0.113.9"}).status_code for i in range(4)]
        assert statuses == [429] * 4, "a client chose its address"
        # Probes are never limited.
        assert all(service.get("/health/ready").status_code == 200 for _ in range(20))


@test
def x_forwarded_for_of_strangers_is_not_believed():
    with started(limits=True, LUMEN_RATE_LIMIT=3) as service:
        statuses = [service.post("/generate", {"text": "cat"}, headers={"X-Forwarded-For": f"203.0.113.{i}"}).status_code
                    for i in range(6)]
        assert statuses[:3] == [200] * 3 and 429 in statuses[3:], statuses


@test
def work_for_an_engine_has_a_limit_of_its_own_that_the_cache_does_not_count_against():
    with started(limits=True, LUMEN_RATE_LIMIT=0, LUMEN_ENGINE_RATE_LIMIT=3) as service:
        statuses = [service.post("/generate", {"text": "cat", "seed": seed}).status_code for seed in range(6)]
        assert statuses[:3] == [200] * 3 and statuses[3:] == [429] * 3, statuses
        answer = service.post("/generate", {"text": "cat", "seed": 5})
        error(answer, 429, "RateLimitedError")
        assert service.metric("lumen_rate_limited_total", limit="engine") >= 4
        assert [service.post("/generate", {"text": "cat", "seed": 1}).status_code for _ in range(20)] == [200] * 20


@test
def a_full_queue_is_503_and_what_was_taken_in_is_answered():
    with started(LUMEN_QUEUE_LIMIT=3, LUMEN_WORKERS=1) as service:
        def ask(seed):
            with requests.Session() as session:
                return session.post(service.url + "/generate", json={"text": "cat", "seed": seed, "engine": "test-100ms"}, timeout=60)

        with ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(ask, range(24)))
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 503}, statuses
        for answer in answers:
            if answer.status_code == 503:
                error(answer, 503, "QueueFullError")
        assert statuses.count(200) >= 3
        service.generate("cat", seed=100)


@test
def a_request_that_takes_too_long_ends():
    with started(LUMEN_REQUEST_SECONDS=1, LUMEN_WORKERS=1) as service:
        with ThreadPoolExecutor(2) as pool:
            began = time.monotonic()
            running = pool.submit(requests.post, service.url + "/generate", json={"text": "cat", "engine": "test-5s"}, timeout=30)
            wait_for("the work", lambda: service.metric("lumen_queue_running") == 1)
            queued = pool.submit(requests.post, service.url + "/generate", json={"text": "dog", "engine": "test-5s"}, timeout=30)
            error(running.result(), 500, "GenerationFailedError")
            # It waited all its time, or the first one's end let it run out of it.
            assert queued.result().status_code in (500, 503)
            assert time.monotonic() - began < 4.5
        service.generate("cat")


# ---- Jobs -------------------------------------------------------------------------------------------------------------


def start_job(service, **request):
    answer = service.post("/jobs", {"text": "cat", **request})
    assert answer.status_code == 202, f"{answer.status_code} {answer.text[:300]}"
    job = answer.json()
    assert job["status"] == "queued" and answer.headers["Location"] == job["url"] == f"/jobs/{job['id']}"
    return job


def events(service, job, seconds=20):
    """All (id, event, data) of a job's stream, read to its end."""
    answer = service.get(job["events_url"], stream=True, timeout=seconds)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
    found = []
    for block in answer.content.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


def wait_for_job(service, job, *states):
    return wait_for(f"the job to be {states}", lambda: (now := service.get(job["url"]).json())["status"] in states and now)


@test
def a_job_runs_to_its_result():
    service = plain()
    job = start_job(service, seed=501, engine="test-100ms")
    done = wait_for_job(service, job, "done")
    assert done["percent"] == 100 and done["position"] == 0 and done["result_url"] == f"/shapes/{done['key']}.json"
    assert abs(datetime.fromisoformat(done["created"].replace("Z", "+00:00")).timestamp() - time.time()) < 60
    assert shape_arrays(done["result"]) == shape_arrays(command.shape("cat", seed=501))
    file = service.get(done["result_url"]).json()
    assert {**file, "cached": 0} == {**done["result"], "cached": 0}
    assert service.post("/generate", {"text": "cat", "seed": 501, "engine": "test-100ms"}).json()["cached"] is True


@test
def a_job_tells_its_events_until_the_last():
    service = plain()
    for repeat in range(3):
        job = start_job(service, seed=510 + repeat, engine="test-100ms")
        heard = events(service, job)
        assert [number for number, _, _ in heard] == sorted({number for number, _, _ in heard}), "ids count up"
        assert [name for _, name, _ in heard[:-1]] == ["status"] * (len(heard) - 1) and heard[-1][1] == "done", heard
        percents = [data["percent"] for _, _, data in heard]
        assert percents == sorted(percents) and percents[-1] == 100
        for _, _, data in heard:
            assert data["id"] == job["id"] and "result" not in data
            DESCRIPTION[0].check_schema("Job", data)
        assert heard[-1][2]["result_url"].endswith(".json")
        assert events(service, job)[-1][1] == "done", "who comes late hears the end"


@test
def a_job_of_a_known_shape_is_done_at_once():
    plain().generate("teapot", seed=3)
    job = start_job(plain(), text="teapot", seed=3)
    assert wait_for_job(plain(), job, "done")["result"]["cached"] is True


@test
def a_job_that_fails_says_why():
    job = start_job(plain(), engine="test-fail", seed=520)
    failed = wait_for_job(plain(), job, "failed")
    assert failed["error"]["type"] == "GenerationFailedError" and failed["error"]["error"] and "result" not in failed
    assert events(plain(), job)[-1][1] == "failed"
    error(plain().ask("DELETE", job["url"]), 409, "JobFinishedError")


@test
def a_job_can_be_cancelled_once_and_its_work_stops():
    with started(LUMEN_WORKERS=1) as service:
        running, waiting = start_job(service, engine="test-5s", seed=530), start_job(service, engine="test-5s", seed=531)
        wait_for_job(service, running, "running")
        assert service.get(waiting["url"]).json()["position"] == 1
        for job in (waiting, running):
            answer = service.ask("DELETE", job["url"])
            assert answer.status_code == 200 and answer.json()["status"] == "cancelled"
            assert service.get(job["url"]).json()["status"] == "cancelled"
            assert events(service, job)[-1][1] == "cancelled"
            error(service.ask("DELETE", job["url"]), 410, "JobGoneError")
        wait_for("the engine to be free", lambda: service.metric("lumen_queue_running") == 0, 3)
        began = time.monotonic()
        service.generate("cat", engine="test-1ms")
        assert time.monotonic() - began < 3
        assert service.metric("lumen_generation_failures_total", reason="cancelled") >= 1


@test
def many_jobs_of_one_large_shape_are_all_remembered():
    with started(LUMEN_RATE_LIMIT=0, LUMEN_ENGINE_RATE_LIMIT=0) as service:
        wish = {"text": "whale", "points": 65536, "engine": "test-100ms"}
        urls = [service.post("/jobs", wish).json()["url"] for _ in range(150)]
        wait_for("the jobs to end", lambda: all(service.get(url).json()["status"] == "done" for url in urls[-1:]))
        time.sleep(2.5)  # the bound of their results is looked at every second
        answers = [service.get(url).json() for url in urls]
        assert all(answer["status"] == "done" and answer["result_url"] for answer in answers)
        assert "result" in answers[-1] and "result" not in answers[0], "the newest keep their results"
        assert service.get("/health/detailed").json()["memory"]["used_bytes"] < 400 << 20


@test
def a_job_that_has_ended_cannot_be_cancelled():
    job = start_job(plain(), seed=540)
    wait_for_job(plain(), job, "done")
    error(plain().ask("DELETE", job["url"]), 409, "JobFinishedError")
    assert plain().get(job["url"]).json()["status"] == "done"


@test
def an_unknown_job_is_404():
    for name in ("0" * 32, "x", "0" * 31, "0" * 33, "%27", "0" * 32 + "%00"):
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
            assert plain().ask(method, f"/jobs/{name}{path}").status_code == 404, f"{method} /jobs/{name}{path}"


# ---- Shapes as files ------------------------------------------------------------------------------------------------------


@test
def a_shape_comes_in_every_format():
    made = plain().generate("violin").json()
    for ending, magic in MAGIC.items():
        answer = plain().get(f"/shapes/{made['key']}.{ending}")
        assert answer.status_code == 200 and answer.content.startswith(magic), ending
        assert answer.headers["Cache-Control"] == "private, max-age=86400"
    file = plain().get(f"/shapes/{made['key']}.stl")
    (triangles,) = struct.unpack_from("<I", file.content, 80)
    assert triangles > 0 and len(file.content) == 84 + 50 * triangles
    assert shape_arrays(plain().get(f"/shapes/{made['key']}.json").json()) == shape_arrays(made)


@test
def the_files_are_those_of_the_command():
    key = plain().generate("violin").json()["key"]
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("ply", "glb", "stl"):
            path = Path(folder) / f"violin.{ending}"
            subprocess.run([options.lumen, "generate", "violin", "--quiet", "-o", path], check=True)
            assert plain().get(f"/shapes/{key}.{ending}").content == path.read_bytes(), ending


@test
def a_picture_has_the_size_that_was_asked_for():
    key = plain().generate("violin").json()["key"]
    for query, size in (("", 512), ("?size=64", 64), ("?size=1024", 1024), ("?size=300", 300)):
        data = plain().get(f"/shapes/{key}.png{query}").content
        assert struct.unpack_from(">II", data, 16) == (size, size)
    for bad in ("63", "1025", "0", "-1", "big", "", "1e2", "99999999999", "64.5", "0x40"):
        assert faults(plain().get(f"/shapes/{key}.png?size={bad}")) == {("query.size", "out_of_range")}, bad


@test
def a_file_that_the_client_has_is_304():
    key = plain().generate("violin").json()["key"]
    tags = set()
    for path in (f"/shapes/{key}.ply", f"/shapes/{key}.json", f"/shapes/{key}.png", f"/shapes/{key}.png?size=64"):
        tag = plain().get(path).headers["ETag"]
        tags.add((path.split(".")[1], tag))
        assert tag.startswith("W/") == path.endswith(".json"), tag  # the JSON tells the time of its making
        for known in (tag, f'"other", {tag}', "*", f"W/{tag.removeprefix('W/')}"):
            answer = plain().get(path, headers={"If-None-Match": known})
            assert answer.status_code == 304 and answer.content == b"" and answer.headers["ETag"] == tag, f"{path} {known}"
        assert plain().get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert len(tags) == 4, f"pictures of two sizes share an ETag: {tags}"


@test
def pictures_do_not_hold_up_other_files():
    with started(LUMEN_RATE_LIMIT=0) as service:
        key = service.generate("cathedral", quality="high").json()["key"]

        def picture(_):
            with requests.Session() as session:
                return session.get(f"{service.url}/shapes/{key}.png?size=1024", timeout=60).status_code

        with ThreadPoolExecutor(24) as pool:
            pictures = [pool.submit(picture, i) for i in range(24)]
            began = time.monotonic()
            assert service.get(f"/shapes/{key}.ply").status_code == 200
            waited = time.monotonic() - began
            drawn = [future.result() for future in pictures]
        assert waited < 3, f"a PLY took {waited:.1f} s beside pictures"
        assert 200 in drawn and set(drawn) <= {200, 503}, drawn


@test
def what_is_no_known_shape_is_404():
    key = plain().generate("violin").json()["key"]
    for name in ("0" * 16 + ".ply", f"{key}.obj", f"{key}", f"{key}.", f"{key.upper()}.PLY", f"{key}.ply.ply", f"{key[:-1]}.ply",
                 f"{key}0.ply", "..%2f..%2fetc%2fpasswd", "%00.ply", f"{key}.ply%00", ".ply", f"-{key[1:]}.ply", f"+{key[1:]}.json"):
        assert plain().get(f"/shapes/{name}").status_code == 404, name


# ---- What it says of itself ----------------------------------------------------------------------------------------------------


@test
def cache_stats_move():
    service = plain()
    before = service.get("/cache/stats").json()
    service.generate("cactus", seed=601)
    service.generate("cactus", seed=601)
    after = wait_for("the write", lambda: (now := service.get("/cache/stats").json())["pending_writes"] == 0 and
                     now["disk"]["items"] > before["disk"]["items"] and now)
    assert after["memory"]["items"] == before["memory"]["items"] + 1 and after["memory"]["bytes"] > before["memory"]["bytes"]
    assert after["memory"]["hits"] > before["memory"]["hits"] and after["memory"]["misses"] > before["memory"]["misses"]
    assert after["disk"]["bytes"] > 0 and after["disk"]["state"] == "ok" and after["disk"]["connected"] is True
    looked = after["memory"]["hits"] + after["memory"]["misses"]
    assert abs(after["memory"]["hit_rate"] - after["memory"]["hits"] / looked) < 0.01


@test
def metrics_count_requests_errors_and_stages():
    service = plain()
    before = service.get("/metrics").json()
    service.generate("anchor", seed=602)
    service.get("/nowhere")
    service.post("/generate", b"{")
    after = service.get("/metrics").json()
    assert after["requests"]["total"] >= before["requests"]["total"] + 3
    for status in ("200", "400", "404"):
        assert after["requests"]["by_status"][status] > before["requests"]["by_status"].get(status, 0), status
    assert after["errors"]["client"] >= before["errors"]["client"] + 2
    assert sum(after["requests"]["by_status"].values()) <= after["requests"]["total"] + 1
    assert after["generations"]["by_engine"]["procedural"] == before["generations"]["by_engine"].get("procedural", 0) + 1
    for name, times in after["stages"].items():
        assert times["p50_ms"] <= times["p95_ms"] <= times["p99_ms"], f"{name}: {times}"
    assert {"lookup", "queue"} <= after["stages"].keys()
    assert after["uptime_seconds"] > 0


@test
def prometheus_can_read_the_metrics_and_counters_move():
    service = plain()
    text = service.get("/metrics/prometheus")
    assert text.headers["Content-Type"].startswith("text/plain") and "version=0.0.4" in text.headers["Content-Type"]
    families = {family.name: family for family in text_string_to_metric_families(text.text)}
    assert all(family.documentation for family in families.values())
    for name, kind in {"lumen_requests": "counter", "lumen_request_seconds": "histogram", "lumen_stage_seconds": "histogram",
                       "lumen_generations": "counter", "lumen_generation_failures": "counter", "lumen_cache_hits": "counter",
                       "lumen_cache_misses": "counter", "lumen_cache_items": "gauge", "lumen_cache_bytes": "gauge",
                       "lumen_cache_connected": "gauge", "lumen_cache_pending_writes": "gauge", "lumen_queue_depth": "gauge",
                       "lumen_queue_running": "gauge", "lumen_queue_limit": "gauge", "lumen_workers_hung": "gauge",
                       "lumen_workers_stalled": "gauge", "lumen_worker_crashes": "counter", "lumen_flights_shared": "counter",
                       "lumen_rate_limited": "counter", "lumen_model_loaded": "gauge", "lumen_connections": "gauge",
                       "lumen_jobs": "gauge", "lumen_log_lines_dropped": "counter", "lumen_process_resident_bytes": "gauge",
                       "lumen_uptime_seconds": "gauge", "lumen_build_info": "gauge", "lumen_ready": "gauge"}.items():
        assert name in families and families[name].type == kind, f"{name} is {families.get(name) and families[name].type}"
    assert all(":" not in name for name in families)
    reasons = {sample.labels["reason"] for sample in families["lumen_generation_failures"].samples}
    assert reasons == {"rejected", "cancelled", "engine", "expired", "other"}
    for name in ("lumen_request_seconds", "lumen_stage_seconds"):
        # Buckets are cumulative and end with +Inf, which counts all.
        series = {}
        for sample in families[name].samples:
            labels = tuple(sorted((key, value) for key, value in sample.labels.items() if key != "le"))
            series.setdefault(labels, {"buckets": []})
            if sample.name.endswith("_bucket"):
                series[labels]["buckets"].append((float(sample.labels["le"]), sample.value))
            else:
                series[labels][sample.name.rsplit("_", 1)[1]] = sample.value
        for labels, one in series.items():
            values = [value for _, value in sorted(one["buckets"])]
            assert values == sorted(values) and max(one["buckets"])[0] == float("inf") and values[-1] == one["count"], labels
    before = service.metric("lumen_requests_total", route="/generate", method="POST", status="200")
    seconds = service.metric("lumen_request_seconds_count", route="/generate")
    made, hits = service.metric("lumen_generations_total", engine="procedural"), service.metric("lumen_cache_hits_total", tier="memory")
    service.generate("barrel", seed=603)
    service.generate("barrel", seed=603)
    wait_for("the counter", lambda: service.metric("lumen_requests_total", route="/generate", method="POST", status="200") == before + 2)
    assert service.metric("lumen_request_seconds_count", route="/generate") == seconds + 2
    assert service.metric("lumen_generations_total", engine="procedural") == made + 1
    assert service.metric("lumen_cache_hits_total", tier="memory") == hits + 1
    assert service.metric("lumen_model_loaded", model="procedural") == 1


@test
def unknown_paths_and_methods_make_no_new_series():
    service = plain()
    for i in range(40):
        service.ask("GET", f"/nowhere/{i}")
        service.ask(f"METHOD{i}", "/generate")
    assert len(service.samples()) < 2000
    assert not any("nowhere" in str(sample.labels) or "METHOD" in str(sample.labels) for sample in service.samples())


@test
def health_detailed_describes_device_memory_models_cache_and_queue():
    service = plain()
    service.generate("ladder", seed=604)
    health = service.get("/health/detailed").json()
    assert health["status"] == "ok" and health["uptime_seconds"] > 0 and health["fallback_loaded"] is False
    assert health["device"]["cores"] == os.cpu_count()
    memory = health["memory"]
    assert 0 < memory["used_bytes"] < memory["total_bytes"] and memory["available_bytes"] <= memory["total_bytes"]
    assert any(model["name"] == "procedural" and model["state"] == "loaded" for model in health["models"])
    assert health["cache"]["memory"]["items"] > 0 and health["connections"]["open"] >= 1
    assert health["queue"]["limit"] == 1024 and all(not worker["hung"] for worker in health["queue"]["workers"])
    assert [worker["slot"] for worker in health["queue"]["workers"]] == list(range(len(health["queue"]["workers"])))


@test
def debug_routes_are_there_only_when_asked_for():
    for path in ("/debug/generate-image", "/debug/generate-mesh"):
        error(plain().post(path, {"text": "cat"}), 404, "NotFoundError")
    for _ in range(2):
        report = keyed().post("/debug/generate-mesh", {"text": "cat"}).json()
        assert report["parts"] == len(report["part_names"]) == len(report["vertex_counts"]) == len(report["triangle_counts"]) == 6
        assert all(count > 0 for count in report["vertex_counts"] + report["triangle_counts"])
        assert report["timings"] and report["pipeline"] == "procedural"
    error(keyed().post("/debug/generate-image", {"text": "cat"}), 503, "ModelNotLoadedError")
    assert faults(keyed().post("/debug/generate-image", {"text": "", "steps": 5})) == {("body.text", "string_blank"),
                                                                                    ("body.steps", "out_of_range")}
    assert faults(keyed().post("/debug/generate-mesh", {"text": ""})) == {("body.text", "string_blank")}


# ---- Ends and new beginnings ----------------------------------------------------------------------------------------------------


@test
def a_second_start_finds_the_shapes_of_the_first():
    with tempfile.TemporaryDirectory() as folder:
        with started(folder=folder) as service:
            first = service.generate("windmill").json()
            wait_for("the write", lambda: service.generate("windmill").headers["X-Lumen-Cache"] == "stored")
        with started(folder=folder) as service:
            again = service.generate("windmill")
            assert again.headers["X-Lumen-Cache"] == "stored" and again.json() == {**first, "cached": True}
            assert service.get(f"/shapes/{first['key']}.glb").status_code == 200
            assert service.metric("lumen_generations_total") == 0


@test
def stopping_writes_what_waits_for_the_disk():
    with tempfile.TemporaryDirectory() as folder:
        with started(folder=folder) as service:
            for seed in range(20):
                service.generate("windmill", seed=seed)
        with started(folder=folder) as service:
            for seed in range(20):
                assert service.generate("windmill", seed=seed).headers["X-Lumen-Cache"] == "stored", seed


@test
def without_a_cache_folder_memory_alone_serves():
    with started(cache=False) as service:
        service.generate("cat")
        assert service.generate("cat").headers["X-Lumen-Cache"] == "memory"
        assert service.get("/health/ready").json()["cache"] == {"memory": True, "disk": False}
        assert service.get("/cache/stats").json()["disk"]["connected"] is False


@test
def sigterm_finishes_what_is_under_way_and_takes_nothing_new():
    service = started(LUMEN_WORKERS=1).start()
    try:
        def ask(seed):
            with requests.Session() as session:
                return session.post(service.url + "/generate", json={"text": "cat", "seed": seed, "engine": "test-100ms"}, timeout=60)

        with ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(ask, seed) for seed in range(12)]
            wait_for("all to be under way",
                     lambda: sum(map(service.metric, ("lumen_queue_depth", "lumen_queue_running"))) +
                     service.metric("lumen_generations_total", engine="test-100ms") >= 12)
            service.end()
            answers = [future.result() for future in asked]
        assert [answer.status_code for answer in answers] == [200] * 12
        for seed, answer in enumerate(answers):
            assert shape_arrays(answer.json()) == shape_arrays(command.shape("cat", seed=seed))
        service.process.wait(10)
        try:
            service.connect(1).close()
            raise AssertionError("the port still takes connections")
        except OSError:
            pass
        service.stop()
    except BaseException:
        service.kill()
        service.show_log()
        raise


@test
def work_longer_than_the_drain_time_is_cut_off_with_an_honest_answer():
    service = started(LUMEN_WORKERS=1, LUMEN_DRAIN_SECONDS=1).start()
    try:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(requests.post, service.url + "/generate", json={"text": "cat", "engine": "test-5s"}, timeout=30)
            wait_for("the work", lambda: service.metric("lumen_queue_running") == 1)
            began = time.monotonic()
            service.end()
            error(asked.result(), 503, "ShuttingDownError")
        service.stop()
        assert time.monotonic() - began < 4.5
    except BaseException:
        service.kill()
        service.show_log()
        raise


@test
def no_engine_process_outlives_the_service():
    service = started().start()
    service.generate("cat")
    children = service.children()
    service.kill()
    wait_for("the engine processes to end", lambda: not any(Path(f"/proc/{child}/exe").exists() for child in children))


@test
def the_table_of_answers_names_tests_that_exist():
    here = Path(__file__).resolve()
    written = "".join(path.read_text(encoding="utf-8") for path in here.parent.glob("check_*.py"))
    there = set(re.findall(r"(?m)^def (\w+)\(", written))
    rows = [line for line in (here.parents[2] / "docs/service.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    named = {name for line in rows for name in re.findall(r"`([a-z0-9_]+)`", line.rsplit("|", 2)[1]) if name.count("_") >= 3}
    assert len(named) > 50 and named <= there, f"docs/service.md names tests that are not there: {named - there}"


@test
def every_documented_operation_was_tried_here():
    met = {(method, path) for method, path, status in DESCRIPTION[0].met if 200 <= status < 300}
    # No engine of this version makes pictures of words; events are read as a stream, by their own tests.
    missing = set(DESCRIPTION[0].operations()) - met - {("POST", "/debug/generate-image"), ("GET", "/jobs/{id}/events")}
    assert not missing, f"described but never answered well: {missing}"


def main():
    global options, command
    options = arguments(__doc__).parse_args()
    command = Command(options.lumen)
    failed = tests.run(options.only)
    for name, service in shared.items():
        try:
            service.stop()
            print(f"ok contract: the {name} service ends well after all this")
        except AssertionError as fault:
            failed = True
            print(f"not ok contract: the {name} service ends well after all this\n#   {fault}")
            service.show_log()
        service._own_folder.cleanup()
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
