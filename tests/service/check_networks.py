"""Engines that run networks, through HTTP, with small networks of the official models' structure.

    python3 tests/service/check_networks.py --lumen build/src/cli/lumen --write build/tests/partcrafter/write_small_models

Every function marked @test is one test, named for the behavior. Every answer is also held against openapi.json. Prints
TAP; docs/service.md names these tests.
"""

import argparse
import base64
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from description import Description
from service import Service, Tests, http_request, read_response, shape_arrays, wait_for

tests = Tests("networks")
test = tests.test
options = None
MODELS = None  # a folder that tests leave as it is
shared = {}
DESCRIPTION = []

STAGES = ["image", "cutout", "encode", "part_diffusion", "surface", "naming"]
NAMES = ["rmbg-1.4", "dinov2", "partcrafter", "sdxl-turbo"]
# A second of work, and ten of them, most of it in part_diffusion.
QUICK = {"steps": 2, "guidance": 1, "tokens": 16, "points": 256}
LONG = {"points": 256, "quality": "high"}


class Judged(Service):
    def ask(self, method, path, **more):
        answer = super().ask(method, path, **more)
        if not DESCRIPTION:
            DESCRIPTION.append(Description(super().ask("GET", "/openapi.json").json()))
        if not more.get("stream"):
            DESCRIPTION[0].judge(method, path, answer)
        return answer

    def worker(self):
        """What /health/detailed says of the process that runs networks."""
        return next(worker for worker in self.workers() if worker["device"] == "networks")

    def models(self):
        return {model["name"]: model for model in self.get("/health/ready").json().get("models", ())
                if model["device"] == "networks"}

    def engines(self):
        return self.get("/health/ready").json().get("engines", ())

    def wait_for_networks(self):
        wait_for("the networks", lambda: "partcrafter" in self.engines(), seconds=60)
        return self


def started(models=None, **settings):
    settings = {"LUMEN_WORKERS": 1, "LUMEN_LOG_FORMAT": "json", "LUMEN_DEBUG_ROUTES": "true", **settings}
    return Judged(options.lumen, LUMEN_MODELS=models or MODELS, **settings)


def plain():
    """One that most tests share, with its networks loaded."""
    if "plain" not in shared:
        shared["plain"] = started().start().wait_for_networks()
    return shared["plain"]


def damaged(folder):
    """The models with a DiT whose file ends too early."""
    models = Path(folder) / "models"
    shutil.copytree(MODELS, models)
    weights = models / "partcrafter" / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    return models


def png(width, height, pixels=True, radius=20):
    """A red disk on white; without `pixels` the file only says that it is so large."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def pixel(x, y):
        return b"\xc8\x1e\x1e" if (x - width / 2) ** 2 + (y - height / 2) ** 2 < radius ** 2 else b"\xff\xff\xff"

    rows = b"".join(b"\0" + b"".join(pixel(x, y) for x in range(width)) for y in range(height)) if pixels else b""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def base64_of(content):
    return base64.b64encode(content).decode()


def faults(answer):
    assert answer.status_code == 422, f"{answer.status_code}, not 422: {answer.text[:300]}"
    return {(".".join(fault["loc"]), fault["type"]) for fault in answer.json()["detail"]}


def error(answer, status, kind):
    assert answer.status_code == status, f"{answer.status_code}, not {status}: {answer.text[:300]}"
    assert answer.json()["type"] == kind, answer.text
    assert status != 503 or int(answer.headers["Retry-After"]) >= 1
    return answer.json()["error"]


def made_by(answer, engine):
    assert answer.status_code == 200, answer.text[:300]
    shape = answer.json()
    assert shape["pipeline"] == engine, shape["pipeline"]
    return shape


def start_job(service, body):
    answer = service.post("/jobs", body)
    assert answer.status_code == 202, answer.text[:300]
    return answer.json()["id"]


def job_status(service, job):
    return service.get(f"/jobs/{job}").json()


def wait_for_job(service, job, *states):
    wait_for(f"the job to be {states}", lambda: job_status(service, job)["status"] in states, seconds=60)
    return job_status(service, job)


def events(service, job, seconds=60):
    """The (name, data) of a job's events, to the last."""
    with service.connect(seconds) as connection:
        connection.sendall(http_request("GET", f"/jobs/{job}/events"))
        name = None
        for line in connection.makefile("r", encoding="utf-8"):
            if line.startswith("event: "):
                name = line[7:].strip()
            elif line.startswith("data: "):
                yield name, json.loads(line[6:])
                if name != "status":
                    return


def wait_for_stage(service, stage):
    wait_for(f"the stage {stage}", lambda: service.worker()["stage"] == stage, seconds=60)


def wait_until_idle(service, seconds=10):
    wait_for("an idle process", lambda: not service.worker()["busy"], seconds=seconds)


# ---- Shapes -----------------------------------------------------------------------------------------


@test
def a_word_becomes_the_shape_that_the_command_makes():
    body = {"text": "a cat", "engine": "partcrafter", **QUICK}
    first = plain().post("/generate", body)
    shape = made_by(first, "partcrafter")
    assert first.headers["X-Lumen-Cache"] == "generated" and "X-Lumen-Fallback" not in first.headers
    assert set(shape["part_names"]) <= {"head", "body", "front_legs", "back_legs", "tail", "neck"}, shape["part_names"]
    assert len(shape["part_confidence"]) == len(shape["part_names"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        subprocess.run([options.lumen, "generate", "a cat", "--engine", "partcrafter", "--models", MODELS, "--steps", "2",
                        "--guidance", "1", "--tokens", "16", "--points", "256", "--quiet", "-o", path], check=True, timeout=60)
        assert shape_arrays(json.loads(path.read_text())) == shape_arrays(shape)
    again = plain().post("/generate", body)
    assert again.headers["X-Lumen-Cache"] in ("memory", "stored") and again.json()["cached"]
    assert shape_arrays(again.json()) == shape_arrays(shape)
    binary = plain().post("/generate", body, headers={"Accept": "application/octet-stream"})
    assert binary.content[:4] == b"LUM1"
    assert plain().get(f"/shapes/{shape['key']}.glb").content[:4] == b"glTF"


@test
def auto_takes_networks_when_they_are_there_and_shares_what_they_made():
    shape = made_by(plain().post("/generate", {"text": "cat", **QUICK}), "partcrafter")
    again = plain().post("/generate", {"text": "cats", "engine": "partcrafter", **QUICK})
    assert made_by(again, "partcrafter")["key"] == shape["key"] and again.json()["cached"]
    assert plain().engines() == ["partcrafter", "procedural"]
    made_by(plain().post("/generate", {"text": "cat", "engine": "procedural", **QUICK}), "procedural")


@test
def steps_guidance_and_tokens_are_obeyed_and_have_bounds():
    keys = set()
    for more in ({}, {"steps": 3}, {"tokens": 32}, {"guidance": 1.5}):
        keys.add(made_by(plain().post("/generate", {"text": "cat", **QUICK, **more}), "partcrafter")["key"])
    assert len(keys) == 4, keys
    body = {"text": "cat", "steps": 1001, "guidance": 0.5, "tokens": 8}
    assert faults(plain().post("/generate", body)) == {
        ("body.steps", "out_of_range"), ("body.guidance", "out_of_range"), ("body.tokens", "out_of_range")}
    body = {"text": "cat", "steps": 2.5, "guidance": "7", "tokens": True}
    assert faults(plain().post("/jobs", body)) == {
        ("body.steps", "int_type"), ("body.guidance", "number_type"), ("body.tokens", "int_type")}
    nothing = {"text": "cat", "engine": "procedural", "steps": None, "guidance": None, "tokens": None, "image": None}
    assert plain().post("/generate", nothing).status_code == 200


@test
def equal_requests_at_once_are_made_once():
    service = plain()
    before = service.metric("lumen_generations_total", engine="partcrafter")
    body = {"text": "cat", "seed": 77, **QUICK}
    with ThreadPoolExecutor(4) as clients:
        waiting = [clients.submit(requests_post, service, "/generate", body) for _ in range(3)]
        job = start_job(service, body)
        answers = [one.result() for one in waiting]
    assert len({made_by(answer, "partcrafter")["key"] for answer in answers}) == 1
    assert wait_for_job(service, job, "done")["result"]["key"] == answers[0].json()["key"]
    assert service.metric("lumen_generations_total", engine="partcrafter") == before + 1


def requests_post(service, path, body, timeout=120):
    """From other threads than the test's: a session is not to be shared."""
    import requests
    return requests.post(service.url + path, json=body, timeout=timeout)


@test
def the_debug_route_times_every_stage_and_tells_of_every_part():
    report = plain().post("/debug/generate-mesh", {"text": "cat", "seed": 5, **QUICK}).json()
    assert report["pipeline"] == "partcrafter" and not report["cached"], report
    assert set(STAGES) <= set(report["timings"]), report["timings"]
    for list_of in ("part_names", "vertex_counts", "triangle_counts", "part_confidence"):
        assert len(report[list_of]) == report["parts"], report
    assert min(report["vertex_counts"]) > 0 and all(0 <= sure <= 1 for sure in report["part_confidence"])
    stages = plain().get("/metrics").json()["stages"]
    assert set(STAGES) <= set(stages), stages
    assert plain().post("/debug/generate-mesh", {"text": "cat", "seed": 5, **QUICK}).json()["cached"]


# ---- Pictures -----------------------------------------------------------------------------------------


@test
def a_picture_is_made_into_a_shape_once():
    body = {"image": base64_of(png(64, 64)), "text": "cat", **QUICK}
    first = plain().post("/generate", body)
    shape = made_by(first, "partcrafter")
    assert first.headers["X-Lumen-Cache"] == "generated" and shape["subject"] == "cat"
    again = plain().post("/generate", {**body, "engine": "partcrafter"})
    assert again.headers["X-Lumen-Cache"] in ("memory", "stored") and again.json()["key"] == shape["key"]
    # One more byte behind the end of the PNG, and slashes as PHP writes them.
    other = json.dumps({**body, "image": base64_of(png(64, 64) + b"?")}).replace("/", "\\/").encode()
    assert made_by(plain().post("/generate", other), "partcrafter")["key"] != shape["key"]
    painted = made_by(plain().post("/generate", {"text": "cat", **QUICK}), "partcrafter")
    assert painted["key"] != shape["key"]


@test
def a_picture_needs_no_text():
    body = {"image": base64_of(png(64, 64)), "num_parts": 6, **QUICK}
    keys = {made_by(plain().post("/generate", {**body, **more}), "partcrafter")["key"]
            for more in ({}, {"text": None}, {"text": ""}, {"text": " \t"})}
    assert len(keys) == 1
    job = start_job(plain(), {**body, "seed": 1})
    assert wait_for_job(plain(), job, "done", "failed")["status"] == "done"


@test
def a_large_picture_comes_through_and_its_memory_goes():
    service = plain()
    large = base64_of(png(64, 64) + bytes(8 * 1024 * 1024 - 1000))
    made_by(service.post("/generate", {"text": "cat", "image": large, **QUICK}), "partcrafter")
    job = start_job(service, {"image": large, "text": "cat", "seed": 2, **QUICK})
    assert wait_for_job(service, job, "done", "failed")["status"] == "done"
    wait_until_idle(service)
    queue = service.get("/health/detailed").json()["queue"]
    assert queue["networks"]["image_bytes"] == 0 and queue["image_bytes"] == 0, queue


@test
def what_is_no_picture_is_422_and_told_with_all_other_faults():
    good = base64_of(png(64, 64))
    cases = [("", "base64"), ("@@@@", "base64"), (good[:-1], "base64"), (good[:40] + "\n" + good[40:], "base64"),
             (good.rstrip("=") + "A" * (4 - len(good.rstrip("=")) % 4), None), (good.replace("+", "-").replace("/", "_"), None),
             (base64_of(b"GIF89a" + bytes(100)), "image_invalid"), (base64_of(b"hello"), "image_invalid"),
             (base64_of(png(64, 64)[:20]), "image_invalid"), (base64_of(png(40000, 10, False)), "image_invalid"),
             (base64_of(png(30000, 30000, False)), "image_invalid"), (base64_of(png(0, 10, False)), "image_invalid"),
             (base64_of(b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(20)), "image_invalid"),
             (7, "string_type"), ([good], "string_type")]
    for image, kind in cases:
        if kind is None:
            continue
        for path in ("/generate", "/jobs"):
            found = faults(plain().post(path, {"image": image, "points": 1, "num_parts": 99}))
            assert found == {("body.image", kind), ("body.points", "out_of_range"), ("body.num_parts", "out_of_range")}, (
                str(image)[:60], found)
    # What only the engine can see.
    for picture in (png(1, 1), png(64, 64, radius=0)[:-30]):
        answer = plain().post("/generate", {"image": base64_of(picture), **QUICK})
        assert faults(answer) == {("body.image", "image_invalid")}, answer.text
    job = wait_for_job(plain(), start_job(plain(), {"image": base64_of(png(1, 1)), **QUICK}), "done", "failed")
    assert job["status"] == "failed" and job["error"]["type"] == "InvalidRequestError", job


@test
def a_picture_too_large_is_refused_and_other_routes_keep_to_their_limit():
    with started(LUMEN_IMAGE_LIMIT=100000) as service:
        answer = service.post("/generate", {"image": base64_of(png(64, 64) + bytes(101000))})
        assert faults(answer) == {("body.image", "image_too_large")}
        error(service.post("/generate", {"image": base64_of(bytes(200000))}), 413, "PayloadTooLargeError")
        error(service.post("/generate", {"text": "cat", "x": "y" * 70000}), 413, "PayloadTooLargeError")
        error(service.post("/generate", {"text": "cat", "x": {"image": "A" * 70000}}), 413, "PayloadTooLargeError")
        error(service.post("/debug/generate-image", {"text": "cat", "x": "y" * 70000}), 413, "PayloadTooLargeError")
        assert service.post("/generate", b'{"image": "' + b"A" * 70000).status_code == 413
        assert service.post("/generate", b'{"image": "' + b"A" * 70000 + b'", "image": ""}').status_code == 400
        assert service.post("/generate", b'{"image": "' + b"A" * 70000 + b'"').status_code == 400


@test
def words_cannot_stand_for_a_picture():
    image = base64_of(png(64, 64))
    body = {"text": "cat", "image": image, "engine": "procedural"}
    assert faults(plain().post("/generate", body)) == {("body.engine", "takes_no_image")}
    with tempfile.TemporaryDirectory() as empty, started(models=empty) as service:
        for engine in ("auto", "partcrafter"):
            for path in ("/generate", "/jobs"):
                told = error(service.post(path, {"image": image, "engine": engine}), 503, "ModelNotLoadedError")
                assert "lumen pull" in told, told
        made_by(service.post("/generate", {"text": "cat", "points": 256}), "procedural")


# ---- Loading ------------------------------------------------------------------------------------------


def network_process(service):
    """The process that runs networks, as soon as it is there."""
    def find():
        for child in service.children():
            try:
                if b"network-host" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return child
            except OSError:
                pass
        return None
    return wait_for("the process of the networks", find)


@test
def while_networks_are_loaded_auto_does_without_them_at_once_and_naming_them_is_503():
    with started(ready=False) as service:
        process = network_process(service)
        os.kill(process, signal.SIGSTOP)
        try:
            wait_for("readiness", lambda: service.get("/health/ready").status_code == 200)
            answer = service.post("/generate", {"text": "cat", **QUICK})
            made_by(answer, "procedural")
            assert answer.elapsed.total_seconds() < 2 and "X-Lumen-Fallback" not in answer.headers
            for path, body in (("/generate", {"text": "cat", "engine": "partcrafter"}),
                               ("/jobs", {"text": "cat", "engine": "partcrafter"}),
                               ("/generate", {"image": base64_of(png(64, 64))})):
                told = error(service.post(path, body), 503, "ModelNotLoadedError")
                assert "being loaded" in told and "of 5" in told, told
            assert set(service.models()) >= set(NAMES) or not service.models()
        finally:
            os.kill(process, signal.SIGCONT)
        service.wait_for_networks()
        # The same bytes mean something else now.
        made_by(service.post("/generate", {"text": "cat", **QUICK}), "partcrafter")
        models = service.models()
        assert [name for name in models if name in NAMES] == NAMES, list(models)
        assert all(model["state"] == "loaded" and model["bytes"] > 0 for model in models.values()), models
        for name in NAMES:
            assert service.metric("lumen_model_loaded", model=name, device="networks") == 1
            assert service.metric("lumen_model_failed", model=name) == 0


# What is needed follows from the precision that the processor has.
BUDGETS = ("276M", "270M", "300M", "350M", "400M", "500M")


@test
def with_a_small_budget_models_are_staged_and_work_all_the_same():
    for budget in BUDGETS:
        with started(arguments=("--memory-budget", budget)) as service:
            wait_for("the models", lambda: all(service.models().get(name, {}).get("state") in ("loaded", "staged", "failed")
                                               for name in NAMES), seconds=60)
            models = service.models()
            if any(models[name]["state"] != "staged" for name in NAMES):
                continue
            assert all(models[name]["bytes"] == 0 for name in NAMES), models
            service.wait_for_networks()
            # More parts would need more.
            body = {"text": "cat", "num_parts": 2, "engine": "partcrafter", **QUICK}
            answer = service.post("/generate", body)
            if answer.status_code == 500 and "raise the budget" in answer.text:
                continue
            shape = made_by(answer, "partcrafter")
            assert shape_arrays(shape) == shape_arrays(plain().post("/generate", body).json())
            assert service.post("/debug/generate-image", {"text": "cat"}).content[:4] == b"\x89PNG"
            # What was asked for is smaller than what was planned for, so that its networks may have stayed.
            for name in NAMES:
                assert service.metric("lumen_model_available", model=name) == 1
                wait_for(f"what is told of {name} to agree",
                         lambda: service.metric("lumen_model_loaded", model=name) == (service.models()[name]["state"] == "loaded"))
            return f"with a budget of {budget}"
    raise AssertionError(f"no budget of {BUDGETS} lets the models be staged")


@test
def damaged_weights_are_told_and_auto_does_without_them():
    with tempfile.TemporaryDirectory() as folder, started(models=damaged(folder)) as service:
        wait_for("the failure", lambda: service.models().get("partcrafter", {}).get("state") == "failed", seconds=60)
        told = error(service.post("/generate", {"text": "cat", "engine": "partcrafter"}), 503, "ModelNotLoadedError")
        assert "partcrafter" in told, told
        for _ in range(2):
            answer = service.post("/generate", {"text": "cat", **QUICK})
            made_by(answer, "procedural")
            assert "partcrafter" in answer.headers["X-Lumen-Fallback"], answer.headers
        job = wait_for_job(service, start_job(service, {"text": "cat", **QUICK}), "done")
        assert "partcrafter" in job["fallback_reason"] and job["result"]["pipeline"] == "procedural"
        assert "X-Lumen-Fallback" not in service.post("/generate", {"text": "cat", "engine": "procedural"}).headers
        error(service.post("/generate", {"image": base64_of(png(64, 64))}), 503, "ModelNotLoadedError")
        assert service.metric("lumen_model_failed", model="partcrafter") == 1
        assert service.engines() == ["procedural"]
        assert "reason" in next(model for model in service.get("/health/detailed").json()["models"]
                                if model["state"] == "failed")


# ---- Jobs and clients that leave ------------------------------------------------------------------------


@test
def a_job_tells_of_every_stage_in_order():
    heard = list(events(plain(), start_job(plain(), {"text": "cat", "seed": 9, **QUICK})))
    assert heard[-1][0] == "done", heard[-1]
    stages, percents = [], []
    for _, data in heard:
        if data["stage"] in STAGES and data["stage"] not in stages:
            stages.append(data["stage"])
        percents.append(data["percent"])
    assert stages == sorted(stages, key=STAGES.index) and len(stages) >= 3, stages
    assert percents == sorted(percents) and percents[-1] == 100, percents
    assert plain().get(heard[-1][1]["result_url"]).json()["pipeline"] == "partcrafter"


@test
def a_deleted_job_stops_in_the_middle_of_the_diffusion_and_the_next_works():
    service = plain()
    process = service.worker()["process"]
    job = start_job(service, {"text": "cat", "seed": 10, **LONG})
    wait_for_stage(service, "part_diffusion")
    assert job_status(service, job)["stage"] == "part_diffusion"
    assert service.ask("DELETE", f"/jobs/{job}").json()["status"] == "cancelled"
    wait_until_idle(service, seconds=5)
    made_by(service.post("/generate", {"text": "cat", "seed": 11, **QUICK}), "partcrafter")
    assert service.worker()["process"] == process and service.worker()["kills"] == 0, "it was ended, not called off"


def leave_in(service, body, stage):
    content = json.dumps(body).encode()
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(http_request("POST", "/generate", content))
        wait_for_stage(service, stage)


@test
def a_client_that_leaves_frees_the_networks():
    service = plain()
    process = service.worker()["process"]
    leave_in(service, {"text": "cat", "seed": 12, **LONG}, "part_diffusion")
    wait_until_idle(service, seconds=5)
    leave_in(service, {"image": base64_of(png(64, 64)), "text": "cat", "seed": 12, **LONG}, "part_diffusion")
    wait_until_idle(service, seconds=5)
    assert service.get("/health/detailed").json()["queue"]["networks"]["image_bytes"] == 0
    made_by(service.post("/generate", {"text": "cat", "seed": 13, **QUICK}), "partcrafter")
    assert service.worker()["process"] == process


# ---- Failures -------------------------------------------------------------------------------------------


def in_the_background(service, path, body):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(requests_post(service, path, body)))
    thread.start()
    return thread, answers


@test
def when_networks_die_auto_gets_the_shape_that_needs_none_and_is_told_why():
    with started() as service:
        service.wait_for_networks()
        thread, answers = in_the_background(service, "/generate", {"text": "cat", **LONG})
        wait_for_stage(service, "part_diffusion")
        job = start_job(service, {"text": "cat", **LONG})  # shares the work
        process = service.worker()["process"]
        os.kill(process, signal.SIGKILL)
        thread.join()
        shape = made_by(answers[0], "procedural")
        assert "signal 9" in answers[0].headers["X-Lumen-Fallback"], answers[0].headers
        ended = wait_for_job(service, job, "done", "failed")
        assert ended["status"] == "done" and "signal 9" in ended["fallback_reason"], ended
        assert ended["key"] == shape["key"] == ended["result"]["key"]
        assert service.metric("lumen_fallbacks_total") == 2
        # Nothing is replaced for who asked for it by name, or brought a picture.
        for body in ({"text": "cat", "engine": "partcrafter", **LONG}, {"image": base64_of(png(64, 64)), **LONG}):
            service.wait_for_networks()
            thread, answers = in_the_background(service, "/generate", body)
            wait_for_stage(service, "part_diffusion")
            os.kill(service.worker()["process"], signal.SIGKILL)
            thread.join()
            assert "signal 9" in error(answers[0], 500, "GenerationFailedError")
        service.wait_for_networks()
        wait_for("a shape by networks", lambda: service.post("/generate", {"text": "cat", **QUICK}).json().get("pipeline") ==
                 "partcrafter", seconds=30)


@test
def clients_that_leave_while_networks_die_leave_nothing_behind():
    with started(LUMEN_ENGINE_RATE_LIMIT=0) as service:
        for round in range(4):
            service.wait_for_networks()
            body = json.dumps({"text": "cat", "seed": round, **LONG}).encode()
            clients = []
            for _ in range(8):
                clients.append(socket.create_connection(("127.0.0.1", service.port)))
                clients[-1].sendall(http_request("POST", "/generate", body))
            jobs = [start_job(service, json.loads(body)) for _ in range(2)]
            wait_for_stage(service, "part_diffusion")
            os.kill(service.worker()["process"], signal.SIGKILL)
            for client in clients[:6]:
                client.close()
            service.ask("DELETE", f"/jobs/{jobs[0]}")
            for client in clients[6:]:
                status, headers, content = read_response(client.makefile("rb"))
                assert status == 200 and "x-lumen-fallback" in headers, (status, headers)
                assert json.loads(content)["pipeline"] == "procedural"
                client.close()
            assert wait_for_job(service, jobs[1], "done", "failed")["status"] == "done"
        wait_for("no request under way", lambda: service.get("/health/detailed").json()["connections"]["waiting"] == 0)


@test
def stopping_ends_what_the_networks_do_with_an_honest_answer():
    service = started(LUMEN_DRAIN_SECONDS=1).start()
    try:
        service.wait_for_networks()
        thread, answers = in_the_background(service, "/generate", {"text": "cat", **LONG})
        wait_for_stage(service, "part_diffusion")
        service.end()
        thread.join()
        error(answers[0], 503, "ShuttingDownError")
        service.stop()
    except BaseException:
        service.show_log()
        service.kill()
        raise


@test
def a_request_longer_than_its_time_ends():
    with started(arguments=("--network-timeout", "4")) as service:
        service.wait_for_networks()
        told = error(service.post("/generate", {"text": "cat", "engine": "partcrafter", **LONG}), 500, "GenerationFailedError")
        assert "deadline of 4 seconds" in told, told
        wait_until_idle(service)
        made_by(service.post("/generate", {"text": "cat", **QUICK}), "partcrafter")


@test
def the_shared_service_is_well_at_the_end():
    service = shared.pop("plain", None) or plain()
    shared.pop("plain", None)
    assert service.worker()["crashes"] == 0, service.worker()
    assert service.metric("lumen_queue_depth", device="networks") == 0
    assert service.metric("lumen_queue_limit", device="networks") > 0
    service.stop()


def main():
    global options, MODELS
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lumen", required=True, type=lambda path: str(Path(path).resolve(strict=True)))
    parser.add_argument("--write", required=True, type=lambda path: str(Path(path).resolve(strict=True)))
    parser.add_argument("only", nargs="*", help="run only the tests whose name holds one of these")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        MODELS = str(Path(place) / "models")
        subprocess.run([options.write, MODELS], check=True)
        failed = tests.run(options.only)
        for service in shared.values():
            service.kill()
        return failed


if __name__ == "__main__":
    raise SystemExit(main())
