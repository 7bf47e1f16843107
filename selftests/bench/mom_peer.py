#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
oVirt MoM's balloon rules over monitor sockets, as a peer in benchmarks.

MoM interprets a policy of s-expressions for each guest at each interval. The
rules are written anew from the constants and conditions of the policy that vdsm
ships, and interpreted here likewise:

  host pressure below 20 % free, critical at 5 %, by means over 10 samples
  guests may keep 20 % of their size free, more or less as the host has more or
  less than a fifth free; critical: less than nothing
  pressed: shrink to what is used and that, by 5 % at the most; not pressed: grow
  by 5 % or to what is used and that, the larger; changes below 0.25 % are none;
  a guest below its min gets that; used is what the balloon leaves less what is free

A connection each stays open, where MoM goes through libvirt or VDSM.
selftests/bench/peers/mom.cases has what the real one computes.

usage: mom_peer.py FOLDER PROC MIN
FOLDER has the sockets, PROC/meminfo is the host's, MIN a share of max. Each line
on stdin is an interval: it prints "CPU_NS COMMANDS", CPU time of the interval.
"release" lets the sockets go.
"""
import glob
import json
import re
import socket
import sys
import time
from collections import deque

RULES = """
(def shrink (guest least) {
  (defvar wanted (max least (* current (- 1 max-change))))
  (if (<= wanted current) (if (big-change current wanted) (control wanted) 0) 0)
})
(def grow (guest least) {
  (defvar wanted (min balloon-max (max least (* current (+ 1 max-change)))))
  (if (< current balloon-max) (if (big-change current wanted) (control wanted) 0) 0)
})
(def free-share (free) {
  (if (<= free critical) (- free 0.05) (* free-wanted (/ free pressure)))
})
(def change (guest) {
  (defvar free (avg host free))
  (defvar used (- (avg guest current) (avg guest unused)))
  (defvar least (max balloon-min (+ used (* (free-share free) current))))
  (if (< free pressure) (shrink guest least) (grow guest least))
  (lift guest)
})
(def lift (guest) {
  (if (< current balloon-min) (control balloon-min) 0)
})
(def big-change (from to) {
  (> (abs (- to from)) (* min-change from))
})
"""
CONSTANTS = {"pressure": 0.20, "critical": 0.05, "max-change": 0.05, "min-change": 0.0025,
             "free-wanted": 0.20}


def parse(text):
    tokens = re.findall(r"[(){}]|[^\s(){}]+", text)
    pos = 0

    def expression():
        nonlocal pos
        token = tokens[pos]
        pos += 1
        if token in "({":
            items = ["do"] if token == "{" else []
            while tokens[pos] not in ")}":
                items.append(expression())
            pos += 1
            return items
        try:
            return float(token)
        except ValueError:
            return token

    forms = []
    while pos < len(tokens):
        forms.append(expression())
    return forms


BUILTIN = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    ">": lambda a, b: a > b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, "min": min, "max": max, "abs": abs,
}


class Interpreter:
    def __init__(self, rules):
        self.functions = {}
        for form in parse(rules):
            self.functions[form[1]] = form[2], form[3]

    def call(self, name, args, scope):
        params, body = self.functions[name]
        return self.eval(body, {**scope, **dict(zip(params, args))})

    def eval(self, e, scope):
        if isinstance(e, str):
            return scope[e]
        if not isinstance(e, list):
            return e
        head = e[0]
        if head == "do":
            value = None
            for form in e[1:]:
                value = self.eval(form, scope)
            return value
        if head == "if":
            return self.eval(e[2] if self.eval(e[1], scope) else e[3], scope)
        if head in ("defvar", "set"):
            scope[e[1]] = self.eval(e[2], scope)
            return scope[e[1]]
        if head == "avg":
            samples = [x for x in self.eval(e[1], scope).samples[e[2]] if x is not None]
            return sum(samples) / len(samples)
        args = [self.eval(x, scope) for x in e[1:]]
        if head == "control":
            scope["guest"].wanted = int(args[0])
            return args[0]
        if head in BUILTIN:
            return BUILTIN[head](*args)
        return self.call(head, args, scope)


class Entity:
    def __init__(self, *names):
        self.samples = {n: deque(maxlen=10) for n in names}


class Guest(Entity):
    """What the rules see of a guest; wanted: what they make of it, or None."""

    def __init__(self, least, most):
        super().__init__("current", "unused")
        self.min, self.max, self.wanted = least, most, None

    def decide(self, rules, host):
        scope = {**CONSTANTS, "guest": self, "host": host, "current": self.samples["current"][-1],
                 "balloon-min": self.min, "balloon-max": self.max}
        self.wanted = None
        # Without statistics it is left alone, if it has its min.
        rules.call("change" if self.samples["unused"][-1] is not None else "lift", [self], scope)


class Monitor(Guest):
    """A guest behind its socket."""

    def __init__(self, path, share):
        super().__init__(None, None)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.file = self.sock.makefile("rb")
        self.ask("qmp_capabilities")
        self.answer()
        self.ask("query-memory-size-summary")
        self.max = self.answer()["base-memory"]
        self.min = self.max * share
        self.ask("qom-list", path="/machine/peripheral")
        self.qom = next(f"/machine/peripheral/{o['name']}" for o in self.answer()
                        if o["type"].startswith("child<virtio-balloon"))
        self.ask("qom-set", path=self.qom, property="guest-stats-polling-interval", value=5)
        self.answer()

    def ask(self, command, **arguments):
        message = {"execute": command}
        if arguments:
            message["arguments"] = arguments
        self.sock.sendall(json.dumps(message).encode() + b"\n")

    def answer(self):
        while True:
            message = json.loads(self.file.readline())
            if "return" in message:
                return message["return"]
            if "error" in message:
                return None

    def close(self):
        self.file.close()
        self.sock.close()


class Mom:
    def __init__(self, folder, proc, share):
        self.proc = proc
        self.host = Entity("free")
        self.rules = Interpreter(RULES)
        self.guests = [Monitor(path, share) for path in sorted(glob.glob(f"{folder}/*.sock"))]

    def collect(self):
        with open(f"{self.proc}/meminfo", encoding="ascii") as f:
            mem = {line.split(":")[0]: int(line.split()[1]) for line in f}
        free = mem["MemFree"] + mem.get("Buffers", 0) + mem.get("Cached", 0)
        self.host.samples["free"].append(free / mem["MemTotal"])
        for g in self.guests:
            g.ask("query-balloon")
            g.ask("qom-get", path=g.qom, property="guest-stats")
        for g in self.guests:
            current = g.answer()["actual"]
            unused = g.answer()["stats"]["stat-free-memory"]
            g.samples["current"].append(current)
            g.samples["unused"].append(unused if unused < 1 << 60 else None)

    def control(self):
        for g in self.guests:
            g.decide(self.rules, self.host)
        commanded = [g for g in self.guests if g.wanted]
        for g in commanded:
            g.ask("balloon", value=g.wanted)
        for g in commanded:
            g.answer()
        return len(commanded)

    def close(self):
        for g in self.guests:
            g.close()


def main():
    if len(sys.argv) != 4:
        sys.exit("usage: mom_peer.py FOLDER PROC MIN")
    mom = None
    for line in sys.stdin:
        if line.startswith("release"):
            if mom:
                mom.close()
            mom = None
            print("0 0", flush=True)
            continue
        mom = mom or Mom(sys.argv[1], sys.argv[2], float(sys.argv[3]))
        start = time.process_time_ns()
        mom.collect()
        commanded = mom.control()
        print(time.process_time_ns() - start, commanded, flush=True)


if __name__ == "__main__":
    main()
