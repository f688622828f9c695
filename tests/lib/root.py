# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian 12 of its own, for what is installed into one.

    with root.Root() as debian:                     # a fresh copy; gone at the end of the with block
        shutil.copy(deb, debian.path("tmp"))
        debian.run("dpkg", "-i", "/tmp/" + name)    # runs in it, as root, with its own processes and /proc
        process = namespace.popen(*debian.command("curl", "-s", "localhost:10066/metrics"))

The first one makes the base that all are copies of, once for each build directory (BUILD_DIR/root-bookworm, some 20 s,
needs mmdebstrap and the package archive); who comes meanwhile waits for it. The base has what INCLUDE names, apt, its
package lists and the host's resolv.conf, so that apt-get install works in a copy without apt-get update. A copy is an
overlay where such can be mounted, else a real one. Where a base cannot be made, or / is no mount point, the test is skipped
with the reason.
"""

import atexit
import fcntl
import os
import shutil
import subprocess
import tempfile

import testlib

BASE = os.path.join(testlib.BUILD, "root-bookworm")
SUITE = "bookworm"
# What the exporter is linked with, so that its package is installed without a network, what asks it, what starts it.
INCLUDE = ("curl", "libcap-ng0", "libcrypt1", "libgnutls30", "libjansson4", "libmicrohttpd12", "libmnl0",
           "libnetfilter-conntrack3", "libnettle8", "libseccomp2", "libyaml-0-2", "systemd")
MAKE_TIMEOUT_S = 400


def _make_base():
    made = BASE + ".new"
    shutil.rmtree(made, ignore_errors=True)
    done = subprocess.run(["mmdebstrap", "--variant=apt", "--dpkgopt=force-unsafe-io", "--skip=cleanup/apt/lists",
                           f"--include={','.join(INCLUDE)}", SUITE, made],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=MAKE_TIMEOUT_S, check=False)
    if done.returncode != 0:
        shutil.rmtree(made, ignore_errors=True)
        testlib.skip(f"no Debian {SUITE} can be made here: {done.stdout.strip().splitlines()[-1:]}")
    with open(os.path.join(made, "etc", "base"), "w", encoding="utf-8") as file:
        file.write(" ".join(INCLUDE))
    shutil.rmtree(BASE, ignore_errors=True)
    os.rename(made, BASE)


def _base_is_good():
    try:
        with open(os.path.join(BASE, "etc", "base"), encoding="utf-8") as file:
            return file.read() == " ".join(INCLUDE)
    except FileNotFoundError:
        return False


def need_suite():
    """What was built here is installed there: both have to be the same Debian."""
    with open("/etc/os-release", encoding="utf-8") as file:
        if f"VERSION_CODENAME={SUITE}" not in file.read().split():
            testlib.skip(f"this is not Debian {SUITE}, which what is built here would be installed into")


def need_mounts():
    """What runs in a root has mounts of its own, which nothing can have below a / that is no mount point."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        if "/" not in (line.split()[4] for line in mounts):
            testlib.skip("/ is no mount point here, so nothing can be run in a root of its own")


def base():
    """The directory of the base, which nobody changes; made if it is not there."""
    testlib.need("mmdebstrap")
    need_mounts()
    with open(BASE + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _base_is_good():
            _make_base()
    return BASE


class Root:
    """A copy of the base from start to end of the with block."""

    left = set()  # those that still are there

    def __enter__(self):
        lower = base()
        self.directory = tempfile.mkdtemp(prefix="root-", dir=testlib.BUILD)
        self.top = os.path.join(self.directory, "top")
        for name in ("top", "upper", "work"):
            os.mkdir(os.path.join(self.directory, name))
        Root.left.add(self)
        options = f"lowerdir={lower},upperdir={self.directory}/upper,workdir={self.directory}/work"
        mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.top], capture_output=True,
                                 check=False).returncode == 0
        if not mounted:
            testlib.run("cp", "-a", "--reflink=auto", f"{lower}/.", self.top)
        return self

    def __exit__(self, *_):
        Root.left.discard(self)
        if os.path.ismount(self.top):
            testlib.run("umount", "--lazy", self.top)
        shutil.rmtree(self.directory)

    @staticmethod
    @atexit.register
    def remove_left():
        """What a test that was interrupted leaves."""
        for root in list(Root.left):
            root.__exit__()

    def path(self, *parts):
        """The path, outside, of a path in it, with or without a leading slash."""
        return os.path.join(self.top, *(part.lstrip("/") for part in parts))

    def command(self, *args):
        """The arguments that run a program in it from outside; the processes end with the one started.

        What they could set of the host is mounted for reading only.
        """
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={self.top}/proc", "sh", "-ec",
                'for p in "$1/proc/sys" "$1/proc/sysrq-trigger"; do [ ! -e "$p" ] || mount -o bind,ro "$p" "$p"; done; '
                'exec chroot "$@"', "sh", self.top, *args]

    def run(self, *args, **kwargs):
        """Runs a command in it to its end and returns what it wrote to stdout."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                       "DEBIAN_FRONTEND": "noninteractive"}
        return testlib.run(*self.command(*args), env={**environment, **kwargs.pop("env", {})}, **kwargs)

    def files(self):
        """The paths of everything in it, sorted."""
        found = []
        for folder, folders, names in os.walk(self.top):
            found += [os.path.relpath(os.path.join(folder, name), self.top) for name in folders + names]
        return sorted(found)
