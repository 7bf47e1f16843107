# SPDX-License-Identifier: GPL-2.0
"""How the demonstration looks while it runs: a screen, or a line a step."""
import os
import shutil
import sys

MIB = 1 << 20
BAR = 48
LOG = 6
WHY = {
    "shrink-host": "the host lacks memory",
    "shrink-critical": "the host is about to run out",
    "shrink-lend": "others need it more",
    "shrink-reserve": "a guest is about to start",
    "grow-pressed": "it is short of memory",
    "grow-demand": "it needs it",
    "grow-share": "nobody else needs it",
    "grow-undo": "it was short at once",
    "grow-drain": "guests get all their memory back",
    "range": "its range has changed",
}


def mib(value):
    return f"{value / MIB:,.0f}"


def why(decision):
    """Its reason in plain words."""
    return WHY.get(decision.get("code"), decision.get("reason", "").split(":")[-1].split(";")[0].strip())


def kind_of(event):
    return event.get("demo") or event.get("type")


class Lines:
    """No terminal: a line a step, with the host's and the guests' figures at its end."""

    def __init__(self):
        self.sample = None
        self.moves = {}

    def flush(self):
        """What the last step brought."""
        parts = [f"{name} {'+' if change > 0 else '-'}{mib(abs(change))}"
                 for name, change in self.moves.items() if abs(change) >= MIB]
        if self.sample:
            text = f"{mib(self.sample['host']['available'])} MiB available"
            print(f"          -> {text}" + (f"; balloons: {', '.join(parts)} MiB" if parts else ""), flush=True)
        self.moves, self.sample = {}, None

    def show(self, event):
        if isinstance(event, str):
            print(event, flush=True)
        elif kind_of(event) == "step":
            self.flush()
            print(f"[{event['seconds']:4d} s]  {event['text']}", flush=True)
        elif kind_of(event) == "sample":
            self.sample = event
        elif kind_of(event) == "decision" and event.get("applied"):
            name = event["guest"]
            self.moves[name] = self.moves.get(name, 0) + event["to"] - event["from"]

    def close(self):
        self.flush()


class Move:
    """Balloon commands to one guest that follow each other for one reason."""

    def __init__(self, decision):
        self.guest, self.why = decision["guest"], why(decision)
        self.change, self.size = decision["to"] - decision["from"], decision["to"]

    def takes(self, other):
        """True if the other goes on with this, which then holds both."""
        if (other.guest, other.why, other.change > 0) != (self.guest, self.why, self.change > 0):
            return False
        self.change, self.size = self.change + other.change, other.size
        return True

    def __str__(self):
        verb = "gets" if self.change > 0 else "gives"
        return f"{self.guest} {verb} {mib(abs(self.change))} MiB, and may use {mib(self.size)} MiB now: {self.why}"


class Screen:
    """A terminal: one screen, drawn again when there is news."""

    def __init__(self, baseline):
        self.title = {"": "dynmem: memory moves to where it is needed",
                      "none": "without dynmem: nobody in control",
                      "fpr": "without dynmem: free page reporting alone"}[baseline]
        encoding = sys.stdout.encoding or ""
        self.full, self.lent, self.left = "█▒·" if "utf" in encoding.lower() else "#=."
        self.step, self.seconds, self.level = "The host machine boots", 0, "none"
        self.sample = None
        self.log = []
        # Another screen, without a cursor, so that what was there comes back.
        sys.stdout.write("\033[?1049h\033[?25l")
        self.draw()

    def show(self, event):
        if isinstance(event, str):
            self.add(event)
        elif kind_of(event) == "step":
            self.step, self.seconds = event["text"], event["seconds"]
        elif kind_of(event) == "sample":
            self.sample, self.seconds = event, event["seconds"]
        elif kind_of(event) == "level":
            self.level = event["level"]
        elif kind_of(event) == "decision" and event.get("applied"):
            self.add(Move(event))
        else:
            return
        self.draw()

    def add(self, entry):
        for last in self.log[-2:]:
            if isinstance(last, Move) and isinstance(entry, Move) and last.takes(entry):
                return
        self.log = (self.log + [entry])[-LOG:]

    def bar(self, parts, total, width):
        """Parts are (bytes, character); the rest of width is blank."""
        text, at, done = "", 0, 0
        for size, char in parts:
            done += max(size, 0)
            end = min(round(width * done / total), width)
            text += char * (end - at)
            at = max(at, end)
        return text.ljust(width)

    def guest_row(self, name, guest, largest):
        width = max(1, round(BAR * guest["memory"] / largest))
        if not guest["size"]:
            return f"  {name:<8}{'(dead)':<{BAR}}"
        cost = min(guest["cost"], guest["size"])
        bar = self.bar([(cost, self.full), (guest["size"] - cost, self.left),
                        (guest["memory"] - guest["size"], self.lent)], guest["memory"], width)
        return f"  {name:<8}{bar:<{BAR}}  may use {mib(guest['size']):>6} of {mib(guest['memory']):>6} MiB"

    def rows(self):
        yield f"{self.title}    [{self.seconds} s]"
        yield ""
        yield f"> {self.step}"
        yield ""
        if self.sample:
            host, guests = self.sample["host"], self.sample["guests"]
            used = host["total"] - host["available"]
            yield (f"  {'host':<8}{self.bar([(used, self.full), (host['available'], self.left)], host['total'], BAR)}"
                   f"  {mib(host['available']):>6} of {mib(host['total'])} MiB available")
            yield f"  {'':<8}pressure: {self.level}; KSM saves {mib(host['ksm'])} MiB; {mib(host['swapped'])} MiB in swap"
            yield ""
            largest = max(guest["memory"] for guest in guests.values())
            for name, guest in guests.items():
                yield self.guest_row(name, guest, largest)
            yield ""
            yield f"  {self.full} in use   {self.left} free for it   {self.lent} lent to others"
            yield ""
        yield from (f"  {text}" for text in self.log)

    def draw(self):
        columns, lines = shutil.get_terminal_size()
        rows = [row[:columns - 1] for row in self.rows()][:lines - 1]
        sys.stdout.write("\033[H" + "".join(row + "\033[K\n" for row in rows) + "\033[J")
        sys.stdout.flush()

    def close(self):
        sys.stdout.write("\033[?25h\033[?1049l")
        sys.stdout.flush()


def choose(baseline):
    terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return Screen(baseline) if terminal else Lines()
