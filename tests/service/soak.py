"""Millions of requests, and the memory they leave behind: the service must be as large at the end as it was early on.

    python3 tests/service/soak.py --service build/tests/service/lumen-test-service --requests 3000000

wrk sends most of them: cached shapes as JSON and as binary messages, refused requests of every kind, probes, metrics. Beside
it others ask for shapes that nobody knows (bounded tiers evict all the while), start jobs and listen to them or delete them,
fetch files, and leave in the middle. Prints a table of resident memory, and ends with status 1 when it grew.
"""

import argparse
import json
import random
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import requests

from service import Service, http_request


class Stir(threading.Thread):
    """Does one thing again and again until told to stop; a connection that breaks is part of the game, a wrong answer is not."""

    def __init__(self, service, what):
        super().__init__(daemon=True)
        self.service, self.what = service, what
        self.session = requests.Session()
        self.session.trust_env = False
        self.chance = random.Random(what.__name__)
        self.stop = threading.Event()
        self.done, self.fault = 0, None

    def run(self):
        try:
            while not self.stop.is_set():
                self.what(self)
                self.done += 1
        except Exception as fault:
            self.fault = f"{self.what.__name__}: {type(fault).__name__}: {fault}"

    def post(self, path, **body):
        return self.session.post(self.service.url + path, json=body, timeout=60)


def new_shapes(stir):
    answer = stir.post("/generate", text=stir.chance.choice(("cat", "horse", "chair", "oak", "rocket")), seed=stir.chance.getrandbits(40))
    assert answer.status_code == 200, answer.text[:200]


def jobs(stir):
    job = stir.post("/jobs", text="cat", seed=stir.chance.getrandbits(40), engine=stir.chance.choice(("auto", "test-1ms", "test-100ms"))).json()
    url = stir.service.url + job["url"]
    what = stir.chance.randrange(4)
    if what == 0:
        stir.session.delete(url, timeout=60)
    elif what == 1:
        stir.session.get(url + "/events", timeout=60)
    elif what == 2:
        stir.session.get(url, timeout=60)
    # And some are forgotten by their owners.


def files(stir):
    key = stir.post("/generate", text="cat", seed=stir.chance.randrange(1, 61)).json()["key"]
    ending = stir.chance.choice(("ply", "glb", "stl", "json", "png?size=64"))
    assert stir.session.get(f"{stir.service.url}/shapes/{key}.{ending}", timeout=60).status_code == 200


def leaving(stir):
    engine = stir.chance.choice(("auto", "test-100ms"))
    request = http_request("POST", "/generate", json.dumps({"text": "cat", "seed": stir.chance.getrandbits(40), "engine": engine}).encode())
    with stir.service.connect() as connection:
        connection.sendall(request[:stir.chance.choice((5, 60, len(request), len(request)))])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", stir.chance.randrange(2), 0))
    time.sleep(0.005)


def failing(stir):
    assert stir.post("/generate", text="cat", seed=stir.chance.getrandbits(40), engine="test-fail").status_code == 500
    time.sleep(0.05)


def fill(service, count=2500):
    """Jobs are remembered for ten minutes, their results as long as 64 MiB hold them: filled now, that room does not look
    like a leak later."""
    for seed in range(count):
        service.post("/jobs", {"text": "cat", "seed": 10_000_000 + seed})
        # Not faster than they can be made and written: what waits for the disk may hold 256 MiB.
        if seed % 20 == 0:
            while service.metric("lumen_queue_depth") + service.metric("lumen_cache_pending_writes") > 20:
                time.sleep(0.05)


def samples(service):
    """(requests so far, MiB of the service, MiB with its engines, open files, threads, shapes in memory, on disk)."""
    figures = {(sample.name, sample.labels.get("tier")): sample.value for sample in service.samples()
               if sample.name in ("lumen_cache_items", "lumen_jobs")}
    own, together = service.resident_bytes()
    process = Path(f"/proc/{service.process.pid}")
    return (int(service.metric("lumen_requests_total")), own / 2**20, together / 2**20, len(list((process / "fd").iterdir())),
            len(list((process / "task").iterdir())), int(figures[("lumen_cache_items", "memory")]),
            int(figures[("lumen_cache_items", "disk")]), int(figures[("lumen_jobs", None)]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--service", required=True, type=lambda path: str(Path(path).resolve(strict=True)))
    parser.add_argument("--requests", type=int, default=3_000_000)
    parser.add_argument("--rows", type=int, default=20, help="of the table")
    options = parser.parse_args()
    # Tiers so small that they are full early on, and evict from then on.
    with Service(options.service, expect_json_log=False, LUMEN_MEMORY_CACHE_ITEMS=500, LUMEN_MEMORY_CACHE_BYTES="48M",
                 LUMEN_CACHE_MAX_BYTES="64M") as service:
        fill(service)
        stirs = [Stir(service, what) for what in (new_shapes, jobs, files, leaving, failing)]
        for stir in stirs:
            stir.start()
        began = time.monotonic()
        rows, wrk = [], None
        print("| requests | seconds | service MiB | with engines MiB | open files | threads | shapes in memory | on disk | jobs |")
        print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
        try:
            while not rows or rows[-1][0] < options.requests:
                if wrk is None or wrk.poll() is not None:
                    assert wrk is None or wrk.returncode == 0, "wrk ended badly"
                    wrk = subprocess.Popen(["wrk", "-s", Path(__file__).with_name("soak.lua"), "-c", "48", "-t", "1", "-d", "60s", service.url,
                                            "--", str(int(began))], stdout=subprocess.DEVNULL)
                time.sleep(1)
                assert not any(stir.fault for stir in stirs), [stir.fault for stir in stirs if stir.fault]
                # The log would fill the disk; it is appended to, so it may be cut.
                service.log_path.open("r+b").truncate(0)
                now = service.metric("lumen_requests_total")
                if now >= options.requests * (len(rows) + 1) / options.rows:
                    rows.append(samples(service))
                    print("| " + f"{rows[-1][0]:,} | {time.monotonic() - began:.0f} | {rows[-1][1]:.1f} | {rows[-1][2]:.1f} | "
                          + " | ".join(str(value) for value in rows[-1][3:]) + " |", flush=True)
        finally:
            if wrk is not None:
                wrk.terminate()
                wrk.wait()
            for stir in stirs:
                stir.stop.set()
            for stir in stirs:
                stir.join(60)
    print("\n" + ", ".join(f"{stir.what.__name__.replace('_', ' ')} {stir.done:,}" for stir in stirs) + "; wrk the rest.")
    # The middle of the run against its end: memory that leaks grows in both.
    early = statistics.median(row[1] for row in rows[len(rows) // 3:len(rows) // 2 + 1])
    late = statistics.median(row[1] for row in rows[-max(1, len(rows) // 6):])
    print(f"Resident memory of the service: {early:.1f} MiB in the middle, {late:.1f} MiB at the end.")
    if late > early * 1.05 + 2:
        print("It grew.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
