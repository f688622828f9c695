# SPDX-License-Identifier: GPL-2.0-or-later
"""The status page in a real browser: its numbers, its looks, and what it does when the exporter does not answer."""

import contextlib
import copy
import json
import re
import time

import browser
from common import TestCase, add_flow, stopped, testlib, wait_until

browser.need()

# One refresh every 5 s, and a walk is reused for 5 s.
REFRESHED_S = 40

# Keeps the text of every answer, so that the page can be compared with what it was given.
KEEP_ANSWERS = """
window.answers = [];
const ask = window.fetch;
window.fetch = async (...args) => {
    const answer = await ask(...args);
    window.answers.push(await answer.clone().text());
    return answer;
};
"""
# Gives the page an answer of the test's choice at once.
SHOW = """
const text = arguments[0], done = arguments[1];
window.fetch = async () => new Response(text, { headers: { "Content-Type": "application/json" } });
const wait = () => document.hidden || window.busyOf() ? setTimeout(wait, 10) : refresh().then(done);
wait();
"""
# Class and let bindings of a script are seen by other scripts, not as properties of the window.
BUSY = "window.busyOf = () => busy;"
ROWS = """
return [...document.querySelectorAll(arguments[0] + " tr")].map((row) =>
    [row.cells[0].textContent.trim(), row.cells[row.cells.length - 1].textContent]);
"""
CONTRAST = """
const canvas = (color) => color.match(/[\\d.]+/g).slice(0, 3).map(Number);
const light = (color) => {
    const [r, g, b] = canvas(color).map((c) => c / 255).map((c) =>
        c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const paper = light(getComputedStyle(document.body).backgroundColor);
return [paper, ...[...document.querySelectorAll(arguments[0])].map((node) => {
    const ink = light(getComputedStyle(node).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
})];
"""
NOTHING = dict.fromkeys(
    ("entries", "entries_limit", "buckets", "entry_size_bytes", "growth_per_second", "drops_total", "drops_per_second",
     "early_drops_per_second", "insert_failed_per_second", "tracking_active", "tcp_sockets_established",
     "established_sockets", "established_flows", "flows", "tcp_flows", "flows_by_path", "flows_by_reply", "walk",
     "talkers"))
FINDING = {"id": "x", "severity": "critical", "title": "<b>title</b>", "detail": "<script>document.title = 'x'</script>",
           "evidence": [{"name": "<i>name</i>", "value": None, "per_second": True},
                        {"name": "1 & 2", "value": 1234567.5, "per_second": True}],
           "advice": [{"command": "sysctl -w a=1 && <u>b</u>", "cost": "<img src=x>"}, {"command": "", "cost": "words"}]}


def answer(overview, *findings):
    """What /diagnosis could say."""
    return json.dumps({"verdict": {"severity": findings[0]["severity"], "title": findings[0]["title"]},
                       "interval_seconds": 5.0, "findings": findings, "overview": overview})


def number(x):
    return "unknown" if x is None else f"{round(x):,}"


def total(counts):
    """The sum of all numbers in it, None when one is missing."""
    if not isinstance(counts, dict):
        return counts
    parts = [total(part) for part in counts.values()]
    return None if None in parts else sum(parts)


class Page(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.namespace = cls.enter_class(testlib.Namespace())
        add_flow(cls.namespace, "tcp", "192.0.2.1", "198.51.100.1")
        add_flow(cls.namespace, "udp", "192.0.2.2", "198.51.100.1")
        cls.it = cls.enter_class(testlib.Exporter(cls.namespace))
        cls.url = f"http://{cls.it.host}:{cls.it.port}/"
        cls.browser = cls.enter_class(browser.Browser(cls.namespace))

    def setUp(self):
        self.browser.window(1280, 900)
        self.browser.color_scheme("light")

    def open(self, url=None):
        """Opens the page and waits for its first numbers."""
        self.browser.open(url or self.url)
        wait_until(lambda: "Refreshed" in self.browser.text("#state"), REFRESHED_S, "the page has numbers")
        self.browser.run(BUSY)

    def show(self, text):
        """Makes the page show this answer."""
        self.browser.command("execute/async", script=SHOW, args=[text])

    def rows(self, selector):
        return dict(self.browser.run(ROWS, selector))

    def seen(self):
        """What the page shows, in the form of expected()."""
        texts = ("entries", "limit", "sockets-total", "flows-total", "drops-total")
        tables = ("sockets-legend", "flows-legend", "tcp-flows", "flows-by-path", "flows-by-reply", "flows")
        return {**{name: self.browser.text(f"#{name}") for name in texts},
                **{name: self.rows(f"#{name}") for name in tables},
                "titles": self.browser.texts("#findings .title"),
                "severities": self.browser.texts("#findings .severity"),
                "commands": [text for text in self.browser.texts("#findings pre code") if text],
                "destinations": self.browser.texts("#destination code")}

    @staticmethod
    def expected(diagnosis):
        """What the page has to show of an answer."""
        it = diagnosis["overview"]

        def counts(name):
            return {key: number(total(value)) for key, value in it[name].items()}

        findings = diagnosis["findings"]
        return {"entries": number(it["entries"]), "limit": f"of {number(it['entries_limit'])} entries",
                "sockets-total": number(it["tcp_sockets_established"]),
                "flows-total": number(total(it["established_flows"])), "drops-total": number(it["drops_total"]),
                "sockets-legend": counts("established_sockets"), "flows-legend": counts("established_flows"),
                "tcp-flows": counts("tcp_flows"), "flows-by-path": counts("flows_by_path"),
                "flows-by-reply": counts("flows_by_reply"), "flows": counts("flows"),
                "titles": [finding["title"] for finding in findings],
                "severities": [finding["severity"] for finding in findings],
                "commands": [advice["command"] for finding in findings for advice in finding["advice"]
                             if advice["command"]],
                "destinations": [talker["value"] for talker in it["talkers"]["destination"][:5]] or ["none"]}

    def last_answer(self):
        """The newest answer that the page was given since KEEP_ANSWERS; None before the first."""
        text = self.browser.run("return window.answers[window.answers.length - 1] || null")
        return text and json.loads(text)

    def answered(self):
        """Waits until the page has shown an answer, and returns it."""
        self.browser.run(KEEP_ANSWERS)

        def shown():
            given = self.last_answer()
            return given if given and self.seen() == self.expected(given) else None

        with contextlib.suppress(AssertionError):
            return wait_until(shown, REFRESHED_S, "the page shows what it was given")
        self.assertEqual(self.seen(), self.expected(self.last_answer()))
        return self.last_answer()

    def width(self, selector):
        """The width that a bar was given, in percent of its trough."""
        style = self.browser.run("return document.querySelector(arguments[0]).style.width", selector)
        return float(style.rstrip("%"))


class Numbers(Page):
    def test_title_and_links(self):
        self.open()
        self.assertEqual(self.browser.run("return document.title"), "conntrack_exporter")
        self.assertEqual(self.browser.texts("h1"), ["conntrack_exporter"])
        self.assertEqual(self.browser.run("return [...document.links].map((link) => link.href)"),
                         [self.url + path for path in ("metrics", "diagnosis", "talkers")])

    def test_the_page_shows_what_diagnosis_says(self):
        self.open()
        given = self.answered()["overview"]
        if given["entries_limit"]:
            self.assertAlmostEqual(self.width("#usage-bar"), 100 * given["entries"] / given["entries_limit"], places=3)
        flows, sockets = given["established_flows"], given["established_sockets"]
        scale = max(total(flows), total(sockets), 1)
        for bar, parts in (("#flows-bar", flows), ("#sockets-bar", sockets)):
            for at, part in enumerate(parts.values(), 1):
                self.assertAlmostEqual(self.width(f"{bar} :nth-child({at})"), 100 * total(part) / scale, places=3)

    def test_a_refresh_brings_new_numbers(self):
        self.open()
        before = self.answered()["overview"]
        for host in range(10, 17):
            add_flow(self.namespace, "tcp", f"192.0.2.{host}", "198.51.100.77")
        wait_until(lambda: self.last_answer()["overview"]["tcp_flows"]["established"] >=
                   before["tcp_flows"]["established"] + 7, REFRESHED_S, "the flows are in the answer")
        after = self.answered()["overview"]
        self.assertGreaterEqual(after["entries"], before["entries"] + 7)
        self.assertGreaterEqual(after["flows"]["tcp"], before["flows"]["tcp"] + 7)
        self.assertEqual(self.rows("#destination")["198.51.100.77"][-1:], "%")
        path = self.browser.run("return document.querySelector('#chart-established path.two').getAttribute('d')")
        self.assertGreater(path.count("L"), 0)

    def test_the_server_writes_the_same_verdict(self):
        self.open()
        given = self.answered()["findings"]
        worth = [(finding["severity"], finding["title"]) for finding in given
                 if finding["severity"] in ("warning", "critical")] or [(given[0]["severity"], given[0]["title"])]
        text = self.it.request("/").text
        self.assertEqual(re.findall(r'<li class="finding (\w+)"><span class="severity">\1</span>', text),
                         [severity for severity, _ in worth])

    def test_without_javascript(self):
        self.browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
        self.addCleanup(self.browser.devtools, "Emulation.setScriptExecutionDisabled", value=False)
        self.browser.open(self.url)
        document = self.browser.devtools("DOM.getDocument", depth=1)["root"]["nodeId"]

        def texts(selector):
            nodes = self.browser.devtools("DOM.querySelectorAll", nodeId=document, selector=selector)["nodeIds"]
            return [re.sub(r"<[^>]*>", "", self.browser.devtools("DOM.getOuterHTML", nodeId=node)["outerHTML"])
                    for node in nodes]

        self.assertRegex(" ".join(texts("#verdict li")), r"^(ok|info|warning|critical) \w+")
        self.assertEqual(texts('a[href="/metrics"]'), ["/metrics"])
        self.assertEqual(len(texts("noscript a")), 1)
        self.assertEqual(len(texts("#now[hidden], #history[hidden], #breakdowns[hidden]")), 3)


class Policy(Page):
    def test_it_asks_nobody_else_and_complains_of_nothing(self):
        self.open()
        self.answered()
        self.assertEqual([entry for entry in self.browser.console() if entry[0] in ("SEVERE", "WARNING")], [])
        urls = self.browser.requests()
        self.assertIn(self.url + "diagnosis", urls)
        self.assertLessEqual(set(urls) - {"data:,"}, {self.url, self.url + "diagnosis"})

    def test_the_policy_holds(self):
        self.open()
        blocked = self.browser.command("execute/async", args=[], script="""
            const done = arguments[0], seen = [];
            document.addEventListener("securitypolicyviolation", (event) => {
                seen.push(event.effectiveDirective);
                if (seen.length === 4)
                    done(seen.sort());
            });
            fetch("http://127.0.0.1:1/").catch(() => 0);
            new Image().src = "/picture.png";
            const script = document.createElement("script");
            script.textContent = "document.title = 'changed'";
            document.body.append(script);
            document.body.setAttribute("style", "color: red");
        """)
        self.assertEqual(blocked, ["connect-src", "img-src", "script-src-elem", "style-src-attr"])
        self.assertEqual(self.browser.run("return document.title"), "conntrack_exporter")
        self.browser.console()


class Answers(Page):
    """Answers that the exporter gives on other hosts."""

    def test_what_is_not_known_is_unknown(self):
        self.open()
        self.show(answer(NOTHING, FINDING))
        self.assertEqual(self.browser.text("#usage"), "unknown")
        numbers = self.browser.texts("#now td.number, #breakdowns td.number")
        self.assertGreater(len(numbers), 30)
        self.assertEqual(set(numbers), {"unknown", ""})
        words = self.browser.text("#now") + self.browser.text("#breakdowns")
        self.assertNotRegex(words.replace("75 %", "").replace("90 %", "").replace("5.0 s", ""), r"(?<!\w)\d")

    def test_a_part_that_is_not_known_makes_the_sum_unknown(self):
        sockets = {"tracked": {"loopback": 1, "remote": None}, "mismatched": None, "untracked": {"loopback": 2,
                                                                                                 "remote": 3}}
        self.open()
        self.show(answer({**NOTHING, "established_sockets": sockets, "tcp_sockets_established": 1234,
                          "entries": 5, "entries_limit": 0}, FINDING))
        self.assertEqual(self.browser.text("#sockets-total"), "1,234")
        self.assertEqual(self.rows("#sockets-legend"), {"tracked": "unknown", "mismatched": "unknown",
                                                        "untracked": "5"})
        self.assertEqual((self.browser.text("#usage"), self.browser.text("#limit")), ("no limit", "entries"))

    def test_levels(self):
        self.open()
        for entries, level in ((749999, ""), (750000, "warning"), (899999, "warning"), (900000, "critical")):
            self.show(answer({**NOTHING, "entries": entries, "entries_limit": 1000000}, FINDING))
            self.assertEqual(self.browser.run("return document.querySelector('#usage-bar').className.split(' ')[0]"),
                             level or "some")
            self.assertIn(level, self.browser.text("#usage-level"))

    def test_hostile_texts_stay_texts(self):
        self.open()
        elements = self.browser.run("return document.querySelectorAll('b, i, u, img, script').length")
        overview = {**NOTHING, "flows": {"<b>tcp</b>": 3}, "talkers": {"source": [{"value": "<i>1</i>", "flows": 3}]}}
        self.show(answer(overview, FINDING))
        self.assertEqual(self.browser.run("return document.querySelectorAll('b, i, u, img, script').length"), elements)
        self.assertEqual(self.browser.texts("#findings .title, #findings .detail"), [FINDING["title"],
                                                                                     FINDING["detail"]])
        self.assertEqual(self.rows("#findings .evidence"), {"<i>name</i>": "unknown", "1 & 2": "1,234,567.5/s"})
        self.assertEqual(self.browser.texts("#findings pre code"), ["sysctl -w a=1 && <u>b</u>", ""])
        self.assertEqual(self.browser.texts("#findings .advice p"), ["<img src=x>", "words"])
        self.assertEqual(self.browser.texts("#source code"), ["<i>1</i>"])
        self.assertEqual(self.rows("#flows")["<b>tcp</b>"], "3")

    def test_a_finding_keeps_its_place_open_or_closed(self):
        other = {**copy.deepcopy(FINDING), "id": "y", "severity": "warning", "title": "other"}
        state = "return [...document.querySelectorAll('#findings details')].map((node) => node.open)"
        self.open()
        self.show(answer(NOTHING, FINDING, other))
        self.assertEqual(self.browser.run(state), [True, False])
        self.browser.run("getSelection().selectAllChildren(document.querySelector('#findings pre code'))")
        self.show(answer({**NOTHING, "entries": 7}, {**FINDING, "title": "new"}, other))
        self.assertEqual(self.browser.run("return String(getSelection())"), FINDING["advice"][0]["command"])
        self.show(answer(NOTHING, other, FINDING))
        self.assertEqual(self.browser.texts("#findings .title"), ["other", FINDING["title"]])
        self.assertEqual(self.browser.run(state), [False, True])
        self.show(answer(NOTHING, other))
        self.assertEqual(self.browser.texts("#findings .title"), ["other"])

    def test_the_history_is_bounded(self):
        self.open()
        self.show(answer({**NOTHING, "entries": 1, "entries_limit": 4}, FINDING))
        for _ in range(70):
            self.show(answer({**NOTHING, "entries": 1, "entries_limit": 2}, FINDING))
        path = self.browser.run("return document.querySelector('#chart-usage .one').getAttribute('d')")
        self.assertEqual(re.findall(r"[ML](-?\d+) ", path), [str(x) for x in range(60)])
        self.assertEqual(self.browser.text("#chart-usage .range"), "now 50.0 %, highest 50.0 %")


class Looks(Page):
    def test_light_and_dark_can_be_read(self):
        self.open()
        self.show(answer(NOTHING, *({**FINDING, "id": severity, "severity": severity}
                                    for severity in ("critical", "warning", "info", "ok"))))
        papers = {}
        for scheme in ("light", "dark"):
            self.browser.color_scheme(scheme)
            papers[scheme], *contrasts = self.browser.run(CONTRAST, "h1, h2, h3, th, td, a, .note, .severity, #state")
            self.assertGreater(len(contrasts), 50)
            self.assertGreaterEqual(min(contrasts), 4.5, scheme)
        self.assertGreater(papers["light"], 0.9)
        self.assertLess(papers["dark"], 0.05)

    def test_nothing_is_wider_than_a_phone(self):
        self.browser.window(360, 740, mobile=True)
        long = {**FINDING, "title": "x" * 160, "detail": "y" * 600, "advice": [{"command": "z" * 200, "cost": "c" * 300}]}
        top = [{"value": "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "flows": 10 ** 9}]
        self.open()
        for text in (None, answer({**NOTHING, "drops_total": 2 ** 40, "talkers": {"source": top}}, long)):
            if text:
                self.show(text)
            self.browser.run("document.querySelectorAll('details').forEach((node) => { node.open = true })")
            wide, inner = self.browser.run("return [document.scrollingElement.scrollWidth, innerWidth]")
            self.assertEqual((wide <= inner, inner), (True, 360), wide)

    def test_numbers_arrive_without_moving_what_is_there(self):
        """But for the verdict, which is as long as it is."""
        self.open()
        height = "return ['now', 'history', 'breakdowns'].map((name) => document.getElementById(name).offsetHeight)"
        counts = {"tracked": 1, "mismatched": 2, "untracked": 3}
        self.show(answer(NOTHING, FINDING))
        before = self.browser.run(height)
        self.show(answer({**NOTHING, "entries": 200000, "entries_limit": 262144, "growth_per_second": 12.5, "drops_total": 1,
                          "established_sockets": counts, "tcp_flows": {"established": 3},
                          "talkers": {"source": [{"value": f"192.0.2.{i}", "flows": 9} for i in range(9)]}}, FINDING))
        self.assertEqual(self.browser.run(height), before)

    def test_what_a_screen_reader_is_told(self):
        self.open()
        self.assertEqual(self.browser.run("return document.documentElement.lang"), "en")
        self.assertEqual(self.browser.run("""
            return [...document.querySelectorAll("section")].filter((section) =>
                !document.getElementById(section.getAttribute("aria-labelledby"))).length"""), 0)
        self.assertEqual(self.browser.run("""
            return [...document.querySelectorAll(".bar")].filter((bar) => bar.ariaHidden !== "true").length"""), 0)
        labels = self.browser.run("return [...document.querySelectorAll('svg')].map((svg) => svg.ariaLabel)")
        self.assertEqual([label.split(":")[0] for label in labels],
                         ["Table usage", "Drops per second", "ESTABLISHED sockets and flows"])


class Refreshing(Page):
    def asked(self):
        """How often the page asked since the last call."""
        return self.browser.requests().count(self.url + "diagnosis")

    def test_never_two_at_once(self):
        self.open()
        self.answered()
        with stopped(self.it.pids()[0]):
            self.asked()
            time.sleep(12)
            self.assertLessEqual(self.asked(), 1)
        wait_until(lambda: self.asked() >= 1, REFRESHED_S, "it goes on")

    def test_it_waits_while_nobody_looks(self):
        self.open()
        look = """
            Object.defineProperty(document, "hidden", { value: arguments[0], configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));"""
        wait_until(lambda: not self.browser.run("return busyOf()"), REFRESHED_S, "no request runs")
        self.browser.run(look, True)
        time.sleep(1)
        self.asked()
        time.sleep(12)
        self.assertEqual(self.asked(), 0)
        self.browser.run(look, False)
        wait_until(lambda: self.asked() == 1, 2, "it asks at once")

    def test_it_says_that_it_fails_and_recovers(self):
        port = testlib.free_port(self.namespace)
        flag = f"--web.listen-address=127.0.0.1:{port}"
        with testlib.Exporter(self.namespace, flag):
            self.open(f"http://127.0.0.1:{port}/")
            entries = self.browser.text("#entries")
        wait_until(lambda: "failed" in self.browser.text("#state"), REFRESHED_S, "it says so")
        self.assertEqual(self.browser.text("#state"),
                         "The refresh failed: the exporter cannot be reached. It is tried again every 5 s.")
        self.assertEqual(self.browser.text("#entries"), entries)
        self.assertRegex(self.browser.text("#age"), r"^These numbers are \d+ s old\.$")
        self.assertTrue(self.browser.run("return document.body.classList.contains('stale')"))
        with testlib.Exporter(self.namespace, flag):
            wait_until(lambda: "Refreshed" in self.browser.text("#state"), REFRESHED_S, "it recovers")
            self.assertFalse(self.browser.run("return document.body.classList.contains('stale')"))
            self.assertRegex(self.browser.text("#age"), r"^Updated \d+ s ago\.$")
        self.browser.console()


if __name__ == "__main__":
    testlib.main()
