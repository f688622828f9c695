# SPDX-License-Identifier: GPL-2.0-or-later
"""What the program prints of its own flags: help, manual page, completion of bash and zsh."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from common import TestCase, testlib

PROGRAM = "conntrack_exporter"
HELP_FLAG = re.compile(r"  (?:-h, )?--(\[no-\])?([\w.-]+)(?:=(\S+))?(?: (.*))?$")
MANUAL_FLAG = re.compile(r"\.It (?:Fl h , )?Fl -(\[no-\])?([\w.-]+)(?: Ns = Ns Ar (\S+))?$")
HIDDEN = {"help-long", "help-metrics", "help-man", "completion-script-bash", "completion-script-zsh"}
COMMANDS = ("metrics", "diagnose", "talkers")
SWITCH = "collector.NAME"  # of the manual's options, beside a list of all collectors
# What the machine that checks has installed says nothing about the page.
NO_FINDING = re.compile(r"referenced manual not found|outdated mandoc\.db")


def text(flag):
    return testlib.run(testlib.EXPORTER, flag)


class Flag:
    """A flag as one of the texts tells of it."""

    def __init__(self, found, words=""):
        self.switch, self.name, self.value = bool(found.group(1)), found.group(2), found.group(3)
        self.words = words

    def names(self):
        """As they are typed: with = where a value follows."""
        return {f"--{self.name}", f"--no-{self.name}"} if self.switch else {f"--{self.name}="}


def help_flags():
    """{command or None: {name: flag}} of --help."""
    flags, command = {None: {}}, None
    flag = None
    for line in text("--help").split("\nMetrics, by")[0].split("\n"):
        found = HELP_FLAG.match(line)
        if found:
            flag = flags[command][found.group(2)] = Flag(found, found.group(4) or "")
        elif re.match(r"  [a-z(]", line):
            command, flag = line.split()[0], None
            command = None if command == "(none)" else command
            flags.setdefault(command, {})
        elif flag and line.startswith(" " * 40):
            flag.words += " " + line.strip()
    for flag in [flag for group in flags.values() for flag in group.values()]:
        flag.words = " ".join(flag.words.split())
    return flags


def manual_flags():
    """The same of the manual page, hidden ones included."""
    flags, command, flag = {None: {}}, None, None
    for line in text("--help-man").split("\n"):
        found = MANUAL_FLAG.match(line)
        if found:
            flag = flags[command][found.group(2)] = Flag(found)
        elif line.startswith(".It Cm "):
            command, flag = line.split()[2], None
            flags[command] = {}
        elif line.startswith(".Sh"):
            command = flag = None
        elif flag and not line.startswith("."):
            flag.words += " " + re.sub(r"\\(.)", lambda escape: {"&": "", "e": "\\"}.get(escape[1], escape[1]), line)
    for flag in [flag for group in flags.values() for flag in group.values()]:
        flag.words = " ".join(flag.words.split())
    return flags


class Manual(TestCase):
    def test_flags_are_those_of_the_help(self):
        in_help, in_manual = help_flags(), manual_flags()
        self.assertEqual(set(in_help), {None, *COMMANDS})
        self.assertEqual(set(in_help), set(in_manual))
        self.assertEqual(set(in_manual[None]) - set(in_help[None]), HIDDEN | {SWITCH})
        for command, flags in in_help.items():
            self.assertEqual(set(flags), set(in_manual[command]) - HIDDEN - {SWITCH})
            for name, flag in flags.items():
                same = in_manual[command][name]
                self.assertEqual(flag.switch, same.switch, name)
                words, fallback = re.fullmatch(r"(.*?)(?: Default: (\S+)\.)?", same.words).groups()
                self.assertEqual(flag.value, fallback or same.value, name)
                collector = re.match(r"collector\.(\w+)$", name) and flag.switch
                if collector:
                    enabled, what = re.fullmatch(r"Enable the \w+ collector \(default: (\w+)\): (.*)",
                                                 flag.words).groups()
                    self.assertEqual(words, f"{what[0].upper()}{what[1:]} {enabled.capitalize()} by default.")
                else:
                    self.assertEqual(flag.words, words, name)

    def test_sections(self):
        self.assertEqual(re.findall(r"^\.Sh (.*)", text("--help-man"), re.M),
                         ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "COLLECTORS", "METRICS",
                          "WEB CONFIGURATION", "ENVIRONMENT", "FILES", "SIGNALS", "EXIT STATUS", "CAPABILITIES", "EXAMPLES", "SEE ALSO"])
        self.assertNotIn("{{", text("--help-man"))

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc_finds_nothing(self):
        done = subprocess.run(["mandoc", "-T", "lint"], input=text("--help-man"), capture_output=True, text=True,
                              check=False)
        found = [line for line in (done.stdout + done.stderr).split("\n") if line and not NO_FINDING.search(line)]
        self.assertEqual(found, [])

    @unittest.skipUnless(shutil.which("man") and shutil.which("groff"), "man or groff is not installed")
    def test_man_warns_of_nothing(self):
        with tempfile.NamedTemporaryFile("w", suffix=".1") as page:
            page.write(text("--help-man"))
            page.flush()
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page.name],
                                  capture_output=True, text=True, check=False,
                                  env={**os.environ, "MAN_KEEP_STDERR": "1", "MANWIDTH": "80"})
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        self.assertGreater(len(done.stdout), 5000)

    def test_examples_are_command_lines(self):
        """Each is taken by the parser."""
        page = text("--help-man").replace("\\e\n", " ").replace("\\-", "-")
        examples = re.findall(rf"^(?:\.Dl )?# {PROGRAM} (.*)", page, re.M)
        self.assertEqual(len(examples), 5)
        for example in examples:
            self.assertIn("usage: ", testlib.run(testlib.EXPORTER, *example.split(), "--help"))


@unittest.skipUnless(shutil.which("bash"), "bash is not installed")
class Bash(TestCase):
    def complete(self, *words, cwd="/"):
        """What the function offers for the last of the words, as readline cuts them."""
        script = ('. /dev/stdin; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "_$1" || true; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-euc", script, "bash", PROGRAM, *words], cwd=cwd, capture_output=True,
                              text=True, input=text("--completion-script-bash"), check=False)
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        return sorted(line for line in done.stdout.split("\n") if line)

    def test_flags(self):
        flags = help_flags()
        common = {"-h"}.union(*(flag.names() for flag in flags[None].values()))
        self.assertEqual(self.complete("-"), sorted(common))
        self.assertEqual(self.complete("--log.l"), ["--log.level="])
        for command in COMMANDS:
            own = set().union(*(flag.names() for flag in flags[command].values()))
            self.assertEqual(self.complete(command, ""), sorted(common | own))
            self.assertEqual(self.complete("--log.level", "=", "warn", command, "--"), sorted(common - {"-h"} | own))
        # The value of a flag is not a command.
        self.assertEqual(self.complete("--path.procfs", "metrics", "-"), sorted(common))
        self.assertEqual(self.complete("--path.procfs", "=", "metrics", "-"), sorted(common))

    def test_commands(self):
        self.assertEqual(self.complete(""), sorted(COMMANDS))
        self.assertEqual(self.complete("--collector.talkers", "t"), ["talkers"])

    def test_values(self):
        choices = {flag.name: re.search(r": ([\w, -]+)\.$", flag.words)[1].split(", ")
                   for group in help_flags().values() for flag in group.values()
                   if re.search(r":(?: [\w-]+,)+ [\w-]+\.$", flag.words)}
        self.assertEqual(set(choices), {"log.level", "log.format", "format", "by"})
        for name, values in choices.items():
            self.assertEqual(self.complete(f"--{name}", "=", ""), sorted(values))
            self.assertEqual(self.complete(f"--{name}", "="), sorted(values))
            self.assertEqual(self.complete(f"--{name}", ""), sorted(values))
            self.assertEqual(self.complete(f"--{name}", "=", values[0]), [v for v in sorted(values)
                                                                          if v.startswith(values[0])])
            self.assertEqual(self.complete(f"--{name}={values[0]}"), [f"--{name}={v}" for v in sorted(values)
                                                                       if v.startswith(values[0])])
        self.assertEqual(self.complete("--web.max-requests", "=", ""), [])
        self.assertEqual(self.complete("--web.max-requests", ""), [])

    def test_files(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in ("a b.prom", "ab.prom", "c"):
                with open(os.path.join(directory, name), "w", encoding="utf-8"):
                    pass
            os.mkdir(os.path.join(directory, "adir"))
            for words in (["metrics", "--output", "=", "a"], ["metrics", "--output", "a"]):
                self.assertEqual(self.complete(*words, cwd=directory), ["a b.prom", "ab.prom", "adir"])
            self.assertEqual(self.complete("metrics", "--output=a", cwd=directory),
                             ["--output=a b.prom", "--output=ab.prom", "--output=adir"])
            self.assertEqual(self.complete("--path.procfs", "=", "", cwd=directory), ["adir"])

    def test_it_is_for_the_program(self):
        done = testlib.run("bash", "-c", ". /dev/stdin; complete -p", input=text("--completion-script-bash"))
        self.assertEqual(done.strip(), f"complete -F _{PROGRAM} {PROGRAM}")


class Zsh(TestCase):
    def test_flags_are_those_of_the_help(self):
        script = text("--completion-script-zsh")
        flags, command = {None: set()}, None
        for line in script.split("\n"):
            found = re.match(r"\t\t(\w+)\)$", line)
            if found:
                command = found.group(1)
                flags[command] = set()
            flags[command] |= set(re.findall(r"^\t\t'\*?(--?[\w.-]+=?)\[", line))
            for both in re.findall(r"'\{([^}]*)\}'\[", line):
                flags[command] |= set(both.split(","))
        wanted = {command: set().union(*(flag.names() for flag in group.values()))
                  for command, group in help_flags().items()}
        wanted[None].add("-h")
        self.assertEqual(flags, wanted)
        self.assertNotIn("{{", script)

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_reads_it(self):
        testlib.run("zsh", "-n", "/dev/stdin", input=text("--completion-script-zsh"))
        # As its own loader and as a user load it.
        loaded = ("autoload -Uz compinit; compinit -u -D; . /dev/stdin; print -r -- $_comps[conntrack_exporter]; "
                  "whence -w _conntrack_exporter")
        done = testlib.run("zsh", "-fc", loaded, input=text("--completion-script-zsh"))
        self.assertEqual(done.split("\n")[:2], ["_conntrack_exporter", "_conntrack_exporter: function"])
        self.assertTrue(text("--completion-script-zsh").startswith(f"#compdef {PROGRAM}\n"))


if __name__ == "__main__":
    testlib.main()
