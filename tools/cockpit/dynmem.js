// SPDX-License-Identifier: GPL-2.0
/* The page of dynmem in Cockpit: what dynmemd says on D-Bus, live. */
/* global cockpit */
"use strict";

const NAME = "org.dynmem1";
const PATH = "/org/dynmem1";
const MANAGER = "org.dynmem1.Manager";
const EVERY = 2000; /* ms */
const DECISIONS_MAX = 50;

/* Figures of a guest in the order of Documentation/policy.rst. */
const FIGURES = [
    ["used", "used by the guest, by its statistics"],
    ["overhead", "of its kernel"],
    ["debt", "swapped out for lack of memory"],
    ["hot", "page cache that is read again"],
    ["room", "to grow until the next decision"],
    ["lacking", "more, since it was under pressure"],
    ["demand", "what it should have"],
    ["floor", "less would do harm"],
    ["entitled", "its share right now"],
    ["target", "last commanded"],
    ["actual", "what the balloon left it"],
    ["rss", "what the host pays"],
    ["ksm-saved", "saved by merging"],
    ["exposure", "it can still call in"],
];

const permission = cockpit.permission({ admin: true });
const client = cockpit.dbus(NAME, { bus: "system", superuser: "try" });
const $ = id => document.getElementById(id);
const rows = new Map();
let shown = null; /* name of the guest whose detail is open */
let opener = null; /* what had the focus before */
let held = false;
let asking = false;

/* a{sv} as a plain object; what is nested stays as it is. */
function plain(map) {
    return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, value.v]));
}

function bytes(n) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let i = 0;

    if (n === undefined)
        return "not reported";
    while (n >= 1024 && i < units.length - 1) {
        n /= 1024;
        i++;
    }
    return (n >= 100 || i === 0 ? Math.round(n) : n.toFixed(1)) + " " + units[i];
}

function element(tag, text, className) {
    const e = document.createElement(tag);

    if (text !== undefined)
        e.textContent = text;
    if (className)
        e.className = className;
    return e;
}

function setText(e, text) {
    if (e.textContent !== text)
        e.textContent = text;
}

/* Parts of a whole: [class, value]; the text is for those who do not see it. */
function drawBar(bar, whole, parts, text) {
    if (bar.getAttribute("aria-label") === text)
        return;
    bar.setAttribute("aria-label", text);
    bar.replaceChildren();
    for (const [className, value] of parts) {
        const part = element("span", undefined, className);
        const percent = Math.max(0, Math.min(100, 100 * value / whole)) + "%";

        if (value === undefined || !whole)
            continue;
        if (className === "mark")
            part.style.left = percent;
        else
            part.style.width = percent;
        bar.append(part);
    }
}

function showHost(h) {
    const facts = [
        ["Mode", h.mode + (h.gate ? "; held back: " + h.gate : "")],
        ["Level of pressure", h.level + ", by " + h.source],
        ["Available", bytes(h.available) + " of " + bytes(h.total)],
        ["Kept for the host", bytes(h.reserve)],
        ["Guests can still call in", bytes(h.exposure) + ", of which " + bytes(h.hold) + " are held"],
        ["Largest guest that could be started", bytes(h.largest)],
        ["Saved by KSM", bytes(h["ksm-saved"])],
        ["Killed for memory", String(h["oom-kills"] ?? "not reported")],
    ];
    const list = $("host-facts");

    drawBar($("host-bar"), h.total, [["has", h.total - h.available]],
        bytes(h.total - h.available) + " of " + bytes(h.total) + " in use");
    while (list.children.length < 2 * facts.length)
        list.append(element("dt"), element("dd"));
    facts.forEach(([name, value], i) => {
        setText(list.children[2 * i], name);
        setText(list.children[2 * i + 1], value);
    });
}

/* Rows stay, so that a focus, a selection and a screen reader's place stay. */
function makeRow(name) {
    const row = element("tr");
    const head = element("th");
    const button = element("button", name);

    head.scope = "row";
    button.type = "button";
    button.addEventListener("click", () => openDetail(name, button));
    head.append(button);
    row.append(head, element("td"), element("td"), element("td", "", "number"),
        element("td", "", "number"), element("td", "", "number"), element("td"));
    row.children[2].append(element("div", undefined, "bar"));
    row.children[2].firstChild.setAttribute("role", "img");
    $("rows").append(row);
    rows.set(name, row);
    return row;
}

function showGuest(g) {
    const row = rows.get(g.name) ?? makeRow(g.name);
    const [, kind, bar, used, has, range, why] = row.children;

    setText(kind, g.class + (g.held ? ", held" : ""));
    drawBar(bar.firstChild, g.max, [["has", g.actual], ["used", g.used], ["mark", g.min]],
        "uses " + bytes(g.used) + ", has " + bytes(g.actual) + " of " + bytes(g.max));
    setText(used, bytes(g.used));
    setText(has, bytes(g.actual));
    setText(range, bytes(g.min) + " to " + bytes(g.max));
    setText(why, g.observed ?? g["last-reason"] ?? "none yet");
    why.classList.toggle("alert", Boolean(g.alert));
}

function showGuests(guests) {
    const names = new Set(guests.map(g => g.name));

    for (const [name, row] of rows)
        if (!names.has(name)) {
            row.remove();
            rows.delete(name);
        }
    guests.forEach(showGuest);
}

function notesOf(g) {
    const notes = [];
    const from = key => g[key + "-from"] ? " (" + g[key + "-from"] + ")" : "";

    notes.push("min " + bytes(g.min) + from("min") + ", max " + bytes(g.max) + from("max") +
        ", shares " + g.shares + from("shares"));
    if (g.held)
        notes.push("It is held: left as it is, by an operator.");
    if (g.observed)
        notes.push("It is only observed: " + g.observed);
    if (g.pinned)
        notes.push("Its balloon frees nothing: " + g.pinned);
    if (g["pressed-by"])
        notes.push("It is under pressure: " + g["pressed-by"]);
    if (g.backoff)
        notes.push("It is not shrunk for another " + Math.ceil(g.backoff / 1e6) + " s, after a shrink did harm.");
    if (g["harm-by"])
        notes.push("The last shrink that did harm, at " + bytes(g["harm-size"]) + ": " + g["harm-by"]);
    if (g.unmergeable)
        notes.push("KSM merges nothing: " + g.unmergeable);
    return notes;
}

function showDetail(g) {
    held = Boolean(g.held);
    setText($("detail-title"), g.name);
    setText($("detail-reason"), "Last decision: " + (g["last-reason"] ?? "none yet"));
    $("detail-notes").replaceChildren(...notesOf(g).map(text => element("li", text)));
    setText($("hold"), held ? "Release" : "Hold");
    $("hold").setAttribute("aria-label", (held ? "Release " : "Hold ") + g.name);
    $("figures").replaceChildren(...FIGURES.filter(([key]) => g[key] !== undefined).map(([key, meaning]) => {
        const row = element("tr");
        const head = element("th", key);

        head.scope = "row";
        row.append(head, element("td", bytes(g[key]), "number"), element("td", meaning));
        return row;
    }));
}

async function refreshDetail() {
    const name = shown;

    if (name === null)
        return;
    try {
        const [g] = await client.call(PATH, MANAGER, "GetGuest", [name]);

        if (name === shown)
            showDetail(plain(g));
    } catch (error) {
        closeDetail();
        say(error.message);
    }
}

async function openDetail(name, button) {
    shown = name;
    opener = button;
    await refreshDetail();
    if (shown === null)
        return;
    $("detail").hidden = false;
    $("detail-title").focus();
}

function closeDetail() {
    if (shown === null)
        return;
    shown = null;
    $("detail").hidden = true;
    opener?.focus();
}

/* What is read out; the same text twice is not. */
function say(text) {
    setText($("message"), text);
}

function show(there) {
    for (const id of ["host", "guests", "decisions"])
        $(id).hidden = !there;
    if (!there)
        closeDetail();
}

async function refresh() {
    if (asking)
        return;
    asking = true;
    try {
        const [[host], [guests]] = await Promise.all([
            client.call(PATH, MANAGER, "GetHost", []),
            client.call(PATH, MANAGER, "ListGuests", []),
        ]);

        showHost(plain(host));
        showGuests(guests.map(plain));
        await refreshDetail();
        show(true);
        say(guests.length === 1 ? "1 guest" : guests.length + " guests");
    } catch (error) {
        show(false);
        say(error.problem === "access-denied" ?
            "You may not ask dynmemd: see its D-Bus policy, org.dynmem1.conf." :
            "dynmemd does not answer. Start it: systemctl start dynmemd. Its log: journalctl -u dynmemd.");
    }
    asking = false;
}

async function toggleHold() {
    const [name, value] = [shown, held ? "default" : "yes"];

    try {
        await client.call(PATH, MANAGER, "SetGuest", [name, "hold", value, 0]);
        await refresh();
    } catch (error) {
        say(error.problem === "access-denied" || /AccessDenied/.test(error.name ?? "") ?
            "You may not change what dynmemd does." : error.message);
    }
}

function onDecision(_path, _interface, _signal, [guest, from, to, , reason]) {
    const item = element("li", new Date().toLocaleTimeString() + " " + guest + ": " +
        bytes(from) + " → " + bytes(to) + ": " + reason);

    $("log").prepend(item);
    while ($("log").children.length > DECISIONS_MAX)
        $("log").lastChild.remove();
    refresh();
}

function onPermission() {
    const may = permission.allowed !== false;

    $("hold").disabled = !may;
    $("may-not").hidden = may;
}

client.subscribe({ interface: MANAGER, member: "Decision" }, onDecision);
client.subscribe({ interface: MANAGER, member: "GuestAdded" }, refresh);
client.subscribe({ interface: MANAGER, member: "GuestRemoved" }, refresh);
client.addEventListener("owner", refresh);
permission.addEventListener("changed", onPermission);
onPermission();
$("hold").addEventListener("click", toggleHold);
$("close").addEventListener("click", closeDetail);
document.addEventListener("keydown", event => {
    if (event.key === "Escape")
        closeDetail();
});
refresh();
setInterval(refresh, EVERY);
