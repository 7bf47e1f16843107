#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What Prometheus makes of dynmem's metrics, rules and dashboard.  Prints TAP.

usage: dashboard.py URL DASHBOARD
"""
import json
import re
import sys
import time
import urllib.parse
import urllib.request

# Without the module, or an event, there is nothing to plot.
MAY_BE_EMPTY = re.compile(r"dynmem_stall|dynmem_ksm_profit|dynmem_reaction|dynmem:move_guest|"
                          r"decisions_observed")


class Tap:
    count = failed = 0

    def ok(self, name, good, detail=""):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}", flush=True)
        if not good:
            print(f"# {detail}", flush=True)


def get(url, path, **arguments):
    query = urllib.parse.urlencode(arguments)
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=10) as answer:
        return json.load(answer)["data"]


def wait(seconds, condition):
    """Its first true value, or its last."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.5)


def scraped(url):
    """All targets were scraped without an error."""
    targets = get(url, "targets")["activeTargets"]
    return targets if targets and all(t["health"] == "up" for t in targets) else None


def expand(expr):
    """As Grafana does with a variable whose value is All."""
    for name, value in (("$__rate_interval", "20s"), ("$job", "dynmem"), ("$instance", ".*"), ("$guest", ".*")):
        expr = expr.replace(name, value)
    return expr


def overlaps(a, b):
    a, b = a["gridPos"], b["gridPos"]
    return (a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and
            a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"])


def check_layout(tap, dashboard):
    panels = dashboard["panels"]
    tap.ok("the dashboard has what Grafana needs", all(
        dashboard.get(key) for key in ("uid", "title", "schemaVersion", "templating", "time", "panels")))
    tap.ok("its panels have numbers of their own", len({p["id"] for p in panels}) == len(panels))
    tap.ok("and places of their own", not any(
        overlaps(a, b) for i, a in enumerate(panels) for b in panels[:i]))
    tap.ok("and fit into the grid", all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in panels))
    known = {v["name"] for v in dashboard["templating"]["list"]} | {"__rate_interval"}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(panels)))
    tap.ok("each variable is declared", used <= known, used - known)


def check_queries(tap, url, dashboard):
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expr = expand(target["expr"])
            may_be_empty = MAY_BE_EMPTY.search(expr)
            try:
                # A subquery has its first sample at the next half minute.
                rows = wait(0 if may_be_empty else 45,
                            lambda expr=expr: get(url, "query", query=expr)["result"])
            except urllib.error.HTTPError as error:
                tap.ok(f"{panel['title']}: {expr}", False, error.read())
                continue
            tap.ok(f"{panel['title']}: {expr}", rows or may_be_empty, "no result")
    for variable in dashboard["templating"]["list"]:
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable.get("definition", ""))
        if match:
            rows = get(url, "query", query=expand(match[1]))["result"]
            tap.ok(f"the variable {variable['name']} has values", any(match[2] in r["metric"] for r in rows), rows)


def check_rules(tap, url):
    rules = wait(30, lambda: [r for g in get(url, "rules")["groups"] for r in g["rules"]
                              if r["health"] != "unknown"])
    bad = [f"{r['name']}: {r.get('lastError')}" for r in rules if r["health"] != "ok"]
    tap.ok("all rules are evaluated", rules and not bad, bad)


def main():
    url, dashboard = sys.argv[1], json.load(open(sys.argv[2]))
    tap = Tap()
    tap.ok("Prometheus scrapes without an error", wait(20, lambda: scraped(url)),
           get(url, "targets")["activeTargets"])
    up = get(url, "query", query="dynmem_up")["result"]
    tap.ok("and has what was scraped", [r["value"][1] for r in up] == ["1"], up)
    kinds = get(url, "metadata")
    tap.ok("with the types of OpenMetrics", kinds.get("dynmem_decisions", [{}])[0].get("type") == "counter",
           kinds.get("dynmem_decisions"))
    check_rules(tap, url)
    check_layout(tap, dashboard)
    check_queries(tap, url, dashboard)
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
