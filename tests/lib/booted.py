# SPDX-License-Identifier: GPL-2.0-or-later
"""A real systemd as process 1 of a machine of its own: an overlay over a root directory, by default this machine's.

    with booted.Booted(namespace, {"/etc/systemd/system/x.service": "x.service"}) as machine:
        machine.run("systemctl", "start", "x.service")

It is in the given network namespace. Of the units only those are started that are asked for, and what they need: no
others are wanted by anything. Nothing of the host can be changed: /proc/sys and /sys are read-only, which a booting
systemd would write to, the files written are in memory, its control groups are below one that is removed at the end.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import testlib

INIT = "/lib/systemd/systemd"
START_TIMEOUT_S = 30

# In a mount namespace; $1 is a directory to work in, $2 the name of the control group.
ENTER = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/cgroup"
mount -t cgroup2 cgroup2 "$1/cgroup"
mkdir "$1/cgroup/$2"
echo $$ >"$1/cgroup/$2/cgroup.procs"
umount "$1/cgroup"
exec unshare --pid --fork --kill-child --cgroup --ipc --uts sh -c "$3" sh "$1" "$4" "$5"
"""

# As process 1; $1 is the directory, $2 what is below the overlay, $3 the command that prepares the root.
BOOT = r"""
set -eu
root=$1/root
mkdir "$1/upper" "$1/work" "$root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$root"
mount -t proc proc "$root/proc"
for path in sys sysrq-trigger irq bus fs; do
	[ -e "$root/proc/$path" ] || continue
	mount --bind "$root/proc/$path" "$root/proc/$path"
	mount -o remount,bind,ro "$root/proc/$path"
done
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for path in run tmp dev; do
	mount -t tmpfs -o mode=755 tmpfs "$root/$path"
done
for name in null zero full random urandom tty; do
	: >"$root/dev/$name"
	mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
rm -rf "$root"/etc/systemd/system "$root"/lib/systemd/system/*.wants "$root"/lib/systemd/system-generators \
	"$root"/usr/local/lib/systemd
mkdir -p "$root/etc/systemd/system"
: >"$root/etc/fstab"
echo 00000000000000000000000000000001 >"$root/etc/machine-id"
cat >"$root/etc/systemd/system/booted.target" <<UNIT
[Unit]
DefaultDependencies=no
Requires=systemd-journald.service
Wants=basic.target
UNIT
eval "$3"
cd "$root"
mkdir -p old
pivot_root . old
exec chroot . sh -c 'umount -l /old && exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' sh \
	/lib/systemd/systemd --system --unit=booted.target --show-status=0 --log-level=notice </dev/null
"""

LEAVE = r"""
set -eu
mount --make-rprivate /
mount -t cgroup2 cgroup2 "$1"
find "$1/$2" -depth -type d -exec rmdir {} +
"""


class Booted:
    """A booted machine from start to end of the with block; files maps paths in it to paths outside.

    Where a systemd cannot be process 1, the tests that want it are skipped with the reason.
    """

    def __init__(self, namespace, files, lower="/"):
        self.namespace = namespace
        self.files = files
        self.lower = lower
        self.init = None

    def __enter__(self):
        for program in (INIT, "unshare", "nsenter", "systemctl", "journalctl"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"{program} is not installed")
        self.directory = tempfile.mkdtemp(prefix="booted-")
        self.group = os.path.basename(self.directory)
        copies = "; ".join(f'mkdir -p "$root{os.path.dirname(to)}"; cp "{file}" "$root{to}"'
                           for to, file in self.files.items())
        self.log = tempfile.TemporaryFile("w+")
        self.process = self.namespace.popen("unshare", "--mount", "sh", "-c", ENTER, "sh", self.directory, self.group,
                                            BOOT, self.lower, copies, stdin=subprocess.DEVNULL, stdout=self.log,
                                            stderr=self.log)
        try:
            testlib.wait_until(self._is_up, START_TIMEOUT_S, "systemd is up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _is_up(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            raise unittest.SkipTest(f"systemd cannot be process 1 here: {self.log.read().strip().splitlines()[:1]}")
        found = testlib.children(self.process.pid)
        if not found or not os.path.exists(f"/proc/{found[0]}/root/run/systemd/private"):
            return False
        self.init = found[0]
        return self.run("systemctl", "is-active", "booted.target", check=False).strip() == "active"

    def __exit__(self, *_):
        while self.process.poll() is None:
            for pid in testlib.children(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        self.log.close()
        testlib.run("unshare", "--mount", "sh", "-c", LEAVE, "sh", self.directory, self.group, check=False)
        os.rmdir(self.directory)

    def command(self, *args):
        """The arguments that run a program in it, from outside."""
        # The root is one that the namespace does not begin with where this runs in a chroot.
        return ["nsenter", "--target", str(self.init), "--mount", "--root", "--wd", "--pid", "--uts", "--ipc",
                "--cgroup", "--net", *args]

    def run(self, *args, **kwargs):
        """Runs a command in it to its end and returns what it wrote to stdout."""
        return testlib.run(*self.command(*args), **kwargs)

    def path(self, path):
        """The path, outside, of a path in it."""
        return f"/proc/{self.init}/root{path}"

    def properties(self, unit, *names):
        """{name: value} of a unit's properties."""
        lines = self.run("systemctl", "show", unit, *(f"--property={name}" for name in names)).splitlines()
        return dict(line.split("=", 1) for line in lines)
