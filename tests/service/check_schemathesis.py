"""schemathesis against the service: requests made from openapi.json, right and wrong ones, each answer judged.

    python3 tests/service/check_schemathesis.py --service build/tests/service/lumen-test-service --lumen build/src/cli/lumen

Prints TAP; schemathesis.toml beside this file says what else than success is right.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from service import Service, Tests, arguments

tests = Tests("schemathesis")
# DELETE is of jobs alone, and it cancels them, it does not remove them: a cancelled job can be looked up for ten more
# minutes, which those who wait for it need.
UNFIT = "use_after_free"
KEY = "correct-horse-battery-staple"
options = None


@tests.test
def every_check_passes_on_every_operation():
    with Service(options.service, key=KEY, LUMEN_DEBUG_ROUTES="true") as service:
        # In the service's folder: what schemathesis remembers belongs to nobody.
        hooks = {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(Path(__file__).resolve().parent)}
        run = subprocess.run([sys.executable, "-m", "schemathesis.cli", "--config-file", Path(__file__).with_name("schemathesis.toml"),
                              "run", f"{service.url}/openapi.json", "--header", f"X-API-Key: {KEY}", "--checks", "all", "--exclude-checks", UNFIT,
                              "--max-examples", str(options.examples), "--seed", str(options.seed), "--continue-on-failure",
                              "--no-color", "--request-timeout", "30"], cwd=service.folder,
                             env={**os.environ, **hooks}, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=options.seconds)
        assert run.returncode == 0, run.stdout[-20000:]
        cases = re.search(r"(\d+) generated", run.stdout)
        assert cases and int(cases[1]) > 500, f"hardly anything was tried:\n{run.stdout}"
        # Trying random bytes must not have cost an engine process its life.
        assert all(worker["crashes"] == 0 for worker in service.workers()), service.workers()
        return f"{cases[1]} requests"


def main():
    global options
    parser = arguments(__doc__)
    parser.add_argument("--examples", type=int, default=15, help="for each operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600)
    options = parser.parse_args()
    return tests.run(options.only)


if __name__ == "__main__":
    raise SystemExit(main())
