/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

void process_self_open(struct process_self *self)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	self->start_usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	self->stat_fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	self->fds = opendir("/proc/self/fd");
}

void process_self_close(struct process_self *self)
{
	fd_cleanup(&self->stat_fd);
	self->stat_fd = -1;
	if (self->fds)
		(void)closedir(self->fds);
	self->fds = NULL;
}

static void set_value(struct process_usage *usage, enum process_value which, uint64_t value)
{
	usage->has |= 1U << which;
	usage->value[which] = value;
}

static void read_limits(struct process_usage *usage)
{
	struct rusage used;
	struct rlimit files;

	if (getrusage(RUSAGE_SELF, &used) == 0)
		set_value(usage, PROCESS_CPU_USEC,
			  (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
				  (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		set_value(usage, PROCESS_MAX_FDS, files.rlim_cur);
}

/*
 * Field 20 of /proc/self/stat is the number of threads, 23 the virtual size, 24 the resident pages.
 */
static void read_stat(const struct process_self *self, struct process_usage *usage)
{
	unsigned long long threads, virtual_bytes, resident_pages;
	char text[1024];
	ssize_t n = self->stat_fd < 0 ? -1 : pread(self->stat_fd, text, sizeof(text) - 1, 0);
	const char *s;

	if (n <= 0)
		return;
	text[n] = '\0';
	/* The name stands in parentheses and may hold any character: count from the last one. */
	s = strrchr(text, ')');
	if (!s ||
	    sscanf(s + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %llu "
		   "%*d %*u %llu %llu",
		   &threads, &virtual_bytes, &resident_pages) != 3)
		return;
	set_value(usage, PROCESS_THREADS, threads);
	set_value(usage, PROCESS_VIRTUAL_BYTES, virtual_bytes);
	set_value(usage, PROCESS_RESIDENT_BYTES, resident_pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

/*
 * Since Linux 6.2 the size of /proc/self/fd is the number of its entries (proc_fd_getattr() in
 * fs/proc/fd.c), which takes a tenth of the time that listing them takes; before it is 0. By
 * number: fstat() of some C libraries is newfstatat(), which takes paths, too, and which the web
 * process may not call. There struct stat is the kernel's own; elsewhere the entries are listed.
 */
static uint64_t size_of_fds(DIR *fds)
{
	uint64_t n = 0;
#if defined(__x86_64__) || defined(__aarch64__)
	struct stat status;

	if (syscall(SYS_fstat, dirfd(fds), &status) == 0 && status.st_size > 0)
		n = (uint64_t)status.st_size;
#endif
	return n;
}

/* Returns 0 or a negative errno. */
static int list_fds(DIR *fds, uint64_t *ret)
{
	const struct dirent *entry;
	uint64_t n = 0;

	rewinddir(fds);
	errno = 0;
	while ((entry = readdir(fds)))
		n += entry->d_name[0] != '.';
	if (errno != 0)
		return -errno;
	*ret = n;
	return 0;
}

static void read_fds(const struct process_self *self, struct process_usage *usage)
{
	uint64_t n;

	if (!self->fds)
		return;
	n = size_of_fds(self->fds);
	if (n > 0 || list_fds(self->fds, &n) == 0)
		set_value(usage, PROCESS_OPEN_FDS, n);
}

void process_usage_read(const struct process_self *self, struct process_usage *ret)
{
	*ret = (struct process_usage){ 0 };
	read_limits(ret);
	read_stat(self, ret);
	read_fds(self, ret);
	set_value(ret, PROCESS_START_USEC, self->start_usec);
}

void process_usage_add(struct process_usage *sum, const struct process_usage *other)
{
	uint64_t start = sum->value[PROCESS_START_USEC];

	sum->has &= other->has;
	for (int i = 0; i < N_PROCESS_VALUES; i++)
		sum->value[i] += other->value[i];
	sum->value[PROCESS_START_USEC] = start < other->value[PROCESS_START_USEC]
						 ? start
						 : other->value[PROCESS_START_USEC];
}
