# SPDX-License-Identifier: GPL-2.0-or-later
"""meson install: every file where a distribution looks for it."""

import json
import os
import re
import subprocess
import tempfile

import common
from common import testlib

PREFIX = "usr/local"  # meson's default, which the build directory of the tests has
PROGRAM = "conntrack_exporter"
EXAMPLES = {"default": "default/conntrack_exporter", "modules-load.d.conf": "modules-load.d/conntrack_exporter.conf",
            "sysctl.d.conf": "sysctl.d/conntrack_exporter.conf", "web-config.conf": "web-config/conntrack_exporter.conf"}


def listed(*parts):
    """The files of a directory below deploy/ that are for users."""
    names = [name for name in os.listdir(common.path(*parts)) if not name.startswith(".")]
    assert names, parts
    return names


def shared(program, docdir):
    """What is the same whatever the name and the place of units, below the prefix."""
    share = f"share/{program}"
    return {f"bin/{program}", f"share/man/man1/{program}.1", f"share/bash-completion/completions/{program}",
            f"{docdir}/README.md", f"{docdir}/SCALE.md", f"{docdir}/deploy/status-page.png",
            *(f"{docdir}/examples/{name}" for name in EXAMPLES), f"{docdir}/examples/alertmanager/alertmanager.yml",
            *(f"{docdir}/examples/prometheus/{name}" for name in listed("prometheus") if name.endswith(".yml")),
            *(f"{docdir}/examples/prometheus/targets/{name}" for name in listed("prometheus", "targets")),
            *(f"{docdir}/examples/web/{name}" for name in listed("web")),
            *(f"{docdir}/examples/grafana/provisioning/{kind}/{name}" for kind in listed("grafana", "provisioning")
              for name in listed("grafana", "provisioning", kind)),
            *(f"{share}/rules/{name}" for name in listed("prometheus", "rules")),
            *(f"{share}/dashboards/{name}" for name in listed("grafana", "dashboards")),
            *(f"{docdir}/runbooks/{name}" for name in listed("runbooks"))}


class Install(testlib.TestCase):
    def install(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        testlib.run("meson", "install", "-C", testlib.BUILD, "--no-rebuild", "--quiet", "--destdir", directory.name)
        return os.path.join(directory.name, PREFIX)

    def test_files(self):
        testlib.need("meson")
        top = self.install()
        found = {os.path.relpath(os.path.join(folder, name), top) for folder, _, names in os.walk(top)
                 for name in names}
        self.assertEqual(found, shared(PROGRAM, f"share/doc/{PROGRAM}") | {
            f"share/zsh/site-functions/_{PROGRAM}",
            f"lib/systemd/system/{PROGRAM}.service",
            f"lib/systemd/system/{PROGRAM}.socket",
        })
        for path in sorted(found):
            mode = os.stat(os.path.join(top, path)).st_mode & 0o777
            self.assertEqual(mode, 0o755 if path.startswith("bin/") else 0o644, path)

    def test_texts_and_units_are_of_the_program(self):
        testlib.need("meson")
        top = self.install()
        for flag, path in {"--help-man": f"share/man/man1/{PROGRAM}.1",
                           "--completion-script-bash": f"share/bash-completion/completions/{PROGRAM}",
                           "--completion-script-zsh": f"share/zsh/site-functions/_{PROGRAM}"}.items():
            with open(os.path.join(top, path), encoding="utf-8") as file:
                self.assertEqual(file.read(), testlib.run(testlib.EXPORTER, flag), path)
        copies = {f"lib/systemd/system/{unit}": unit for unit in (f"{PROGRAM}.service", f"{PROGRAM}.socket")}
        copies.update({f"share/doc/{PROGRAM}/examples/{name}": source for name, source in EXAMPLES.items()})
        for path, source in copies.items():
            with open(os.path.join(top, path), encoding="utf-8") as file:
                self.assertEqual(file.read(),
                                 common.read("systemd", source).replace("/usr/bin/", f"/{PREFIX}/bin/"), path)
        with open(os.path.join(top, "lib/systemd/system", f"{PROGRAM}.service"), encoding="utf-8") as file:
            self.assertRegex(file.read(), re.compile(rf"^ExecStart=/{PREFIX}/bin/{PROGRAM}\b", re.M))

    def test_a_program_that_does_not_run_here_has_no_texts(self):
        """As when it is built for another processor."""
        testlib.need("meson")
        with tempfile.TemporaryDirectory() as directory:
            cross = os.path.join(directory, "cross")
            machine = os.uname().machine
            with open(cross, "w", encoding="utf-8") as file:
                file.write("[binaries]\nc = 'cc'\nar = 'ar'\nstrip = 'strip'\npkgconfig = 'pkg-config'\n"
                           "[properties]\nneeds_exe_wrapper = true\n[host_machine]\nsystem = 'linux'\n"
                           f"cpu_family = '{machine}'\ncpu = '{machine}'\nendian = 'little'\n")
            build = os.path.join(directory, "build")
            done = subprocess.run(["meson", "setup", build, testlib.SOURCE, f"--cross-file={cross}", "-Dtests=false",
                                   "-Dprogram_name=other-name", "-Dsystemdsystemunitdir=no",
                                   "-Drevision=0123"],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn("No manual page and no completion are installed", done.stdout)
            with open(os.path.join(build, "version.h"), encoding="utf-8") as file:
                self.assertRegex(file.read(), '(?m)REVISION "0123"$')
            with open(os.path.join(build, "meson-info", "intro-installed.json"), encoding="utf-8") as file:
                installed = sorted(json.load(file).values())
            self.assertEqual(installed, [f"/{PREFIX}/{path}" for path in (
                "bin/other-name", "share/doc/other-name/README.md", "share/doc/other-name/SCALE.md",
                "share/doc/other-name/deploy/status-page.png",
                *(f"share/doc/other-name/examples/{name}" for name in sorted(
                    {"alertmanager/alertmanager.yml", "grafana/provisioning", "prometheus", "web", *EXAMPLES})),
                "share/doc/other-name/runbooks", "share/other-name/dashboards", "share/other-name/rules")])


if __name__ == "__main__":
    testlib.main()
