/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Runs a command so many times with its output thrown away and prints of one run, in the mean:
 * wall, user and system seconds, and the peak resident KiB of all. What a large process such as
 * Python starts itself has this process's own peak for its own, which is why this program is there.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAILED_TO_START 127

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void start(char **command)
{
	int null = open("/dev/null", O_WRONLY);

	if (null >= 0 && dup2(null, STDOUT_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0)
		(void)execvp(command[0], command);
	_exit(FAILED_TO_START);
}

/* Whether the command ended well. */
static int run(char **command)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		start(command);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
	const long repeat = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
	const double started = now_s();
	struct rusage used;

	if (repeat < 1) {
		fprintf(stderr, "usage: bench_time REPEAT COMMAND...\n");
		return EXIT_FAILURE;
	}
	for (long i = 0; i < repeat; i++) {
		if (!run(argv + 2)) {
			fprintf(stderr, "bench_time: %s failed\n", argv[2]);
			return EXIT_FAILURE;
		}
	}
	(void)getrusage(RUSAGE_CHILDREN, &used);
	printf("%.9f %.9f %.9f %ld\n", (now_s() - started) / (double)repeat,
	       seconds(used.ru_utime) / (double)repeat, seconds(used.ru_stime) / (double)repeat,
	       used.ru_maxrss);
	return EXIT_SUCCESS;
}
