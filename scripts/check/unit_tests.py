"""Runs every test program of a build folder and reports each test function as a line of TAP.

    python3 scripts/check/unit_tests.py build "gcc release"
    python3 scripts/check/unit_tests.py build-threads threads cache http     only the programs of these rooms
    python3 scripts/check/unit_tests.py --list build-threads cache http       their paths within the build, without a run

Last come comments: how many seconds each program took, the slowest first. Two run at a time, and beside another lane of
./check, so these are the seconds of the processor, not of the clock.

cmocka's XML is read rather than its TAP: it is written whole or not at all, so what a test prints
cannot spoil a line, and a program that dies half-way is seen as the failure it is.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path


def programs(build):
    listing = subprocess.run(["meson", "introspect", "--tests", build], capture_output=True, text=True, check=True)
    # Like `meson test`, from the build folder: arguments that are built files are relative to it.
    return [dict(program, build=build) for program in json.loads(listing.stdout)]


def comment(text):
    """The last lines of a log, as TAP comments, so that none is taken for a result."""
    return "".join("#   " + line + "\n" for line in text.splitlines()[-60:])


def report(program):
    """Runs one program; returns its lines of TAP, its name, and its seconds of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = run(program)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return lines, program["name"], after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(program):
    """Runs one program; returns its lines of TAP."""
    name = program["name"]
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, **program["env"])
        environment.update(CMOCKA_MESSAGE_OUTPUT="XML", CMOCKA_XML_FILE=str(Path(folder) / "%g.xml"))
        try:
            ended = subprocess.run(program["cmd"], cwd=program["workdir"] or program["build"], env=environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   timeout=program["timeout"] or None, text=True, errors="replace")
            log, status = ended.stdout, ended.returncode
        except subprocess.TimeoutExpired as expired:
            log = (expired.stdout or b"").decode(errors="replace")
            return f"not ok {name}: still running after {program['timeout']} s\n" + comment(log)
        except OSError as fault:
            return f"not ok {name}: {fault}\n"

        if status == 77 and any("exit status" in suite for suite in program["suite"]):
            return f"ok {name} # SKIP {log.strip().splitlines()[-1].removeprefix('# SKIP ') if log.strip() else ''}\n"

        lines, count, failed = "", 0, 0
        for file in sorted(Path(folder).glob("*.xml")):
            for case in xml.parse(file).iter("testcase"):
                count += 1
                title = f"{name}: {case.get('name').replace('_', ' ')}"
                failure = case.find("failure")
                if failure is None:
                    failure = case.find("error")
                if failure is not None:
                    failed += 1
                    lines += f"not ok {title}\n" + comment(failure.text or "")
                elif case.find("skipped") is not None:
                    lines += f"ok {title} # SKIP\n"
                else:
                    lines += f"ok {title}\n"
        if status != 0 and failed == 0:
            lines += f"not ok {name}: ended with status {status}\n" + comment(log)
        elif count == 0 and any("exit status" in suite for suite in program["suite"]):
            return f"ok {name}\n"
        elif count == 0:
            lines += f"not ok {name}: ran no test\n" + comment(log)
        elif failed:
            lines += comment(log)
        return lines


def choose(build, rooms):
    return [program for program in programs(build)
            if not rooms or any(f"{program['name']}_".startswith(f"{room}_") for room in rooms)]


def main():
    if sys.argv[1] == "--list":
        print("\n".join(sorted({os.path.relpath(program["cmd"][0], sys.argv[2])
                                for program in choose(sys.argv[2], sys.argv[3:])})))
        return
    build, label, *rooms = sys.argv[1:]
    slowest = []
    # Processes rather than threads: each is asked what its own children took.
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for lines, name, seconds in pool.map(report, choose(build, rooms)):
            slowest.append((seconds, name))
            for line in lines.splitlines():
                for verdict in ("not ok ", "ok "):
                    if line.startswith(verdict):
                        line = f"{verdict}{label}: {line[len(verdict):]}"
                        break
                print(line, flush=True)
    for seconds, name in sorted(slowest, reverse=True):
        print(f"# {seconds:7.1f} s of the processor: {name}")


if __name__ == "__main__":
    main()
