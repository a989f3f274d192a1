"""POST /debug/generate-image, with a small network of SDXL Turbo's structure.

    python3 tests/service/check_image.py --lumen build/src/cli/lumen --write build/tests/networks/write_small_model

Every function marked @test is one test, named for the behavior; it gets the folder of the model. Prints TAP.
"""

import argparse
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from service import Service, wait_for

TESTS = []
LUMEN = None
MERGES = "#version: 0.2\nh o\nho r\ns e</w>\nhor se</w>\n"
ROUTE = "/debug/generate-image"


def test(function):
    TESTS.append(function)
    return function


def painter(model, **settings):
    settings.setdefault("LUMEN_MODELS", model)
    return Service(LUMEN, LUMEN_DEBUG_ROUTES="true", LUMEN_LOG_FORMAT="json", LUMEN_WORKERS=1, **settings)


def model_of(service):
    """What readiness says of the model that paints; None when it does not name it."""
    answer = service.get("/health/ready").json()
    return next((one for one in answer["models"] if one["name"] == "sdxl-turbo"), None)


def wait_until_loaded(service):
    return wait_for("the model that paints", lambda: (model_of(service) or {}).get("state") == "loaded", seconds=60)


def assert_not_loaded(answer, *words):
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    told = answer.json()
    assert told["type"] == "ModelNotLoadedError" and all(word in told["error"] for word in words), told


def painting_process(service):
    """The workers that /health/detailed tells of: the last is the one that paints."""
    return service.get("/health/detailed").json()["queue"]["workers"][-1]


def leave_soon(service, body):
    """Asks, and hangs up without reading the answer once the work has begun."""
    content = json.dumps(body).encode()
    head = f"POST {ROUTE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(head + content)
        wait_for("the work", lambda: painting_process(service)["busy"])


@test
def the_picture_is_the_one_that_the_command_paints(model):
    with painter(model) as service, tempfile.TemporaryDirectory() as folder:
        wait_until_loaded(service)
        for body, arguments in (({"text": "a horse galloping"}, []),
                                ({"text": "a horse galloping", "seed": 7, "steps": 2}, ["--seed", 7, "--steps", 2])):
            answer = service.post(ROUTE, body)
            assert answer.status_code == 200, answer.text
            assert answer.headers["Content-Type"] == "image/png"
            assert struct.unpack(">II", answer.content[16:24]) == (512, 512)
            path = Path(folder) / "a.png"
            subprocess.run([LUMEN, "image", body["text"], "-o", path, "--models", model, "--quiet",
                            *map(str, arguments)], check=True, timeout=120)
            assert answer.content == path.read_bytes()


@test
def text_verb_seed_and_steps_choose_the_picture_and_other_members_do_not(model):
    with painter(model) as service:
        wait_until_loaded(service)
        first = service.post(ROUTE, {"text": "horse"}).content
        for body in ({"text": "horse", "seed": 1}, {"text": "horse", "steps": 4}, {"text": "cow"},
                     {"text": "horse", "verb": "swims"}):
            assert service.post(ROUTE, body).content != first, body
        for body in ({"text": "horses"}, {"text": "horse", "seed": None, "steps": 1, "points": "many", "other": 1}):
            assert service.post(ROUTE, body).content == first, body


@test
def what_is_no_order_of_a_picture_is_422_or_400(model):
    with painter(model, ready=True) as service:
        for body, faults in (({}, {("text", "missing")}), ({"text": " "}, {("text", "string_blank")}),
                             ({"text": "cat", "steps": 0, "seed": -1}, {("steps", "out_of_range"), ("seed", "out_of_range")}),
                             ({"text": "cat", "steps": 5}, {("steps", "out_of_range")}),
                             ({"text": "cat", "steps": "2"}, {("steps", "int_type")})):
            answer = service.post(ROUTE, body)
            assert answer.status_code == 422, answer.text
            assert {(fault["loc"][1], fault["type"]) for fault in answer.json()["detail"]} == faults, answer.text
        assert service.ask("POST", ROUTE, data=b"{").status_code == 400


@test
def readiness_and_metrics_name_the_model(model):
    with painter(model) as service:
        wait_until_loaded(service)
        told = model_of(service)
        assert told["bytes"] > 1e6 and told["load_seconds"] > 0, told
        metrics = service.get("/metrics/prometheus").text
        assert 'lumen_model_loaded{model="sdxl-turbo",device="networks"} 1' in metrics, metrics
        process = painting_process(service)
        assert process["ready"] and not process["busy"] and process["process"] > 0, process


@test
def without_weights_it_says_how_to_get_them_and_shapes_go_on(model):
    with tempfile.TemporaryDirectory() as empty, painter(model, LUMEN_MODELS=empty) as service:
        assert_not_loaded(service.post(ROUTE, {"text": "horse"}), "lumen pull sdxl-turbo", empty)
        assert model_of(service) is None
        assert service.post("/generate", {"text": "horse", "points": 256}).status_code == 200


@test
def weights_that_cannot_be_loaded_are_told_and_shapes_go_on(model):
    config = model / "vae" / "config.json"
    text = config.read_text()
    try:
        config.write_text(text.replace("[16, 32, 32, 32]", "[16, 32, 32, 64]"))
        with painter(model) as service:
            wait_for("the failure", lambda: (model_of(service) or {}).get("state") == "failed")
            assert_not_loaded(service.post(ROUTE, {"text": "horse"}), "sdxl-turbo", "VAE")
            assert service.post("/generate", {"text": "horse", "points": 256}).status_code == 200
    finally:
        config.write_text(text)


@test
def without_debug_routes_there_is_no_such_route_though_the_model_is_there(model):
    with Service(LUMEN, LUMEN_MODELS=model, LUMEN_WORKERS=1, LUMEN_LOG_FORMAT="json") as service:
        assert service.post(ROUTE, {"text": "horse"}).status_code == 404
        wait_until_loaded(service)


@test
def equal_requests_at_once_are_painted_once(model):
    with painter(model) as service:
        wait_until_loaded(service)
        # One that takes long keeps the painter busy, so that the others meet in the queue.
        bodies = [{"text": "cow", "steps": 4}] + [{"text": "horse"}] * 6
        with ThreadPoolExecutor(len(bodies)) as clients:
            answers = list(clients.map(lambda body: requests.post(service.url + ROUTE, json=body, timeout=120), bodies))
        assert all(answer.status_code == 200 for answer in answers), [answer.status_code for answer in answers]
        assert len({answer.content for answer in answers}) == 2
        metrics = service.get("/metrics").json()
        assert metrics["generations"]["by_engine"]["sdxl-turbo"] <= 3, metrics["generations"]


@test
def a_full_queue_is_503(model):
    with painter(model, LUMEN_QUEUE_LIMIT=1) as service:
        wait_until_loaded(service)
        # A painter that is stopped makes nothing, and whoever comes third finds the one place taken.
        process = painting_process(service)["process"]
        os.kill(process, signal.SIGSTOP)
        answers = []
        threads = []
        try:
            for seed in (1, 2):
                body = {"text": "horse", "seed": seed}
                thread = threading.Thread(
                    target=lambda body=body: answers.append(requests.post(service.url + ROUTE, json=body, timeout=120)))
                thread.start()
                threads.append(thread)
                wait_for("the request", lambda: painting_process(service)["busy"] if seed == 1 else
                         service.get("/health/detailed").json()["connections"]["waiting"] >= 2)
            refused = service.post(ROUTE, {"text": "horse", "seed": 3})
            assert refused.status_code == 503 and refused.json()["type"] == "QueueFullError", refused.text
            assert "Retry-After" in refused.headers
        finally:
            os.kill(process, signal.SIGCONT)
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [200, 200]


@test
def a_client_that_leaves_frees_the_painter(model):
    with painter(model) as service:
        wait_until_loaded(service)
        process = painting_process(service)["process"]
        os.kill(process, signal.SIGSTOP)  # so that the work is surely under way when the client leaves
        try:
            leave_soon(service, {"text": "horse", "steps": 4})
        finally:
            os.kill(process, signal.SIGCONT)
        wait_for("an idle painter", lambda: not painting_process(service)["busy"])
        assert painting_process(service)["process"] == process, "it was ended, not called off"
        assert service.post(ROUTE, {"text": "horse"}).status_code == 200
        failures = service.get("/metrics").json()["generations"]["failures"]
        assert not failures.get("engine") and failures.get("cancelled") == 1, failures


@test
def a_painter_that_dies_fails_its_picture_alone_and_is_started_again(model):
    with painter(model) as service:
        wait_until_loaded(service)
        process = painting_process(service)["process"]
        os.kill(process, signal.SIGSTOP)
        answers = []
        asking = threading.Thread(
            target=lambda: answers.append(requests.post(service.url + ROUTE, json={"text": "horse"}, timeout=120)))
        asking.start()
        wait_for("the work", lambda: painting_process(service)["busy"])
        os.kill(process, signal.SIGKILL)
        asking.join()
        assert answers[0].status_code == 500 and answers[0].json()["type"] == "GenerationFailedError", answers[0].text
        wait_until_loaded(service)
        wait_for("a picture", lambda: service.post(ROUTE, {"text": "horse"}).status_code == 200)
        assert painting_process(service)["process"] != process


def main():
    global LUMEN
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--lumen", required=True)
    arguments.add_argument("--write", required=True)
    arguments.add_argument("names", nargs="*", help="only tests whose name holds one of these")
    given = arguments.parse_args()
    LUMEN = os.path.abspath(given.lumen)
    chosen = [one for one in TESTS if not given.names or any(name in one.__name__ for name in given.names)]
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        model = Path(place) / "sdxl-turbo"
        subprocess.run([given.write, model], check=True)
        (model / "tokenizer").mkdir()
        (model / "tokenizer" / "merges.txt").write_text(MERGES)
        for number, function in enumerate(chosen, 1):
            name = "image route: " + function.__name__.replace("_", " ")
            try:
                function(model)
                print(f"ok {number} - {name}", flush=True)
            except Exception:
                failed += 1
                print(f"not ok {number} - {name}", flush=True)
                print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
    print(f"1..{len(chosen)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
