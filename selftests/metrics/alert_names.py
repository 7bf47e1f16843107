#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Print each alert that no unit test has seen fire, or none has seen silent.

usage: alert_names.py RULES TESTS
"""
import sys

import yaml


def alerts(path):
    with open(path, encoding="utf-8") as rules:
        return {r["alert"] for g in yaml.safe_load(rules)["groups"] for r in g["rules"]}


def main():
    with open(sys.argv[2], encoding="utf-8") as tests:
        cases = [c for t in yaml.safe_load(tests)["tests"] for c in t["alert_rule_test"]]
    for name in sorted(alerts(sys.argv[1])):
        seen = {bool(c["exp_alerts"]) for c in cases if c["alertname"] == name}
        for wanted, text in ((True, "is never seen firing"), (False, "is never seen silent")):
            if wanted not in seen:
                print(f"{name} {text}")


if __name__ == "__main__":
    main()
