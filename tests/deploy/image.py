# SPDX-License-Identifier: GPL-2.0-or-later
"""The container image: built as the Dockerfile says, looked at, and run with the rights that the documentation names."""

import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
import unittest

import common
from common import testlib

testlib.need("buildah", "mmdebstrap", "runc", "nsenter")
if common.in_user_namespace():
    testlib.skip("only real root can build and run containers")
with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
    if "/" not in (line.split()[4] for line in mounts):
        testlib.skip("/ is no mount point here, so containers can neither be built nor run")

BASE = "localhost/debian:bookworm-slim"  # what the Dockerfile's FROM is found as here
IMAGE = "conntrack-exporter"
DOCKERFILE = common.path("docker", "Dockerfile")
SECCOMP = "/usr/share/containers/seccomp.json"  # comes with buildah; what CRI-O takes for RuntimeDefault
SIZE_MAX = 16 << 20
# As in the official image.
SLIM = ["path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright", "path-exclude=/usr/share/man/*",
        "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/info/*"]
COLLECTORS = {"table", "stat", "flows", "correlation", "sockets", "netstat", "ports", "settings"}


class Store:
    """Images and containers of buildah, in a directory of their own."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="image-", dir="/var/tmp")
        self.driver = "overlay" if self.has_overlay() else "vfs"

    def has_overlay(self):
        for name in ("low", "high", "work", "merged"):
            os.mkdir(os.path.join(self.directory, name))
        command = ('cd "$0" && mount -t overlay -o lowerdir=low,upperdir=high,workdir=work overlay merged && umount merged')
        return subprocess.run(["sh", "-c", command, self.directory], capture_output=True, check=False).returncode == 0

    def run(self, *args):
        return testlib.run("buildah", "--root", f"{self.directory}/root", "--runroot", f"{self.directory}/run",
                           "--storage-driver", self.driver, *args).strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("rm", "--all")
        self.run("rmi", "--all", "--force")
        # The driver's own mount.
        for kind in ("overlay", "vfs"):
            subprocess.run(["umount", f"{self.directory}/root/{kind}"], capture_output=True, check=False)
        shutil.rmtree(self.directory)

    def make_base(self):
        """A Debian in place of the official image."""
        container = self.run("from", "scratch")
        try:
            testlib.run("mmdebstrap", "--quiet", "--variant=apt", *[f"--dpkgopt={option}" for option in SLIM],
                        "bookworm", self.run("mount", container))
        except RuntimeError as error:
            print(error, flush=True)
            raise unittest.SkipTest("mmdebstrap cannot make a Debian to build upon, for want of a package archive?") from error
        self.run("commit", "--quiet", "--disable-compression", container, BASE)
        self.run("rm", container)


def seccomp(capabilities):
    """The default profile as an OCI runtime takes it, for a container with these capabilities."""
    with open(SECCOMP, encoding="utf-8") as file:
        profile = json.load(file)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    rules = []
    for rule in profile["syscalls"]:
        only, never = rule.get("includes", {}), rule.get("excludes", {})
        if (set(only.get("caps", ())) <= capabilities and machine in only.get("arches", [machine]) and
                not set(never.get("caps", ())) & capabilities and machine not in never.get("arches", ())):
            rules.append({key: rule[key] for key in ("names", "action", "args", "errnoRet") if rule.get(key)})
    return {"defaultAction": profile["defaultAction"], "defaultErrnoRet": profile["defaultErrnoRet"],
            "architectures": [f"SCMP_ARCH_{os.uname().machine.upper()}"], "syscalls": rules}


def status(pid):
    """Of /proc/PID/status: user ids, capabilities and the like."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(re.findall(r"^(\w+):\t(.*)$", file.read(), re.M))


class Container(testlib.Exporter):
    """The exporter in the container of a bundle; its flags are those of config.json there."""

    def __init__(self, namespace, bundle, config, program):
        with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.runc = ["runc", "--root", os.path.join(bundle, "state")]
        self.name = namespace.name
        # What Exporter appends becomes parameters of a shell that does not look at them.
        run = f"exec {shlex.join(self.runc)} run --bundle {bundle} {self.name}"
        super().__init__(namespace, "--web.listen-address=in config.json", prefix=["sh", "-c", run], program=program)

    def web(self):
        """runc starts it from any of its threads."""
        for children in glob.glob(f"/proc/{self.process.pid}/task/*/children"):
            with open(children, encoding="ascii") as file:
                for pid in file.read().split():
                    if os.path.samefile(f"/proc/{pid}/exe", self.program):
                        return int(pid)
        raise RuntimeError("it does not run")

    def kill(self):
        subprocess.run([*self.runc, "delete", "--force", self.name], capture_output=True, check=False)
        self.process.wait()

    def exec(self, *command):
        """Runs a command in the container and returns what it wrote to stdout."""
        return testlib.run(*self.runc, "exec", self.name, *command)


class Image(testlib.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.store = cls.enter_class(Store())
        start = time.monotonic()
        cls.store.make_base()
        base = time.monotonic()
        cls.store.run("bud", "--isolation", "chroot", "--layers=false", "--pull-never", "--quiet", "--build-arg",
                      "REVISION=0123", "--ignorefile", f"{DOCKERFILE}.dockerignore", "--tag", IMAGE, "--file", DOCKERFILE,
                      testlib.SOURCE)
        print(f"base image {base - start:.0f} s, build {time.monotonic() - base:.0f} s", flush=True)
        cls.about = json.loads(cls.store.run("inspect", "--type", "image", IMAGE))
        cls.config = cls.about["OCIv1"]["config"]
        cls.root = cls.store.run("mount", cls.store.run("from", "--pull-never", IMAGE))
        cls.program = os.path.join(cls.root, "usr/bin/conntrack_exporter")

    def run_container(self, *capabilities, user=0):
        """A running container, as Kubernetes makes one of the DaemonSet with these capabilities and this user."""
        namespace = self.enter(testlib.Namespace())
        bundle = self.enter(tempfile.TemporaryDirectory(prefix="bundle-"))
        testlib.run("runc", "spec", cwd=bundle)
        with open(os.path.join(bundle, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        granted = [f"CAP_{name}" for name in capabilities]
        config["process"].update(
            args=self.config["Entrypoint"] + ["--web.listen-address=127.0.0.1:10066"], env=self.config["Env"], terminal=False, noNewPrivileges=True,
            user={"uid": user, "gid": user},
            capabilities={name: granted for name in ("bounding", "effective", "permitted")})
        if user:
            config["process"]["capabilities"].update(effective=[], permitted=[])
        config["root"] = {"path": self.root, "readonly": True}
        config["mounts"] = [mount for mount in config["mounts"] if mount["type"] != "cgroup"]
        config["linux"]["seccomp"] = seccomp(set(granted))
        config["linux"]["namespaces"] = [kind for kind in config["linux"]["namespaces"]
                                         if kind["type"] not in ("network", "cgroup")]
        config["linux"]["namespaces"].append({"type": "network", "path": f"/run/netns/{namespace.name}"})
        return self.enter(Container(namespace, bundle, config, self.program))

    def succeeded(self, exporter):
        """The collectors that succeeded."""
        metrics = exporter.metrics()
        by_name = {dict(labels)["collector"]: value for (name, labels), value in metrics.samples.items()
                   if name == "conntrack_scrape_collector_success"}
        self.assertEqual(by_name.keys(), COLLECTORS)
        return {name for name, value in by_name.items() if value == 1}

    def test_description(self):
        labels = {key.replace("org.opencontainers.image.", ""): value for key, value in self.config["Labels"].items()}
        for key in ("title", "description", "vendor", "authors", "created"):
            self.assertTrue(labels[key], key)
        self.assertEqual(labels["licenses"], "GPL-2.0-or-later")
        self.assertEqual(labels["revision"], "0123")
        said = testlib.run(self.program, "--version")
        self.assertEqual(labels["version"], re.search(r"version (\S+)", said)[1])
        self.assertIn("revision: 0123", said)
        self.assertEqual(self.config["Entrypoint"], ["/usr/bin/conntrack_exporter"])
        self.assertEqual(self.config["ExposedPorts"], {"10066/tcp": {}})
        self.assertNotIn("Cmd", self.config)
        self.assertIn(self.config.get("User", ""), ("", "0"))
        self.assertNotIn("Healthcheck", self.about["Docker"]["config"])

    def test_content(self):
        files = {os.path.relpath(os.path.join(folder, name), self.root): os.lstat(os.path.join(folder, name)).st_size
                 for folder, _, names in os.walk(self.root) for name in names}
        print(f"{len(files)} files, {sum(files.values())} bytes")
        self.assertLess(sum(files.values()), SIZE_MAX)
        programs = [name for name in files if "bin/" in name]
        self.assertEqual(programs, ["usr/bin/conntrack_exporter"])
        with open(os.path.join(testlib.SOURCE, "LICENSE"), encoding="utf-8") as ours, \
                open(os.path.join(self.root, "usr/share/doc/conntrack_exporter/LICENSE"), encoding="utf-8") as there:
            self.assertEqual(ours.read(), there.read())
        packages = {name.rsplit("/", 1)[1] for name in files if name.startswith("var/lib/dpkg/status.d/")}
        self.assertLessEqual({"libc6", "libmnl0", "libmicrohttpd12", "libnetfilter-conntrack3"}, packages)
        for package in packages:
            self.assertIn(f"usr/share/doc/{package}/copyright", files)
            with open(os.path.join(self.root, "var/lib/dpkg/status.d", package), encoding="utf-8") as file:
                self.assertRegex(file.read(), rf"(?m)\APackage: {re.escape(package)}$(.|\n)*^Version: ")
        allowed = re.compile(r"(usr/)?lib(64)?/|usr/bin/conntrack_exporter$|usr/share/doc/|var/lib/dpkg/status.d/")
        self.assertEqual([name for name in files if not allowed.match(name)], [])
        self.assertFalse([name for name in files if os.lstat(os.path.join(self.root, name)).st_mode & 0o6022
                          and not os.path.islink(os.path.join(self.root, name))])

    def test_rights_of_the_daemon_set(self):
        exporter = self.run_container("NET_ADMIN")
        self.assertEqual(self.succeeded(exporter), COLLECTORS)
        self.assertNotRegex(exporter.logged(), "without (a system call filter|Landlock)" if testlib.has_landlock()
                            else "without a system call filter")
        web, collector = map(status, exporter.pids())
        self.assertEqual(web["NSpid"].split()[-1], "1")
        for process, capabilities in ((web, 0), (collector, 1 << 12)):
            for kind in ("CapEff", "CapPrm"):
                self.assertEqual(int(process[kind], 16), capabilities)
            self.assertEqual(int(process["CapInh"], 16) | int(process["CapAmb"], 16), 0)
            # Without SETUID it cannot leave user id 0, which is nobody special without capabilities.
            self.assertEqual(process["Uid"].split(), ["0"] * 4)
            self.assertIn('level=WARN msg="Both processes go on as root, ', exporter.logged())
            self.assertEqual((process["NoNewPrivs"], process["Seccomp"]), ("1", "2"))
            self.assertGreaterEqual(int(process["Seccomp_filters"]), 2)  # the runtime's and its own
        self.assertRegex(exporter.exec("conntrack_exporter", "diagnose", "--interval=1s"),
                         r"\A(ok|info|warning|critical): ")

    def test_with_setuid_it_leaves_root(self):
        exporter = self.run_container("NET_ADMIN", "SETUID", "SETGID")
        self.assertEqual(self.succeeded(exporter), COLLECTORS)
        for process, capabilities in zip(map(status, exporter.pids()), (0, 1 << 12)):
            self.assertEqual(process["Uid"].split(), ["65534"] * 4)
            self.assertNotIn("go on as", exporter.logged())
            self.assertEqual(int(process["CapPrm"], 16), capabilities)

    def test_without_net_admin(self):
        self.assertEqual(self.succeeded(self.run_container()), COLLECTORS - {"flows", "correlation"})

    def test_another_user_has_no_capability(self):
        exporter = self.run_container("NET_ADMIN", user=65534)
        self.assertEqual(self.succeeded(exporter), COLLECTORS - {"flows", "correlation"})


if __name__ == "__main__":
    testlib.main()
