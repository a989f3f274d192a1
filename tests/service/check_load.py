"""The service under load: many at once, engines that crash and hang, clients that leave, ten thousand idle connections.

    python3 tests/service/check_load.py --service build/tests/service/lumen-test-service --lumen build/src/cli/lumen
    ... --requests 200 --connections 1000        the small variant, under a minute

Each request ends in the right shape, compared byte by byte with what the command makes of the same text, or in an honest
429 or 503. Prints TAP with figures as comments.
"""

import asyncio
import json
import random
import resource
import socket
import struct
import time
from collections import Counter

from service import Command, Service, Tests, arguments, http_request, read_response, shape_arrays, wait_for

tests = Tests("load")
test = tests.test
options = command = None

WORDS = ("horse", "cat", "red dragon", "owl", "chair", "car", "airplane", "oak", "shark", "bee", "snail", "violin", "lamp",
         "bridge", "rocket", "mushroom", "apple", "hammer", "bottle", "cloud")


def shape_request(text, seed=0, points=2048, engine="auto"):
    body = json.dumps({"text": text, "seed": seed, "points": points, "engine": engine}).encode()
    return http_request("POST", "/generate", body)


async def ask(port, request, gate=None, seconds=120):
    """One request on a connection of its own: (status, headers, body)."""
    reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port, limit=1 << 22), seconds)
    try:
        if gate is not None:
            gate["open"] += 1
            if gate["open"] == gate["all"]:
                gate["go"].set()
            await asyncio.wait_for(gate["go"].wait(), seconds)
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), seconds)
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
        body = await asyncio.wait_for(reader.readexactly(int(headers.get("content-length", 0))), seconds)
        return int(lines[0].split()[1]), headers, body
    finally:
        writer.close()


def ask_all(port, requests):
    """All at the same moment: the connections stand before the first request is sent."""

    async def run():
        gate = {"open": 0, "all": len(requests), "go": asyncio.Event()}
        return await asyncio.gather(*(ask(port, request, gate) for request in requests))

    return asyncio.run(run())


def mixed(count, engine, different):
    """`count` wishes: half of them the same one, the others any of `different` ones."""
    chance = random.Random(f"{engine} {count}")
    choices = [(WORDS[i % len(WORDS)], 1 + i // len(WORDS), 2048 if i % 3 else 256) for i in range(different)]
    wishes = [("a horse galloping", 0, 2048)] * (count // 2) + [chance.choice(choices) for _ in range(count - count // 2)]
    chance.shuffle(wishes)
    return [(*wish, engine) for wish in wishes]


def judge(wishes, answers):
    """Counts the answers; a 200 must hold the very shape that was wished for."""
    assert len(answers) == len(wishes)
    counts, good = Counter(), set()
    for (text, seed, points, engine), (status, headers, body) in zip(wishes, answers):
        counts[status] += 1
        if status == 200:
            shape = json.loads(body)
            measure = command.shape(text, seed=seed, points=points)
            assert shape["text"] == text and shape["seed"] == seed, f"{text!r} {seed} got the shape of {shape['text']!r} {shape['seed']}"
            assert shape_arrays(shape) == shape_arrays(measure), f"{text!r} {seed}: not the shape that the command makes"
            good.add((text, seed, points, engine))
        else:
            assert status in (429, 503), f"{text!r} {seed}: {status} {body[:300]!r}"
            assert int(headers["retry-after"]) >= 1 and json.loads(body)["error"]
    return counts, good


def under_load(engine, different, **settings):
    """(what came of it as text, the counts by status). The number of generations must be that of different shapes given out."""
    with Service(options.service, **settings) as service:
        wishes = mixed(options.requests, engine, different)
        began = time.monotonic()
        answers = ask_all(service.port, [shape_request(*wish) for wish in wishes])
        seconds = time.monotonic() - began
        counts, good = judge(wishes, answers)
        made = service.metric("lumen_generations_total", engine=engine)
        assert made == len(good), f"{made} generations for {len(good)} different shapes"
        assert service.metric("lumen_queue_depth") == 0 and service.metric("lumen_queue_running") == 0
        assert service.metric("lumen_requests_total", route="/generate") == len(wishes), "a request was lost or counted twice"
        own, all_together = service.resident_bytes()
        return (f"{engine}: {len(wishes)} at once in {seconds:.1f} s: {dict(counts)}; {int(made)} generations for {len(set(wishes))} "
                f"different wishes; resident {own / 2**20:.0f} MiB, with engines {all_together / 2**20:.0f} MiB"), counts


# ---- Many at once -----------------------------------------------------------------------------------------


@test
def all_requests_end_in_their_own_shape_with_an_engine_of_1_ms():
    note, counts = under_load("test-1ms", max(10, options.requests // 4))
    assert set(counts) == {200}, note
    return note


@test
def all_requests_end_in_their_own_shape_with_an_engine_of_100_ms():
    note, counts = under_load("test-100ms", max(10, options.requests // 10), LUMEN_WORKERS=4)
    assert set(counts) == {200}, note
    return note


@test
def an_engine_of_5_s_serves_who_fits_into_the_queue_and_tells_the_others():
    note, counts = under_load("test-5s", max(10, options.requests // 10), LUMEN_WORKERS=4, LUMEN_QUEUE_LIMIT=6)
    # Who shares the work of another needs no place in the queue.
    assert counts[200] >= 6 and counts[503] > 0 and set(counts) == {200, 503}, note
    return note


@test
def equal_requests_at_once_are_computed_once():
    with Service(options.service) as service:
        answers = ask_all(service.port, [shape_request("lighthouse", 3, engine="test-100ms")] * options.requests)
        judge([("lighthouse", 3, 2048, "test-100ms")] * options.requests, answers)
        assert {status for status, _, _ in answers} == {200}
        assert len({json.dumps(dict(json.loads(body), cached=None)) for _, _, body in answers}) == 1
        assert service.metric("lumen_generations_total") == 1
        shared = service.metric("lumen_flights_shared_total")
        assert shared > 0
        return f"{options.requests} equal requests: 1 generation, {int(shared)} rode along"


@test
def a_rate_limit_lets_its_number_through_and_refuses_the_rest():
    limit = options.requests // 10
    with Service(options.service, limits=True, LUMEN_RATE_LIMIT=limit, LUMEN_ENGINE_RATE_LIMIT=0) as service:
        answers = ask_all(service.port, [shape_request("cat")] * options.requests)
        counts, _ = judge([("cat", 0, 2048, "auto")] * options.requests, answers)
        # The bucket refills a little meanwhile.
        assert limit <= counts[200] <= limit + 3 + limit // 4 and set(counts) == {200, 429}, counts
        return str(dict(counts))


@test
def jobs_and_requests_for_the_same_shape_share_one_generation():
    with Service(options.service) as service:
        body = json.dumps({"text": "cat", "seed": 9, "engine": "test-100ms"}).encode()
        count = options.requests // 2
        answers = ask_all(service.port, [http_request("POST", "/jobs", body)] * count +
                          [http_request("POST", "/generate", body)] * count)
        statuses = Counter(status for status, _, _ in answers)
        assert statuses == {202: count, 200: count}, statuses
        for _, _, answer in answers[:count]:
            url = json.loads(answer)["url"]
            done = wait_for("the job", lambda: (now := service.get(url).json())["status"] == "done" and now)
            assert shape_arrays(done["result"]) == shape_arrays(command.shape("cat", seed=9))
        assert service.metric("lumen_generations_total") == 1


# ---- Engines that misbehave -----------------------------------------------------------------------------------


@test
def an_engine_that_crashes_fails_its_request_alone_and_is_started_again():
    with Service(options.service, LUMEN_WORKERS=2) as service:
        for seed in range(3):
            status, _, body = ask_all(service.port, [shape_request("cat", seed, engine="test-crash")])[0]
            assert status == 500 and json.loads(body)["type"] == "GenerationFailedError", f"{status} {body}"
            assert "signal" in json.loads(body)["error"], body
            assert service.generate("cat", seed=seed + 100).status_code == 200, "the next request works"
        # Among others.
        wishes = [("cat", seed, 2048, "test-crash" if seed % 10 == 5 else "test-1ms") for seed in range(40)]
        answers = ask_all(service.port, [shape_request(*wish) for wish in wishes])
        for (_, seed, _, engine), (status, _, body) in zip(wishes, answers):
            assert status == (500 if engine == "test-crash" else 200), f"{engine} {seed}: {status} {body[:200]}"
            if status == 200:
                assert shape_arrays(json.loads(body)) == shape_arrays(command.shape("cat", seed=seed))
        workers = service.workers()
        assert sum(worker["crashes"] for worker in workers) >= 7, workers
        assert any("signal 6" in worker["last_end"] for worker in workers), workers
        assert service.metric("lumen_worker_crashes_total") >= 7
        assert service.metric("lumen_generation_failures_total", reason="engine") >= 7


@test
def an_engine_that_hangs_is_named_then_killed_and_started_again():
    with Service(options.service, LUMEN_WORKERS=2, LUMEN_REQUEST_SECONDS=2) as service:
        began = time.monotonic()
        status, _, body = ask_all(service.port, [shape_request("elephant", engine="test-hang")])[0]
        assert status == 500 and json.loads(body)["type"] == "GenerationFailedError", f"{status} {body}"
        answered = time.monotonic() - began
        assert answered < 4, f"the answer took {answered:.1f} s"
        hung = wait_for("the worker to be named", lambda: [worker for worker in service.workers() if worker["hung"]], 10)[0]
        assert hung["text"].startswith("elephant") and hung["engine"] == "test-hang", hung
        assert service.metric("lumen_workers_hung") == 1
        service.generate("cat", seed=1)  # the other worker serves meanwhile
        wait_for("the worker to be killed", lambda: any(worker["kills"] for worker in service.workers()), 15)
        wait_for("both to be ready", lambda: all(worker["ready"] and not worker["hung"] and not worker["busy"] for worker in service.workers()), 15)
        assert service.metric("lumen_workers_hung") == 0
        killed = time.monotonic() - began
        answers = ask_all(service.port, [shape_request("cat", seed, engine="test-100ms") for seed in range(20, 28)])
        assert [answer[0] for answer in answers] == [200] * 8
        return f"answered after {answered:.1f} s, killed after {killed:.1f} s"


# ---- Clients that leave -----------------------------------------------------------------------------------------


def leave(connection, reset):
    if reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@test
def work_that_nobody_waits_for_any_more_is_freed():
    with Service(options.service, LUMEN_WORKERS=1) as service:
        for seed, reset in ((1, False), (2, True)):
            connection = service.connect()
            connection.sendall(shape_request("cat", seed, engine="test-5s"))
            wait_for("the work", lambda: service.metric("lumen_queue_running") == 1)
            began = time.monotonic()
            leave(connection, reset)
            wait_for("the engine to be free", lambda: service.metric("lumen_queue_running") == 0, 3.5)
            service.generate("cat", engine="test-1ms", seed=seed)
            assert time.monotonic() - began < 4
        # Out of the queue, too.
        waiting = []
        for seed in range(10, 30):
            waiting.append(service.connect())
            waiting[-1].sendall(shape_request("cat", seed, engine="test-5s"))
        wait_for("the queue", lambda: service.metric("lumen_queue_depth") == 19)
        for connection in waiting:
            leave(connection, True)
        wait_for("the queue to be empty", lambda: service.metric("lumen_queue_depth") == service.metric("lumen_queue_running") == 0, 5)
        assert service.metric("lumen_generations_total", engine="test-5s") == 0
        assert service.metric("lumen_generation_failures_total", reason="cancelled") >= 22


@test
def work_that_another_waits_for_goes_on():
    with Service(options.service, LUMEN_WORKERS=1) as service:
        body = json.dumps({"text": "cat", "seed": 5, "engine": "test-5s"}).encode()
        leaver, stayer = service.connect(), service.connect()
        leaver.sendall(http_request("POST", "/generate", body))
        wait_for("the work", lambda: service.metric("lumen_queue_running") == 1)
        stayer.sendall(http_request("POST", "/generate", body))
        job = service.post("/jobs", body).json()
        wait_for("three to share it", lambda: service.metric("lumen_flights_shared_total") == 2)
        leave(leaver, True)
        assert service.ask("DELETE", job["url"]).status_code == 200
        status, _, answer = read_response(stayer.makefile("rb"))
        assert status == 200 and shape_arrays(json.loads(answer)) == shape_arrays(command.shape("cat", seed=5))
        assert service.metric("lumen_generations_total", engine="test-5s") == 1
        stayer.close()


@test
def the_work_of_a_deleted_job_is_freed():
    with Service(options.service, LUMEN_WORKERS=1) as service:
        job = service.post("/jobs", {"text": "cat", "engine": "test-5s"}).json()
        wait_for("the work", lambda: service.metric("lumen_queue_running") == 1)
        assert service.ask("DELETE", job["url"]).status_code == 200
        wait_for("the engine to be free", lambda: service.metric("lumen_queue_running") == 0, 3.5)


@test
def listeners_of_a_job_may_leave_without_ending_it():
    with Service(options.service, LUMEN_WORKERS=1) as service:
        job = service.post("/jobs", {"text": "cat", "seed": 6, "engine": "test-5s"}).json()
        for _ in range(40):
            connection = service.connect()
            connection.sendall(http_request("GET", job["events_url"]))
            assert b"text/event-stream" in connection.recv(4096)
            leave(connection, True)
            # At most so many may listen at once; who left must not count for ever.
            time.sleep(0.05)
        done = wait_for("the job", lambda: (now := service.get(job["url"]).json())["status"] == "done" and now)
        assert shape_arrays(done["result"]) == shape_arrays(command.shape("cat", seed=6))


# ---- Idle connections ------------------------------------------------------------------------------------------------


@test
def idle_connections_are_held_and_the_service_still_answers():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the service inherits it
    wanted = options.connections
    if hard < wanted + 200:
        return f"skipped: this machine allows {hard} open files, too few for {wanted} connections"
    with Service(options.service) as service:
        service.generate("cat")
        before, _ = service.resident_bytes()
        connections = []
        try:
            for i in range(wanted):
                # Several source addresses, so that ports do not run short.
                connections.append(service.connect(source=(f"127.0.0.{2 + i % 8}", 0)))
            request = http_request("GET", "/health")
            for connection in connections:
                connection.sendall(request)
            for connection in connections:
                answer = connection.recv(4096)
                assert answer.startswith(b"HTTP/1.1 200"), answer[:100]
            held = service.metric("lumen_connections")
            assert held >= wanted, f"{held} of {wanted} connections are held"
            own, _ = service.resident_bytes()
            began = time.monotonic()
            for _ in range(20):
                service.generate("cat")
            pace = (time.monotonic() - began) / 20
            assert shape_arrays(service.generate("dog").json()) == shape_arrays(command.shape("dog"))
            # They are alive, not only open.
            for connection in random.sample(connections, 100):
                connection.sendall(request)
                assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        finally:
            for connection in connections:
                connection.close()
        wait_for("the connections to be let go", lambda: service.metric("lumen_connections") < 50)
        after, _ = service.resident_bytes()
        return (f"{wanted} idle connections: resident {own / 2**20:.0f} MiB ({before / 2**20:.0f} before, {after / 2**20:.0f} after), "
                f"{(own - before) / wanted / 1024:.1f} KiB each; a cached shape takes {pace * 1e3:.1f} ms meanwhile")


def main():
    global options, command
    parser = arguments(__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="at once")
    parser.add_argument("--connections", type=int, default=10000, help="idle")
    options = parser.parse_args()
    command = Command(options.lumen)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return tests.run(options.only)


if __name__ == "__main__":
    raise SystemExit(main())
