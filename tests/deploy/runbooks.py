# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command and query of the runbooks works, every name in them exists, and there is a page for each alert."""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

from common import path, read, testlib

try:
    import yaml
except ImportError:
    testlib.skip("python3-yaml is not installed")
from servers import Prometheus  # pylint: disable=wrong-import-position

testlib.need("conntrack", "curl", "ip", "iptables", "nft", "nstat", "ss", "sysctl")

ALERTS_FILE = path("prometheus", "rules", "conntrack.alerts.yml")
RULES_FILE = path("prometheus", "rules", "conntrack.rules.yml")
HEADINGS = ["What it means", "Is it really this?", "What to do now", "What causes it", "What it is not"]
LINES_MAX = 75
COLUMNS_MAX = 145

PAGES = {os.path.basename(file)[:-3]: read("runbooks", os.path.basename(file))
         for file in sorted(glob.glob(path("runbooks", "Conntrack*.md")))}
INDEX = read("runbooks", "README.md")
TEXTS = {**PAGES, "README": INDEX}

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.M | re.S)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
# A name that something exports or records. Not a file, not the program.
METRIC = re.compile(r"(?<![\w/.-])(?:[a-z_]+:conntrack_[\w:]+|conntrack_(?!exporter\b)[a-z0-9_]*[a-z0-9]|process_[a-z_]+)(?!\w|\.\w)")
SYSCTL = re.compile(r"\b(?:net|fs)\.[a-z0-9_]+(?:\.[a-z0-9_]+)+")
SNAKE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+$")

# One number for the host: read-only in a namespace, and never set here.
GLOBAL = {"net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_buckets"}
# What may be run as it is in a namespace of the test's own. lsns and xargs only lead to what reads.
RUNNABLE = {"conntrack_exporter", "conntrack", "curl", "dmesg", "grep", "ip6tables", "iptables", "nft", "nstat", "ss", "sysctl"}
RUNNABLE_LINES = {"lsns -t net -n -o PID | xargs -I{} nsenter -t {} -n conntrack -C",
                  "{ echo flush ruleset; nft list ruleset; } >ruleset.before"}
CHANGES = re.compile(r"sysctl -w|nft '?(?:add|delete|-f)|(?:iptables|conntrack) .*-[AID] |systemctl restart")
# These would reach the host. Their units are all that can be checked.
SYSTEM = re.compile(r"(?:systemctl (?:status|show|restart)|journalctl) ")
UNITS = {"prometheus-conntrack-exporter", "docker", "firewalld", "netfilter-persistent", "nftables"}
# Words with underscores that are neither metrics nor findings.
WORDS = {"conntrack_exporter", "scrape_timeout"}
# A query that compares is right to have no answer; so is one that looks into the past.
COMPARISON = re.compile(r" (?:>|==) [\d.]+$| offset \w+")


def lines_of(text, kind):
    """The lines of all fenced blocks of a kind."""
    return [line.strip() for _, found, lines in FENCE.findall(text) if found == kind for line in lines.splitlines()]


def prose(text):
    """The text without fenced blocks."""
    return FENCE.sub("", text)


def slug(heading):
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def items(page):
    """The numbered steps of "What to do now"."""
    section = page.split("## What to do now\n")[1].split("\n## ")[0]
    return re.split(r"^\d+\. ", section, flags=re.M)[1:]


def rules(file):
    with open(file, encoding="utf-8") as text:
        return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def ids():
    """The findings that README names."""
    with open(os.path.join(testlib.SOURCE, "README.md"), encoding="utf-8") as readme:
        table = readme.read().split("\n## The diagnosis\n")[1].split("\n## ")[0]
    return set(re.findall(r"`([a-z_]+)`", "\n".join(line for line in table.splitlines() if line.startswith("| `"))))


class Pages(testlib.TestCase):
    """What can be read off the text."""

    def test_alerts(self):
        self.assertEqual(set(re.findall(r"\]\((Conntrack\w+)\.md\)", INDEX.split("\n## ")[0])), set(PAGES))
        if not os.path.exists(ALERTS_FILE):
            self.skipTest("there is no conntrack.alerts.yml")
        alerts = {}
        for rule in rules(ALERTS_FILE):
            alerts.setdefault(rule["alert"], []).append(f"{rule['labels']['severity']} after {rule.get('for', '0s')}")
        self.assertEqual(set(alerts), set(PAGES))
        for name, page in PAGES.items():
            said = re.search(r"^Severity: (.*)\.$", page, re.M).group(1).split(", ")
            self.assertEqual(said, alerts[name], name)

    def test_form(self):
        for name, page in PAGES.items():
            self.assertEqual(page.splitlines()[0], f"# {name}")
            self.assertEqual(re.findall(r"^## (.*)$", page, re.M), HEADINGS, name)
            self.assertLessEqual(len(page.splitlines()), LINES_MAX, name)
            self.assertEqual([int(n) for n in re.findall(r"^(\d+)\. ", page, re.M)],
                             list(range(1, 1 + len(items(page)))), name)
        for name, text in TEXTS.items():
            self.assertNotRegex(prose(text), re.compile("[\u2013\u2014]| - |[ \\t]$", re.M), name)
            long = [line for line in prose(text).splitlines() if len(line) > COLUMNS_MAX and not line.startswith("|")]
            self.assertEqual(long, [], name)

    def test_costs(self):
        """Each step with a command says what it costs and how to undo it; what destroys carries a warning."""
        for name, page in PAGES.items():
            for item in items(page):
                commands, said = lines_of(item, "sh"), " ".join(prose(item).split())
                if not commands:
                    continue
                changes = any(CHANGES.search(line) for line in commands)
                self.assertTrue(re.search("Cost: .*[Uu]ndo|[Uu]ndo.*Cost: " if changes else "Cost: |[Rr]eads only", said),
                                f"{name}: {item}")
                if any(line.startswith("conntrack -D") for line in commands):
                    self.assertIn("Warning: no undo", said, name)
            self.assertNotRegex("\n".join(lines_of(page, "sh")), r"conntrack (?:-F|--flush)", name)

    def test_links(self):
        for name, text in TEXTS.items():
            for link in LINK.findall(text):
                file, _, anchor = link.partition("#")
                self.assertEqual(os.path.dirname(file), "", f"{name}: {link}: the pages are installed without the rest")
                target = path("runbooks", file) if file else path("runbooks", f"{name}.md")
                self.assertTrue(os.path.exists(target), f"{name}: {link}")
                if anchor:
                    there = {slug(h) for h in re.findall(r"^##? (.*)$", TEXTS[os.path.basename(target)[:-3]], re.M)}
                    self.assertIn(anchor, there, f"{name}: {link}")
            for step, page in re.findall(r"\[step (\d+) of (\w+)\]", text):
                self.assertLessEqual(int(step), len(items(PAGES[page])), name)

    def test_metrics(self):
        known = set(re.findall(r"^\| [^|]+ \| `(\w+)`", testlib.run(testlib.EXPORTER, "--help-metrics"), re.M))
        records = {rule["record"] for rule in rules(RULES_FILE)} if os.path.exists(RULES_FILE) else None
        for name, text in TEXTS.items():
            for metric in METRIC.findall(text):
                if ":" not in metric:
                    self.assertIn(metric, known, name)
                elif records is not None:
                    self.assertIn(metric, records, name)

    def test_names(self):
        """Words with underscores in backquotes are findings, counters of conntrack -S, or known; sysctls exist."""
        namespace = self.enter(testlib.Namespace())
        counters = set(re.findall(r"(\w+)=", namespace.run("conntrack", "-S"))) - {"cpu"}
        findings = ids()
        self.assertIn("table_full", findings)
        for name, text in TEXTS.items():
            for word in INLINE.findall(prose(text)):
                if SNAKE.match(word) and not METRIC.fullmatch(word):
                    self.assertIn(word, findings | counters | WORDS, name)
            for key in SYSCTL.findall(text):
                self.assertTrue(os.path.exists("/proc/sys/" + key.replace(".", "/")), f"{name}: no sysctl {key}")

    def test_flags(self):
        """Flags of the exporter in the text are taken by its parser."""
        known = set(re.findall(r"^ +--(?:\[no-\])?([a-z.-]+)", testlib.run(testlib.EXPORTER, "--help"), re.M))
        for name, text in TEXTS.items():
            for words in INLINE.findall(prose(text)):
                if not re.match(r"--(?:no-)?(?:web|collector|path|log)\.", words):
                    continue
                flags = words.split()
                for flag in flags:
                    stem = re.sub(r"^--(no-)?", "", flag.split("=")[0])
                    self.assertIn(stem, known, f"{name}: {flag}")
                if "=" in words or all(flag.startswith("--no-") for flag in flags):
                    testlib.run(testlib.EXPORTER, *flags, "--help")


class Commands(testlib.TestCase):
    """What is there to be typed."""

    def setUp(self):
        self.namespace = self.enter(testlib.Namespace())
        self.enter(testlib.Exporter(self.namespace, "--web.listen-address=127.0.0.1:10066"))
        self.directory = self.enter(tempfile.TemporaryDirectory(prefix="runbooks-"))
        with open(os.path.join(self.directory, "nftables.conf"), "w", encoding="utf-8") as file:
            file.write("flush ruleset\ntable inet example { chain input { type filter hook input priority 0; }; }\n")

    def shell(self, line):
        environment = {**os.environ, "PATH": f"{testlib.BUILD}:{os.environ['PATH']}"}
        return subprocess.run(self.namespace.command("bash", "-o", "pipefail", "-c", line), cwd=self.directory,
                              env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def run_line(self, line, page):
        if line.startswith("conntrack -D"):  # else there is nothing to delete, which is an error
            self.namespace.run("conntrack", "-I", "-p", "tcp", "--state", "ESTABLISHED", "-t", "60", "-s", "192.0.2.7",
                               "-d", "198.51.100.1", "--sport", "1024", "--dport", "443")
        line = line.replace("/etc/nftables.conf", "nftables.conf")
        if line.startswith("conntrack_exporter diagnose"):
            line = re.sub(r" --interval=\S+", "", line) + " --interval=100ms"
        done = self.shell(line)
        # Namespaces of others come and go while xargs enters them; the kernel may have logged nothing, or hide its log.
        if done.returncode not in (0, 123 if "| xargs" in line else 0, 1 if line.startswith("dmesg") else 0):
            self.fail(f"{page}: {line}: exit {done.returncode}: {done.stderr}")

    def check_system_line(self, line, page):
        words = line.split()
        units = {after for before, after in zip(words, words[1:]) if before == "-u"} or {words[2]}
        self.assertLessEqual(units, UNITS, f"{page}: {line}")
        self.assertEqual(subprocess.run(["bash", "-n", "-c", line], check=False).returncode, 0, line)
        if words[0] == "journalctl" and shutil.which("journalctl"):
            self.assertEqual(self.shell(line + " --no-pager").returncode, 0, f"{page}: {line}")

    def check_line(self, line, page):
        programs = {command.split()[0] for command in re.split(r" \| ", line)}
        setting = re.match(r"sysctl -w ([a-z0-9_.]+)=(.+)$", line)
        if SYSTEM.match(line):
            self.check_system_line(line, page)
        elif line not in RUNNABLE_LINES and not programs <= RUNNABLE:
            self.fail(f"{page}: cannot check this: {line}")
        elif setting and setting.group(1) in GLOBAL:
            self.assertRegex(setting.group(2), r"^\d+$")
        elif setting:
            # Only what a namespace has of its own is set: /proc/sys/net is that of the namespace.
            self.assertTrue(setting.group(1).startswith("net."), f"{page}: cannot check this: {line}")
            self.run_line(line, page)
        else:
            self.run_line(line, page)

    def rules_loaded(self):
        """How many rules nft knows in the namespace."""
        return len(re.findall(r'\{"rule":', self.namespace.run("nft", "-j", "list", "ruleset")))

    def test_commands(self):
        """All lines of all pages, in order; what is said to undo rules undoes them."""
        checked = set()
        for name, page in PAGES.items():
            for line in lines_of(page, "sh"):
                # Twice is not better where it only reads.
                if line not in checked or not line.startswith(("conntrack_exporter", "ss ", "sysctl net")):
                    self.check_line(line, name)
                checked.add(line)
            for undo in re.findall(r"Undo: `(nft [^`]+)`", page):
                self.run_line(undo, name)
            self.assertEqual(self.rules_loaded(), 0, f"{name}: rules are left")
        print(f"{len(checked)} commands")


class Queries(testlib.TestCase):
    """What is there to be asked."""

    def setUp(self):
        self.queries = [(name, line) for name, page in PAGES.items() for line in lines_of(page, "promql")]

    def test_syntax(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed")
        wrapped = {"groups": [{"name": "queries", "rules": [
            {"record": "query", "expr": query, "labels": {"page": page, "number": str(number)}}
            for number, (page, query) in enumerate(self.queries)]}]}
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            yaml.safe_dump(wrapped, file)
            file.flush()
            testlib.run("promtool", "check", "rules", file.name)

    def test_answers(self):
        """A real Prometheus with the recording rules has an answer to each, comparisons aside."""
        if not shutil.which("prometheus") or not os.path.exists(RULES_FILE):
            self.skipTest("there is no prometheus, or no conntrack.rules.yml")
        here, there = self.enter(testlib.Namespace()), self.enter(testlib.Namespace())
        testlib.link(here, there, "near", "far")
        here.address("near", "10.77.0.1/24")
        there.address("far", "10.77.0.2/24")
        here.nft("add table inet t; add chain inet t c { type filter hook input priority 0; }; "
                 "add rule inet t c ct state established accept")
        listener, client = here.socket(), there.socket()
        self.addCleanup(listener.close)
        self.addCleanup(client.close)
        listener.bind(("10.77.0.1", 80))
        listener.listen()
        client.connect(("10.77.0.1", 80))
        web_config = self.enter(tempfile.NamedTemporaryFile("w", suffix=".yml"))
        os.chmod(web_config.name, 0o644)
        exporter = self.enter(testlib.Exporter(here, f"--web.config.file={web_config.name}"))
        config = {"global": {"scrape_interval": "500ms", "evaluation_interval": "500ms", "scrape_timeout": "500ms"},
                  "rule_files": [RULES_FILE],
                  "scrape_configs": [{"job_name": "conntrack", "static_configs": [
                      {"targets": [f"127.0.0.1:{exporter.port}"]}]}]}
        prometheus = self.enter(Prometheus(here, yaml.safe_dump(config)))
        testlib.wait_until(lambda: prometheus.query("conntrack_entries"), 15, "a scrape")
        here.run(testlib.FILL, "--count=100")
        asked = {COMPARISON.sub("", query): page for page, query in self.queries}

        def unanswered():
            return sorted(f"{page}: {query}" for query, page in asked.items() if not prometheus.query(query))

        try:
            testlib.wait_until(lambda: not unanswered(), 15, "answers")
        except AssertionError:
            self.fail("no answer to\n" + "\n".join(unanswered()))
        print(f"{len(asked)} queries")


if __name__ == "__main__":
    sys.exit(testlib.main())
