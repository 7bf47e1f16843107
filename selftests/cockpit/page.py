# SPDX-License-Identifier: GPL-2.0
"""What the page of dynmem in Cockpit shows and does, by a browser. Prints TAP; see run."""
import json
import os
import re
import signal
import subprocess
import sys
import time

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

LAB = os.environ["LAB_DIR"]
STRANGE = os.environ["STRANGE"]
PAGE = "http://127.0.0.1:{}/cockpit/@localhost/dynmem/index.html"
count = failed = 0


def ok(name, good, more=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    if not good and more:
        print("# " + str(more).replace("\n", "\n# "), flush=True)


def wait(seconds, condition):
    """The first true value of condition within so many seconds, or the last one."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except Exception as e:  # the page may not be there yet
            value = None
            error = e
        if value or time.monotonic() > end:
            return value
        time.sleep(0.2)


def browser():
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--window-size=1200,1400", f"--user-data-dir={LAB}/chromium", "--lang=en"):
        options.add_argument(argument)
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def text(css):
    return driver.find_element(By.CSS_SELECTOR, css).text


def visible(css):
    return driver.find_element(By.CSS_SELECTOR, css).is_displayed()


def rows():
    return [row.text for row in driver.find_elements(By.CSS_SELECTOR, "#rows tr")]


def active():
    return driver.switch_to.active_element


def set_guest(name, key, value):
    subprocess.run(["busctl", "--system", "call", "org.dynmem1", "/org/dynmem1", "org.dynmem1.Manager",
                    "SetGuest", "ssst", name, key, value, "0"], check=True, stdout=subprocess.DEVNULL)


def is_held(name):
    out = subprocess.run([os.environ["DYNMEM"], "status", "--json"], check=True, capture_output=True)
    return [g.get("held", False) for g in json.loads(out.stdout)["guests"] if g["name"] == name] == [True]


def tree():
    """(role, name) of all that a screen reader is given."""
    nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    return [(n.get("role", {}).get("value"), n.get("name", {}).get("value", ""))
            for n in nodes if not n.get("ignored")]


def load(port):
    driver.get(PAGE.format(port))
    return wait(30, lambda: len(rows()) == 2)


def test_shows():
    ok("both guests are listed", load(9091), driver.find_element(By.TAG_NAME, "body").text)
    ok("a name is a text, whatever is in it",
       any(STRANGE in row for row in rows()) and not driver.find_elements(By.CSS_SELECTOR, "#rows b"), rows())
    ok("with class and range", any("64.0 MiB to 256 MiB" in row for row in rows()), rows())
    ok("the host's mode and memory are shown", "manage" in text("#host-facts") and " GiB" in text("#host-facts"))
    ok("the state is announced", text("#message") == "2 guests", text("#message"))
    errors = [e for e in driver.get_log("browser") if e["level"] == "SEVERE" and "favicon" not in e["message"]]
    ok("the browser has no complaint", not errors, errors)


def test_reads_aloud():
    seen = tree()
    ok("a screen reader has a main part and headings",
       any(r == "main" for r, _ in seen) and ("heading", "Guests") in seen and ("heading", "Host") in seen, seen)
    ok("the table has its caption and headers",
       ("table", "Guests, what they have and why") in seen and ("columnheader", "Class") in seen
       and ("rowheader", "web") in seen, seen)
    bars = [n for r, n in seen if r in ("img", "image")]
    ok("each bar says what it shows", len(bars) == 3 and all("of " in n and "iB" in n for n in bars), bars)
    ok("each button has a name", ("button", "web") in seen and not any(r == "button" and not n for r, n in seen))


def test_keyboard():
    for _ in range(10):
        active().send_keys(Keys.TAB)
        if active().text == "web":
            break
    ok("a guest is reached by the keyboard", active().text == "web")
    active().send_keys(Keys.ENTER)
    ok("Enter opens its detail", wait(10, lambda: visible("#detail")))
    ok("which has the focus", wait(5, lambda: active().get_attribute("id") == "detail-title"))
    ok("and explains it", "Last decision: " in text("#detail-reason") and "min 64.0 MiB" in text("#detail-notes"),
       text("#detail"))
    ok("by figures", "what the balloon left it" in text("#figures"), text("#figures"))
    active().send_keys(Keys.TAB)
    ok("the next one is the button to hold it", active().get_attribute("id") == "hold", active().text)
    active().send_keys(Keys.SPACE)
    ok("which holds it", wait(10, lambda: is_held("web")), text("#message"))
    ok("and offers to release it then", wait(10, lambda: text("#hold") == "Release"), text("#hold"))
    ok("the focus stays", active().get_attribute("id") == "hold")
    active().send_keys(Keys.SPACE)
    ok("that releases it", wait(10, lambda: not is_held("web")))
    active().send_keys(Keys.ESCAPE)
    ok("Escape closes the detail", wait(5, lambda: not visible("#detail")))
    ok("the focus is where it was", active().text == "web", active().text)


def test_live():
    set_guest("web", "hold", "yes")
    ok("what others change is seen", wait(10, lambda: any("held" in row for row in rows())), rows())
    ok("the focus is not lost by it", active().text == "web", active().text)
    set_guest("web", "hold", "default")
    ok("a guest that reports is shown with what it uses",
       wait(90, lambda: any("reporting" in row and "not reported" not in row for row in rows())), rows())
    set_guest("web", "max", "200M")
    ok("a new range too", wait(10, lambda: any("to 200 MiB" in row for row in rows())), rows())
    ok("and the decision about it", wait(20, lambda: re.search(r"web: 256 MiB → \d+ MiB: shrunk by .* range", text("#log"))), text("#log"))
    driver.find_element(By.CSS_SELECTOR, "#rows button").send_keys(Keys.ENTER)
    wait(5, lambda: visible("#detail") and "rss" in text("#figures"))
    driver.save_screenshot(os.environ["SHOTS"] + "/cockpit.png")
    driver.find_element(By.ID, "close").click()


def test_daemon_goes():
    with open(f"{LAB}/pid", encoding="ascii") as f:
        os.kill(int(f.read()), signal.SIGTERM)
    ok("a daemon that ends is noticed", wait(15, lambda: "systemctl start dynmemd" in text("#message")), text("#message"))
    ok("old figures are not left on the page", not visible("#guests") and not visible("#host"))
    subprocess.Popen([os.environ["DYNMEMD"], "--config", f"{LAB}/dynmem.conf"], stderr=subprocess.DEVNULL)
    ok("so is its return", wait(30, lambda: visible("#guests") and len(rows()) == 2), text("#message"))


def test_who_may_not():
    ok("an unprivileged user sees the guests", load(9092), driver.find_element(By.TAG_NAME, "body").text)
    wait(10, lambda: driver.find_element(By.CSS_SELECTOR, "#rows button").click() or visible("#detail"))
    ok("but cannot hold one", wait(10, lambda: not driver.find_element(By.ID, "hold").is_enabled()))
    ok("and it is shown why", visible("#may-not"))


driver = browser()
try:
    for test in (test_shows, test_reads_aloud, test_keyboard, test_live, test_daemon_goes, test_who_may_not):
        test()
except Exception as e:
    ok("no error", False, repr(e))
finally:
    driver.quit()
print(f"1..{count}")
sys.exit(1 if failed else 0)
