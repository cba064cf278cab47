"""Loads a Guerdon for two minutes and draws panels of its dashboards from Prometheus' data. See scripts/draw-metrics.

    draw_metrics.py PUBLIC_PORT ADMIN_PASSWORD PROMETHEUS_URL PICTURE
"""

import http.client
import itertools
import json
import pathlib
import sys
import threading
import time
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

PASSWORD = "correct horse battery"
SECONDS = 120
# Dashboard and panel of each quarter of the picture.
PANELS = [
    ("service-health", "Requests by status"),
    ("service-health", "Time to answer"),
    ("claims-and-rewards", "Claims by outcome"),
    ("service-health", "Logins by outcome"),
]
AXES = {"reqps": "a second", "cpm": "a minute", "s": "seconds"}


class Client:
    """One connection to the public API."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def call(self, method, path, token=None, body=None):
        headers = {"content-type": "application/json"} if body is not None else {}
        if token:
            headers["authorization"] = f"Bearer {token}"
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None

    def log_in(self, email, password=PASSWORD):
        return self.call("POST", "/auth/login", body={"email": email, "password": password})


def make_events(client, password):
    """One event for everybody, and one for members of 30 days, of which there are none yet."""
    token = client.log_in("admin@guerdon.local", password)[1]["accessToken"]
    make = lambda condition: {
        "name": "Welcome",
        "condition": condition,
        "periodStart": "2020-01-01T00:00:00Z",
        "periodEnd": "2099-01-01T00:00:00Z",
    }
    conditions = [{}, {">=": [{"var": "user.ageDays"}, 30]}]
    return [client.call("POST", "/events", token, make(condition))[1]["id"] for condition in conditions]


def live(port, events, numbers, until, pause):
    """One user after another: registers, logs in (sometimes with a typing mistake), looks around, claims."""
    client = Client(port)
    for number in numbers:
        if time.monotonic() > until:
            return
        email = f"user-{number}@example.com"
        client.call("POST", "/users", body={"email": email, "password": PASSWORD})
        if number % 4 == 0:
            client.log_in(email, "another horse battery")
        status, session = client.log_in(email)
        if status != 200:
            continue
        token = session["accessToken"]
        for _ in range(5):
            client.call("GET", f"/events/{events[0]}/rewards", token)
        client.call("POST", f"/events/{events[0]}/request", token)
        if number % 3 == 0:
            client.call("POST", f"/events/{events[0]}/request", token)
        if number % 2 == 0:
            client.call("POST", f"/events/{events[1]}/request", token)
        time.sleep(pause)


def storm(port, until):
    """Many who log in again and again at once: more passwords than the cores can hash in time."""
    client = Client(port)
    while time.monotonic() < until:
        client.log_in("user-0@example.com")


def run_load(port, password):
    events = make_events(Client(port), password)
    numbers = itertools.count()
    start = time.monotonic()
    threads = [threading.Thread(target=live, args=(port, events, numbers, start + SECONDS, 0.3)) for _ in range(2)]
    for thread in threads:
        thread.start()
    # A rush from 40 to 70 seconds, and a storm of logins from 80 to 100.
    time.sleep(40)
    threads += [threading.Thread(target=live, args=(port, events, numbers, start + 70, 0.0)) for _ in range(4)]
    for thread in threads[2:]:
        thread.start()
    time.sleep(40)
    storms = [threading.Thread(target=storm, args=(port, start + 100)) for _ in range(200)]
    for thread in storms:
        thread.start()
    for thread in threads + storms:
        thread.join()


def fetch(prometheus, query, start, end):
    parameters = urllib.parse.urlencode({"query": query, "start": start, "end": end, "step": 1})
    with urllib.request.urlopen(f"{prometheus}/api/v1/query_range?{parameters}") as answer:
        return json.load(answer)["data"]["result"]


def find_panel(dashboard, title):
    text = pathlib.Path(f"deploy/grafana/dashboards/{dashboard}.json").read_text()
    return next(panel for panel in json.loads(text)["panels"] if panel["title"] == title)


def series_of(prometheus, panel, start, end):
    """Name, seconds and values of each series of a panel; what is 0 all the time is left out."""
    for target in panel["targets"]:
        for series in fetch(prometheus, target["expr"].replace("$__rate_interval", "5s"), start, end):
            name = target["legendFormat"]
            for label, value in series["metric"].items():
                name = name.replace("{{" + label + "}}", value)
            points = {round(float(at) - start): float(value) for at, value in series["values"]}
            seconds = list(range(round(end - start) + 1))
            values = [points.get(second, float("nan")) for second in seconds]
            if any(value > 0 for value in values):
                yield name, seconds, values


def draw(axes, panel, series):
    unit = panel["fieldConfig"]["defaults"]["unit"]
    stacked = panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    axes.set_title(f"{panel['title']} ({AXES[unit]})", fontsize=10, loc="left")
    if stacked:
        heights = [[0 if value != value else value for value in values] for _, _, values in series]
        axes.stackplot(series[0][1], heights, labels=[name for name, _, _ in series], alpha=0.8)
    else:
        for name, seconds, values in series:
            axes.plot(seconds, values, label=name, linewidth=1.2)
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, series[0][1][-1])
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="upper left", frameon=False)


def main():
    port, password, prometheus, picture = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    start = time.time()
    run_load(port, password)
    end = time.time()
    plt.rcParams["svg.hashsalt"] = "guerdon"
    figure, quarters = plt.subplots(2, 2, figsize=(10, 5.6), layout="constrained")
    for axes, (dashboard, title) in zip(quarters.flat, PANELS):
        panel = find_panel(dashboard, title)
        draw(axes, panel, list(series_of(prometheus, panel, start, end)))
    for axes in quarters[1]:
        axes.set_xlabel("seconds", fontsize=8)
    figure.savefig(picture, metadata={"Date": None, "Creator": "scripts/draw-metrics"})


main()
