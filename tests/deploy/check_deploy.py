"""What deploy/ says of the service is true, and the programs it is meant for can read it.

    python3 tests/deploy/check_deploy.py --metrics FILE-OR-URL

`--metrics` is the text of GET /metrics/prometheus, from a file or from a running service (LUMEN_API_KEY holds its key,
if it has one): every lumen_* name of the dashboard and the alerts must be among its families, with the labels they ask
for where there are any. Without it that is skipped. promtool, nginx, caddy and systemd-analyze are asked where they are
installed. Prints TAP.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TESTS = []
METRICS = None


class Skip(Exception):
    pass


def test(function):
    TESTS.append(function)
    return function


def run(program, *arguments, folder=DEPLOY, environment=None):
    """Runs an outside program; skips the test where it is not installed."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise Skip(f"there is no {program} here")
    done = subprocess.run([path, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(environment or {})})
    assert done.returncode == 0, f"{program} ended with status {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


# ---- The dashboard and the alerts as data ------------------------------------------------------


def dashboard():
    return json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))


def panels():
    """All panels, those inside of rows too."""
    waiting = list(dashboard()["panels"])
    while waiting:
        panel = waiting.pop(0)
        yield panel
        waiting += panel.get("panels", [])


def dashboard_queries():
    """(where, PromQL) of every query, with Grafana's variables filled in."""
    found = [(panel["title"], target["expr"]) for panel in panels() for target in panel.get("targets", [])]
    found += [(note["name"], note["expr"]) for note in dashboard()["annotations"]["list"] if "expr" in note]
    return [(where, query.replace("$__rate_interval", "5m").replace("$instance", ".*")) for where, query in found]


def alert_queries():
    """(alert, PromQL). Read as text: this file needs nothing but Python."""
    text = (DEPLOY / "alerts.yml").read_text(encoding="utf-8")
    pieces = re.split(r"^ *- alert: *", text, flags=re.M)[1:]
    return [(piece.split()[0], re.search(r"expr: *\|?(.*?)\n +(?:for|labels):", piece, re.S).group(1).strip())
            for piece in pieces]


def selectors(query):
    """(metric name, {labels}) of every lumen_* series that a query reads."""
    bare = re.sub(r'"[^"]*"', '""', query)
    return [(name, set(re.findall(r"([a-z_]+) *(?:=~|!~|!=|=)", inside)))
            for name, inside in re.findall(r"\b(lumen_[a-z0-9_]+)(?:\{([^}]*)\})?", bare)]


def exposed():
    """{series name: set of its labels} of what the service tells; None for a family without a sample yet."""
    if METRICS is None:
        raise Skip("no --metrics given")
    series, samples_of = {}, {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}
    for line in METRICS.splitlines():
        words = line.split()
        if line.startswith("# TYPE "):
            for ending in samples_of.get(words[3], ("",)):
                series.setdefault(words[2] + ending, None)
        elif line and not line.startswith("#"):
            match = re.match(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ", line)
            assert match, f"no line of the exposition format: {line!r}"
            labels = set(re.findall(r'([a-zA-Z_]\w*)="', re.sub(r'\\.', "", match.group(2) or "")))
            series[match.group(1)] = labels | (series.get(match.group(1)) or set())
    assert any(name.startswith("lumen_") for name in series), "there is no lumen_* among the metrics"
    return series


def assert_exists(queries):
    known = exposed()
    from_prometheus = {"instance", "job"}
    for where, query in queries:
        for name, labels in selectors(query):
            assert name in known, f"{where}: the service tells nothing named {name}"
            if known[name] is not None:
                missing = labels - known[name] - from_prometheus
                assert not missing, f"{where}: {name} has no label {', '.join(missing)}; it has {known[name]}"


@test
def every_metric_of_the_dashboard_is_told_by_the_service(_):
    assert_exists(dashboard_queries())


@test
def every_metric_of_the_alerts_is_told_by_the_service(_):
    assert_exists(alert_queries())


@test
def the_dashboard_shows_everything_that_the_service_tells(_):
    shown = {name for _, query in dashboard_queries() for name, _ in selectors(query)}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    told = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed() if name.startswith("lumen_")}
    assert told <= shown, f"nobody sees {', '.join(sorted(told - shown))}"


@test
def the_names_of_documents_exist(_):
    known = exposed()
    for document in [ROOT / "docs" / "operating.md", *DEPLOY.iterdir()]:
        text = document.read_text(encoding="utf-8")
        for name in re.findall(r"\blumen_(?:[a-z0-9]+_)*[a-z0-9]+\b", text):
            assert name in known or any(series.startswith(name + "_") for series in known), f"{document.name}: {name}"


# ---- The dashboard -----------------------------------------------------------------------------


@test
def panels_have_numbers_of_their_own_and_do_not_overlap(_):
    numbers = [panel["id"] for panel in panels()]
    assert len(numbers) == len(set(numbers)) and len(numbers) > 20, numbers
    cells = {}
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, f"{panel['title']} is wider than the page"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in cells, f"{panel['title']} lies on {cells[x, y]}"
                cells[x, y] = panel["title"]


@test
def the_data_source_is_chosen_by_a_variable(_):
    variables = {variable["name"]: variable["type"] for variable in dashboard()["templating"]["list"]}
    assert variables["datasource"] == "datasource", variables
    for panel in panels():
        for part in [panel, *panel.get("targets", [])]:
            if panel["type"] != "row":
                assert part["datasource"]["uid"] == "${datasource}", panel["title"]
        references = [target["refId"] for target in panel.get("targets", [])]
        assert len(references) == len(set(references)), panel["title"]
    for variable in re.findall(r"\$\{?(\w+)", json.dumps([target for panel in panels() for target in panel.get("targets", [])])):
        assert variable in variables or variable.startswith("__"), f"nobody sets ${variable}"


@test
def every_query_of_the_dashboard_is_promql(folder):
    rules = "".join(f"      - record: query_{i}\n        expr: {json.dumps(query)}\n"
                    for i, (_, query) in enumerate(dashboard_queries()))
    (folder / "queries.yml").write_text(f"groups:\n  - name: queries\n    rules:\n{rules}", encoding="utf-8")
    run("promtool", "check", "rules", folder / "queries.yml")


# ---- Prometheus --------------------------------------------------------------------------------


@test
def the_alerts_are_rules(_):
    run("promtool", "check", "rules", "alerts.yml")


@test
def the_alerts_fire_when_they_should_and_not_otherwise(_):
    run("promtool", "test", "rules", "alerts_test.yml")


@test
def every_alert_is_tested(_):
    tested = re.findall(r"alertname: (\w+)\n +exp_alerts:\n", (DEPLOY / "alerts_test.yml").read_text(encoding="utf-8"))
    assert {name for name, _ in alert_queries()} == set(tested)


@test
def the_configuration_of_prometheus_is_one(_):
    run("promtool", "check", "config", "--syntax-only", "prometheus.yml")


@test
def the_metrics_are_what_prometheus_reads(_):
    if METRICS is None:
        raise Skip("no --metrics given")
    path = shutil.which("promtool")
    if path is None:
        raise Skip("there is no promtool here")
    done = subprocess.run([path, "check", "metrics"], input=METRICS, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- In front of the service, and under it -----------------------------------------------------


@test
def nginx_takes_its_configuration(folder):
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=lumen.example.org",
        "-keyout", folder / "key.pem", "-out", folder / "certificate.pem")
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8").replace("/etc/ssl/lumen", str(folder))
    # The test opens what it listens on: ports that an ordinary user may open.
    for port in ("80", "443"):
        text = re.sub(rf"(listen (?:\[::\]:)?){port}\b", rf"\g<1>{int(port) + 28000}", text)
    (folder / "lumen.conf").write_text(text, encoding="utf-8")
    (folder / "main.conf").write_text(f"pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off; "
                                      f"include {folder}/lumen.conf; }}", encoding="utf-8")
    said = run("nginx", "-t", "-p", folder, "-c", folder / "main.conf")
    assert "emerg" not in said, said


@test
def caddy_takes_its_configuration(folder):
    run("caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile",
        environment={"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)})


@test
def systemd_takes_the_unit(folder):
    # The unit names where the command will be; the one place where this machine may differ.
    text = (DEPLOY / "lumen.service").read_text(encoding="utf-8").replace("/usr/local/bin/lumen", "/bin/true")
    text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M)
    (folder / "lumen.service").write_text(text, encoding="utf-8")
    said = run("systemd-analyze", "verify", folder / "lumen.service")
    assert "lumen.service" not in said, said
    said = run("systemd-analyze", "security", "--offline=true", "--threshold=20", folder / "lumen.service")
    assert "lumen.service" in said, said


@test
def the_proxies_wait_longer_than_the_service(_):
    nginx = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    caddy = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    deadline, networks = 300, 1800
    assert int(re.search(r"proxy_read_timeout (\d+)s", nginx).group(1)) > deadline
    words = nginx[nginx.index("location ~ ^/(generate"):]
    assert int(re.search(r"proxy_read_timeout (\d+)s", words).group(1)) > networks
    assert int(re.search(r"response_header_timeout (\d+)s", caddy).group(1)) > networks
    picture = 8 << 20
    assert int(re.search(r"client_max_body_size (\d+)m", words).group(1)) << 20 > picture * 4 / 3
    assert int(re.search(r"max_size (\d+)MB", caddy).group(1)) * 10 ** 6 > picture * 4 / 3
    drain = 30
    unit = (DEPLOY / "lumen.service").read_text(encoding="utf-8")
    assert int(re.search(r"TimeoutStopSec=(\d+)", unit).group(1)) > drain


# ---- The page ----------------------------------------------------------------------------------


@test
def the_page_asks_nobody_else_and_obeys_its_policy(_):
    # How small it is, its module included, tests/page/check_engine.py says.
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "web").iterdir()
             if path.suffix in (".html", ".css", ".js")}
    for name, text in files.items():
        foreign = [url for url in re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text) if "www.w3.org" not in url]
        assert not foreign, f"{name} names another place: {foreign}"
        # The policy allows scripts and styles of the service alone: what is inline would silently do nothing.
        if name.endswith(".html"):
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), f"there is inline style or script in {name}"
            assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), f"there is inline script in {name}"
        if name.endswith(".js"):
            assert not re.search(r"innerHTML|\beval\(|new Function", text), f"{name} makes markup or script of a text"


def read_metrics(source):
    if not source.startswith(("http://", "https://")):
        return Path(source).read_text(encoding="utf-8")
    request = urllib.request.Request(source)
    if os.environ.get("LUMEN_API_KEY"):
        request.add_header("X-API-Key", os.environ["LUMEN_API_KEY"])
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def main():
    global METRICS
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--metrics", help="the text of GET /metrics/prometheus: a file or an address")
    options = parser.parse_args()
    METRICS = read_metrics(options.metrics) if options.metrics else None
    failed = 0
    for function in TESTS:
        name = "deploy: " + function.__name__.replace("_", " ")
        with tempfile.TemporaryDirectory() as folder:
            try:
                function(Path(folder))
                print(f"ok {name}", flush=True)
            except Skip as reason:
                print(f"ok {name} # SKIP {reason}", flush=True)
            except Exception as fault:
                failed += 1
                print(f"not ok {name}", flush=True)
                reason = str(fault) if isinstance(fault, AssertionError) and str(fault) else traceback.format_exc()
                print("".join(f"#   {line}\n" for line in reason.splitlines()), end="", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
