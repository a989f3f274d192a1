#!/usr/bin/env python3
"""The service beside nginx: a cached shape against a static file of the same size, on the same machine, taking turns.

    python3 bench/service.py --lumen build/src/cli/lumen          a release build

Needs nginx and wrk (Debian), requests and prometheus-client (PyPI). nginx runs with the configuration that Debian ships,
but for paths and port. Prints Markdown: medians over the rounds; then what 1,000 equal requests at once cost, and the time
from exec to a port that takes connections.
"""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/service"))
from check_load import ask_all, shape_request  # noqa: E402
from service import Service  # noqa: E402

TEXT = "a horse galloping"


def processor():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def nginx_configuration(folder, port):
    """Debian's, with paths in `folder` and one port instead of 80."""
    main = pathlib.Path("/etc/nginx/nginx.conf").read_text(encoding="utf-8")
    main = re.sub(r"(?m)^pid .*;", f"pid {folder}/nginx.pid;", main)
    main = re.sub(r"/var/log/nginx", str(folder), main)
    main = re.sub(r"(?m)^(\s*)include /etc/nginx/conf\.d/.*;", "", main)
    main = re.sub(r"/etc/nginx/sites-enabled/\*", f"{folder}/site", main)
    site = pathlib.Path("/etc/nginx/sites-available/default").read_text(encoding="utf-8")
    site = re.sub(r"(?m)^\s*listen \[::\].*;", "", site)
    site = re.sub(r"listen 80 default_server;", f"listen 127.0.0.1:{port} default_server;", site)
    site = re.sub(r"/var/www/html", f"{folder}/root", site)
    (folder / "nginx.conf").write_text(main, encoding="utf-8")
    (folder / "site").write_text(site, encoding="utf-8")


@contextlib.contextmanager
def nginx(files):
    """Serves `files`, a dictionary of names and contents; yields its address."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)  # its workers are another user
        (folder / "root").mkdir(mode=0o755)
        for path, content in files.items():
            (folder / "root" / path).write_bytes(content)
            (folder / "root" / path).chmod(0o644)
        port = free_port()
        nginx_configuration(folder, port)
        process = subprocess.Popen(["nginx", "-c", folder / "nginx.conf", "-g", "daemon off;"], stderr=subprocess.PIPE, text=True)
        try:
            wait_for_port(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def wait_for_port(port, process, seconds=20.0):
    """Polls until the port takes a connection; returns the time."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return time.perf_counter()
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended: {process.stderr.read() if process.stderr else ''}")
        time.sleep(0.0002)
    sys.exit(f"{process.args[0]} does not listen")


def wrk(url, seconds, body="", accept="*/*"):
    run = subprocess.run(["wrk", "-s", ROOT / "bench/service.lua", "-c", "64", "-t", "2", "-d", f"{seconds}s", url], check=True,
                         capture_output=True, text=True, env={**os.environ, "BODY": body, "ACCEPT": accept})
    figures = json.loads(run.stdout.splitlines()[-1])
    if figures["bad_status"] or figures["failed"]:
        sys.exit(f"{url}: {figures}")
    return figures


def compare(options):
    request = json.dumps({"text": TEXT})
    print("| a cached shape, 64 connections | bytes | Lumen a second | nginx a second | Lumen / nginx | least and most of the rounds "
          "| Lumen p99 ms | nginx p99 ms |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    # A client a minute may ask 60 times; this one asks more often.
    with Service(options.lumen, expect_json_log=False) as service:
        service.generate(TEXT)
        kinds = {"JSON": "application/json", "binary": "application/octet-stream"}
        bodies = {kind: service.generate(TEXT, headers={"Accept": accept}).content for kind, accept in kinds.items()}
        with nginx({kind.lower(): body for kind, body in bodies.items()}) as static:
            for kind, accept in kinds.items():
                def ask_lumen():
                    return wrk(service.url + "/generate", options.seconds, request, accept)

                def ask_nginx():
                    return wrk(f"{static}/{kind.lower()}", options.seconds)

                ask_lumen(), ask_nginx()  # not counted: both are warm now
                ours, theirs = [], []
                for number in range(options.rounds):
                    for turn in ((ask_lumen, ours), (ask_nginx, theirs))[:: 1 if number % 2 == 0 else -1]:
                        turn[1].append(turn[0]())
                pace = lambda figures: [one["requests"] / one["seconds"] for one in figures]
                ratios = [a / b for a, b in zip(pace(ours), pace(theirs))]
                p99 = lambda figures: statistics.median(one["p99_ms"] for one in figures)
                print(f"| {kind} | {len(bodies[kind]):,} | {statistics.median(pace(ours)):,.0f} | {statistics.median(pace(theirs)):,.0f} "
                      f"| {statistics.median(ratios):.3f} | {min(ratios):.3f} to {max(ratios):.3f} | {p99(ours):.2f} | {p99(theirs):.2f} |", flush=True)
        own, together = service.resident_bytes()
        print(f"\nResident memory of the service afterwards: {own / 2**20:.0f} MiB; with its engine processes {together / 2**20:.0f} MiB.")


def single_flight(options):
    with Service(options.lumen, expect_json_log=False) as service:
        began = time.perf_counter()
        answers = ask_all(service.port, [shape_request("elephant")] * 1000)
        seconds = time.perf_counter() - began
        good = sum(status == 200 for status, _, _ in answers)
        made = service.metric("lumen_generations_total")
        print(f"1,000 equal requests at once: {good} answered with 200 in {seconds:.2f} s, {made:.0f} generation"
              f"{'' if made == 1 else 's'}, {service.metric('lumen_flights_shared_total'):.0f} rode along, the rest came from memory.")


def start(options):
    bound, ready = [], []
    variables = {name: value for name, value in os.environ.items() if not name.startswith("LUMEN_")}
    for number in range(options.starts):
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            began = time.perf_counter()
            process = subprocess.Popen([options.lumen, "serve", "--port", str(port), "--cache-dir", folder], env=variables,
                                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            bound.append((wait_for_port(port, process) - began) * 1e3)
            while True:
                with socket.create_connection(("127.0.0.1", port), 20) as connection:
                    connection.sendall(b"GET /health/ready HTTP/1.1\r\nHost: lumen\r\nConnection: close\r\n\r\n")
                    if b" 200 " in connection.recv(4096).split(b"\r\n")[0]:
                        break
            ready.append((time.perf_counter() - began) * 1e3)
            process.terminate()
            process.wait()
    print(f"\n| {options.starts} starts, ms from exec | median | worst |\n|---|--:|--:|")
    print(f"| the port takes connections | {statistics.median(bound):.1f} | {max(bound):.1f} |")
    print(f"| an engine can serve | {statistics.median(ready):.1f} | {max(ready):.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lumen", required=True, type=lambda path: str(pathlib.Path(path).resolve(strict=True)))
    parser.add_argument("--rounds", type=int, default=9, help="of each, in turns")
    parser.add_argument("--seconds", type=int, default=5, help="of one turn")
    parser.add_argument("--starts", type=int, default=20)
    options = parser.parse_args()
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr.strip().split("/")[-1]
    print(f"{processor()}, {os.cpu_count()} cores, {datetime.date.today()}, nginx {version}, {options.rounds} rounds of "
          f"{options.seconds} s in turns, wrk with 2 threads on the same machine\n", flush=True)
    compare(options)
    print()
    single_flight(options)
    start(options)


if __name__ == "__main__":
    main()
