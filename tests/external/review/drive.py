"""Judges on the review page in chromium: drive.py DATA_PORT ADMIN_PORT TOKEN_FILE PICTURES MEANT_FILE.

Whoever judges here knows both answers, so that what they mean can be told from where the answers stand; it is written to
MEANT_FILE. All that the browser is sent is searched for what names a model, and axe-core looks at every state of the page.
"""

import json
import socket
import socketserver
import sys
import threading
import urllib.request
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from cases import CASES
from cases import EXPERIMENT
from cases import PLAIN
from cases import TELLTALES
from cases import case_of

data, admin, token_file, pictures, meant_file = sys.argv[1:]
token = Path(token_file).read_text()
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
meant, sent = [], []


def ask(names):
    """Sends the questions of cases through the gateway."""
    for name in names:
        body = json.dumps({"model": "walnut-large", "messages": [{"role": "user", "content": CASES[name][0]}]})
        request = urllib.request.Request(f"http://127.0.0.1:{data}/chat", body.encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answered:
            assert answered.status == 200


class Reviewer:
    """A person with a browser of their own."""

    def __init__(self, browser, name, judge, size=WIDE, scheme="light", **settings):
        self.name, self.judge = name, judge
        context = browser.new_context(viewport=size, color_scheme=scheme, **settings)
        self.page = context.new_page()
        self.page.set_default_timeout(10_000)
        self.page.on("dialog", lambda dialog: fail(f"a dialog opened: {dialog.message}"))
        self.page.on("pageerror", lambda error: fail(f"the page failed: {error}"))
        self.page.on("console", lambda message: message.type == "error" and self.heard(message))

    def heard(self, message):
        # Those that are meant: who has not logged in, or is not invited, is refused.
        assert any(status in message.text for status in ("401", "403")), message.text

    def log_in(self):
        self.page.goto(f"{base}/review")
        self.page.locator("#token:focus").wait_for()
        self.page.keyboard.type(token)
        self.press("Enter")
        self.page.wait_for_url("**/review")
        self.page.get_by_role("link").first.wait_for()

    def begin(self, experiment=EXPERIMENT):
        """Opens the judge's page and gives the name, which has the focus."""
        self.page.goto(f"{base}/review/{experiment}/{self.judge}")
        self.page.locator("#name-form").wait_for()
        self.page.keyboard.type(self.name)
        self.press("Enter")

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def look(self, picture):
        """Takes a picture, and lets axe look at what is on it."""
        self.page.screenshot(path=f"{pictures}/{picture}.png")
        found = Axe().run(self.page).response
        wrong = [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]]
        assert not wrong, f"{picture}: {wrong}"
        width = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0, f"{picture}: the page is {width} px wider than the window"

    def shown(self):
        """The case that is shown, and whether the new model's answer stands on the left."""
        self.page.locator("#pair").wait_for()
        texts = {part: self.page.locator(f"#{part}").text_content() for part in ("request", "left", "right")}
        case = case_of(texts["request"].removeprefix("user: "))
        _, old, new = (as_shown(text) for text in CASES[case])
        assert {texts["left"], texts["right"]} == {old, new}, (case, texts)
        assert self.page.evaluate("window.ran") is None, "the page ran what a model wrote"
        search(self.page.content(), "the page")
        return case, texts["left"] == new

    def judge_by(self, key, reasons=(), note=""):
        """Presses the key of a verdict, and notes what is meant by it."""
        case, new_left = self.shown()
        side = {"1": "left", "a": "left", "2": "right", "b": "right", "3": "tie", "t": "tie", "s": None}[key]
        with self.page.expect_response(lambda response: response.url.endswith("/verdict")) as answered:
            self.press(key)
        self.follow(answered.value)
        if side:
            word = "tie" if side == "tie" else "win" if (side == "left") == new_left else "loss"
            meant.append(
                {
                    "judge": self.judge,
                    "reviewer": self.name,
                    "case": case,
                    "word": word,
                    "new_left": new_left,
                    "reasons": list(reasons),
                    "note": note,
                }
            )
        return case

    def follow(self, answered):
        """Waits until the page shows what an answer has."""
        assert answered.status == 200, answered.text()
        pair = answered.json()["pair"]
        if pair:
            is_there = "text => document.getElementById('left').textContent === text"
            self.page.wait_for_function(is_there, arg=pair["left"]["text"] or "(empty)")
        else:
            self.page.locator("#pair").wait_for(state="hidden")

    def prefer_new(self):
        """Picks the new model's answer."""
        _, new_left = self.shown()
        return self.judge_by("1" if new_left else "2")

    def undo(self):
        with self.page.expect_response(lambda response: response.url.endswith("/undo")) as answered:
            self.press("u")
        self.follow(answered.value)
        meant.pop()


def fail(text):
    raise AssertionError(text)


def as_shown(text):
    """What a page has for a text: nothing hidden, JSON in lines, without a model's name."""
    if text.startswith("{"):
        members = {key: value for key, value in json.loads(text).items() if key != "model"}
        return json.dumps(members, indent=2, ensure_ascii=False)
    return text.replace("\u202e", "[U+202E]").replace("\u0007", "[U+0007]") or "(empty)"


def relay():
    """Stands between browsers and the gateway and keeps every byte that browsers are sent; gives its port."""

    class Conversation(socketserver.BaseRequestHandler):
        def handle(self):
            with socket.create_connection(("127.0.0.1", int(admin))) as gateway:
                heard = bytearray()
                sent.append(heard)
                threading.Thread(target=pass_on, args=(self.request, gateway), daemon=True).start()
                pass_on(gateway, self.request, heard)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def pass_on(source, sink, heard=None):
    try:
        while piece := source.recv(65536):
            if heard is not None:
                heard += piece
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def search(text, where):
    """Finds what would tell whose answer is whose."""
    for word in TELLTALES:
        assert word not in text.lower(), f"{where} has `{word}`"


def search_all():
    """Looks through everything that browsers were sent, heads and bodies."""
    texts = [bytes(heard).decode() for heard in sent]
    answered = sum(text.count("HTTP/1.1 200 OK") for text in texts)
    pairs = sum(text.count('"pair":{') for text in texts)
    assert answered > 100 and pairs > len(CASES), (answered, pairs)
    for text in texts:
        search(text, "what a browser was sent")


def before_any_request(browser):
    """Logging in, the list, the name, and a judge for whom nothing waits."""
    ann = Reviewer(browser, "ann", "people")
    page = ann.page
    page.goto(f"{base}/review")
    page.locator("#token:focus").wait_for()
    ann.look("01-login")
    page.keyboard.type("wrong")
    ann.press("Enter")
    page.get_by_role("alert").wait_for()
    ann.look("02-login-refused")
    ann.log_in()
    ann.look("03-list")
    page.goto(f"{base}/review/{EXPERIMENT}/people")
    page.locator("#name-form").wait_for()
    ann.look("04-name")
    page.keyboard.type("ann")
    ann.press("Enter")
    page.locator("#idle").wait_for()
    ann.look("05-nothing-waits")
    return ann


def judge_plain(ann):
    """All keys, on pairs that come while the page is open."""
    page = ann.page
    ask(PLAIN[:10])
    page.locator("#pair").wait_for()
    ann.look("06-pair")
    ann.press("?")
    page.locator("dialog[open]").wait_for()
    ann.look("07-keys")
    ann.press("Escape")
    for key in "1ab2t3":
        ann.judge_by(key)
    case = ann.judge_by("1")
    ann.undo()
    assert ann.shown()[0] == case
    ann.press("n")
    page.keyboard.type("1 and 2 are digits here, not verdicts; <b>so</b> is s")
    ann.press("Enter", "Shift+Tab", "Space", "4", "5", "4")
    ann.look("08-reasons-and-note")
    ann.judge_by("2", ["too long", "off topic"], "1 and 2 are digits here, not verdicts; <b>so</b> is s")
    assert page.locator("#note").input_value() == "" and page.locator("#reasons input:checked").count() == 0
    ann.look("09-after-a-verdict")
    skipped = ann.judge_by("s")
    assert ann.shown()[0] != skipped


def judge_odd(ann):
    """Long, hostile and right-to-left answers, JSON and none at all: on a wide screen and a phone, light and dark."""
    odd = [name for name in CASES if name not in PLAIN]
    ask(odd)
    page, seen = ann.page, []
    while len(seen) < len(odd):
        case, _ = ann.shown()
        if case in odd:
            ann.look(f"10-{case}")
            page.emulate_media(color_scheme="dark")
            page.set_viewport_size(PHONE)
            ann.look(f"11-{case}-dark-phone")
            if case == "long":
                see_all_of_long(ann)
            page.set_viewport_size(WIDE)
            page.emulate_media(color_scheme="light")
            seen.append(case)
        ann.prefer_new()
    assert sorted(seen) == sorted(odd)


def see_all_of_long(ann):
    """Scrolls by the keyboard: the verdicts stay in sight, on a phone and on a low screen."""
    page = ann.page
    for size in (PHONE, {"width": 1000, "height": 500}, WIDE):
        page.set_viewport_size(size)
        page.locator("#left").evaluate("place => { place.scrollTop = 0; scrollTo(0, 0) }")
        top = "Math.max(scrollY, ...[...document.querySelectorAll('pre')].map(place => place.scrollTop))"
        assert page.evaluate(top) == 0
        ann.press("j", "j")
        assert page.evaluate(top) > 100
        box = page.locator("[data-verdict=left]").bounding_box()
        assert 0 < box["y"] and box["y"] + box["height"] <= size["height"], (size, box)
        ann.look(f"12-long-{size['width']}")
        ann.press("k", "k", "k")
        assert page.evaluate(top) == 0
    page.set_viewport_size(PHONE)


def judge_together(browser):
    """Two at once judge the same pairs, each in an order of their own."""
    ask(PLAIN[10:])
    pair = [
        Reviewer(browser, "ann", "panel", scheme="dark"),
        Reviewer(browser, "\u0628\u0646 <b>", "panel", PHONE, has_touch=True, is_mobile=True),
    ]
    for reviewer in pair:
        reviewer.log_in()
        reviewer.begin()
    pair[0].look("13-panel-dark")
    pair[1].look("14-panel-phone")
    while any(reviewer.page.locator("#pair").is_visible() for reviewer in pair):
        for place, reviewer in enumerate(pair):
            if reviewer.page.locator("#pair").is_visible():
                reviewer.prefer_new() if place == 0 or len(meant) % 3 else reviewer.judge_by("3")
    pair[0].look("15-all-judged-dark")
    stranger = Reviewer(browser, "cid", "panel")
    stranger.log_in()
    stranger.begin()
    stranger.page.locator("#message").get_by_text("cid").wait_for()
    stranger.look("16-not-invited")


def see_the_list(ann):
    """What reviewers agree on, and that their cookie opens nothing else."""
    ann.page.goto(f"{base}/review")
    ann.look("17-list-after")
    ann.page.emulate_media(color_scheme="dark")
    ann.page.set_viewport_size(PHONE)
    ann.look("18-list-dark-phone")
    for path in ("/metrics", "/api/v1/experiments", f"/api/v1/experiments/{EXPERIMENT}"):
        status = ann.page.evaluate("async path => (await fetch(path)).status", path)
        assert status == 401, (path, status)
    ann.page.get_by_role("button", name="Log out").press("Enter")
    ann.page.locator("#token").wait_for()


base = f"http://127.0.0.1:{relay()}"


def main():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium-headless-shell")
        ann = before_any_request(browser)
        judge_plain(ann)
        judge_odd(ann)
        judge_together(browser)
        see_the_list(ann)
        search_all()
        Path(meant_file).write_text(json.dumps(meant))
        browser.close()


main()
