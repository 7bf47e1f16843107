# SPDX-License-Identifier: GPL-2.0
"""What the demonstration showed: its table, and whether it is as it should be."""

MIB = 1 << 20
WHENS = ("before", "pressed", "after")
IDLE = ("idle1", "idle2")
LAB_FAILED = 3

# What README says of it, with room for an emulated machine that is busy.
LENT_MIN = 200 * MIB  # by each idle guest, of what it cost the host
RETURNED_MIN = 250 * MIB  # to each, of the 300 MiB that it needs again
GIVEN_BACK_MIN = 400 * MIB  # by busy, of its 800
AVAILABLE_MIN = 5  # percent of the host, at its hardest

NEXT = {
    "": """Three things to try next:
  make demo BASELINE=none       the same with nobody in control
  make lab                      a shell in such a host; selftests/vm/guest start NAME starts a guest there
  build/dynmem simulate --help  your own guests on a host of your size, without starting any""",
    "none": """Three things to try next:
  make demo                     the same with dynmem
  make demo BASELINE=fpr        the same with free page reporting alone
  build/dynmem simulate --help  your own guests on a host of your size, without starting any""",
}
NEXT["fpr"] = NEXT["none"].replace("BASELINE=fpr ", "BASELINE=none").replace(
    "free page reporting alone", "nobody in control")


class History:
    """All that the verdict depends on."""

    def __init__(self, baseline):
        self.baseline = baseline
        self.figures = {}
        self.did = []
        self.commands = []  # monotonic times of balloon commands, s
        self.pressure = None  # that of the kernel's first report, s
        self.lowest = None  # the least that was available, bytes
        self.failed = None
        self.texts = []

    def add(self, event):
        if isinstance(event, str):
            self.texts.append(event)
            return
        kind = event.get("demo") or event.get("type")
        if kind == "figures":
            self.figures[event["when"]] = event
        elif kind == "sample":
            available = event["host"]["available"]
            self.lowest = available if self.lowest is None else min(self.lowest, available)
        elif kind == "did":
            self.did.append(event)
        elif kind == "lab-failed":
            self.failed = event["text"]
        elif kind == "decision" and event.get("applied"):
            self.commands.append(event["monotonic"] / 1e9)
        elif kind in ("level", "pressure") and event.get("level", "none") != "none":
            if self.pressure is None and "monotonic" in event:
                self.pressure = event["monotonic"] / 1e9

    def guest(self, when, name):
        return self.figures[when]["guests"][name]

    def names(self):
        return list(self.figures["before"]["guests"])

    def host(self, when):
        return self.figures[when]["host"]

    def host_kills(self):
        return self.figures["after"]["ooms"] - self.figures["before"]["ooms"]

    def change(self, name, key, start, end):
        return self.guest(end, name)[key] - self.guest(start, name)[key]


def mib(value):
    return f"{value / MIB:,.0f} MiB"


def lab_trouble(history, status):
    """Why there can be no verdict, or None."""
    lost = [name for when in WHENS if when in history.figures
            for name, guest in history.figures[when]["guests"].items() if guest["lost"]]
    if lost:
        end = next(history.guest(when, lost[0])["end"] for when in WHENS
                   if history.guest(when, lost[0])["lost"])
        return f"the emulator lost the guest {lost[0]} ({end}), which says nothing about dynmem"
    if history.failed:
        return history.failed
    if status or set(WHENS) - set(history.figures):
        return f"the lab's run ended with status {status} before its end"
    return None


def faults(history):
    """What is not as it should be under dynmem, as sentences."""
    found = []

    def check(good, text):
        if not good:
            found.append(text)

    for name in history.names():
        for when in WHENS:
            guest = history.guest(when, name)
            if not guest["alive"]:
                end = guest["end"] or "its agent does not answer"
                check(False, f"{name} is dead ({end})")
                break
        else:
            check(not guest["ooms"], f"{name} ran out of memory ({guest['ooms']} OOM kills in it)")
    check(not history.host_kills(), f"the host's OOM killer killed {history.host_kills()} times")
    for event in history.did:
        check(event["ok"], f"{event['guest']} could not do '{event['what']}': {event.get('answer', '')}")
    if found:
        return found
    for name in IDLE:
        lent = -history.change(name, "cost", "before", "pressed")
        check(lent >= LENT_MIN, f"{name} lent {mib(lent)}, less than {mib(LENT_MIN)}")
        size = history.change(name, "size", "pressed", "after")
        check(size >= RETURNED_MIN, f"{name} got {mib(size)} back, less than {mib(RETURNED_MIN)}")
    back = -history.change("busy", "size", "pressed", "after")
    check(back >= GIVEN_BACK_MIN, f"busy gave {mib(back)} back, less than {mib(GIVEN_BACK_MIN)}")
    for name in history.names():
        guest = history.guest("after", name)
        check(guest["size"] >= guest["holds"], f"{name} holds more than it may use")
    driver = history.figures["pressed"]["ksm_driver"]
    check(driver == "dynmemd", f"KSM was driven by {driver or 'nobody'}")
    for when in ("pressed", "after"):
        host = history.host(when)
        percent = 100 * host["available"] / host["total"]
        check(percent >= AVAILABLE_MIN, f"only {mib(host['available'])} of the host were available")
    return found


def print_row(title, cells):
    print(f"{title:<26}" + "".join(f"{cell:>18}" for cell in cells))


def print_table(history):
    whens = [when for when in WHENS if when in history.figures]
    titles = {"before": "at first", "pressed": "busy at work", "after": "at the end"}
    print()
    print_row("", [titles[when] for when in whens])
    for name in history.names():
        memory = history.guest("before", name)["memory"]
        print_row(f"{name}, {memory // MIB:,} MiB", [
            "dead" if not history.guest(when, name)["alive"] else
            mib(history.guest(when, name)["size"]) for when in whens])
        print_row("  it costs the host", [mib(history.guest(when, name)["cost"]) for when in whens])
    print_row("host: left available", [mib(history.host(when)["available"]) for when in whens])
    print_row("host: moved to swap", [mib(history.host(when)["swapped"]) for when in whens])
    print_row("host: saved by KSM", [mib(history.host(when)["ksm"]) for when in whens])
    print_row("  CPU time of ksmd", [f"{history.host(when)['ksmd_ms'] / 1000:.1f} s" for when in whens])
    print("\nA guest's first line is what it may use, the second what the host pays for it, before what\n"
          "KSM saves by keeping equal pages once.")


def print_lent(history):
    lent = sum(-history.change(name, "cost", "before", "pressed") for name in IDLE)
    back = sum(history.change(name, "size", "pressed", "after") for name in IDLE)
    print(f"\nLent by the idle guests: {mib(max(lent, 0))}; returned when they needed it: {mib(max(back, 0))}.")
    steps = [e for e in history.did if e["guest"] == "busy" and e["what"].startswith("touch")][1:]
    again = [e for e in history.did if e["guest"] in IDLE and e["what"] == "touch 100M"]
    for who, events in (("busy", steps), ("the idle guests", again)):
        times = [e["ms"] / 1000 for e in events if e["ok"]]
        if times:
            print(f"How fast: {who} had each {events[0]['what'].split()[1].replace('M', ' MiB')} more after "
                  f"{min(times):.1f} to {max(times):.1f} s, touching it included.")


def print_ksm(history):
    saved = history.host("after")["ksm"] - history.host("before")["ksm"]
    took = history.host("after")["ksmd_ms"] - history.host("before")["ksmd_ms"]
    print(f"KSM, driven by {history.figures['pressed']['ksm_driver'] or 'nobody'}: it saves {mib(max(saved, 0))} more "
          f"than at first, for {took / 1000:.1f} s of ksmd's CPU time.")


def print_first_command(history):
    if not history.commands:
        return
    if history.pressure is None:
        print("The kernel reported no pressure at all: memory was moved before the host lacked any.")
        return
    after = min(history.commands) - history.pressure
    if abs(after) < 0.00005:
        when = "together with"
    else:
        span = f"{abs(after):.1f} s" if abs(after) >= 1 else f"{abs(after) * 1000:.1f} ms"
        when = f"{span} {'after' if after > 0 else 'before'}"
    print(f"dynmemd's first balloon command came {when} the kernel's first report of pressure.")


def judge_baseline(history):
    name = {"none": "with nobody in control", "fpr": "with free page reporting alone"}[history.baseline]
    dead = [g for g in history.names() if not history.guest("after", g)["alive"]]
    if history.host_kills():
        print(f"demo: {name} the host ran out of memory; its OOM killer ended {', '.join(dead) or 'processes'}")
    else:
        print(f"demo: {name} nobody was killed; the host had as little as {mib(history.lowest)} available")


def finish(history, status, seconds, record):
    """Prints table and verdict; returns the exit status."""
    trouble = lab_trouble(history, status)
    if trouble:
        print("\n".join(history.texts[-15:]))
        print(f"demo: the lab failed: {trouble}.\n"
              f"demo: no verdict; run it again. What happened is in {record}.")
        return LAB_FAILED
    print_table(history)
    found = []
    if history.baseline:
        print()
        judge_baseline(history)
    else:
        print_lent(history)
        print_ksm(history)
        print_first_command(history)
        print()
        found = faults(history)
        for fault in found:
            print(f"demo: {fault}")
        print("demo: FAILED" if found else
              "demo: memory moved to the busy guest and back, everybody is alive and nobody ran out of it")
    print(f"({seconds} s)\n\n{NEXT[history.baseline]}")
    return 1 if found else 0
