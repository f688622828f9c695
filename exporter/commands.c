/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include "../collectors/diagnosis.h"
#include "../collectors/reports.h"
#include "../collectors/scrape.h"
#include "../collectors/service.h"
#include "channel.h"
#include "log.h"
#include "process.h"
#include "sandbox.h"
#include "terminal.h"
#include "textfile.h"
#include "util.h"

#define ONE_SHOT_TIMEOUT_S 120

static void allow_time(struct collector_context *ctx)
{
	ctx->deadline_ns = clock_monotonic_ns() + ONE_SHOT_TIMEOUT_S * NSEC_PER_SEC;
}

/*
 * Whoever starts a command is root as a rule. All of that but reading goes before the kernel's
 * answers are looked at.
 */
static int confine(const struct options *options)
{
	struct landlock files;
	int r;

	diagnosis_prepare_json();
	landlock_open(&files);
	landlock_allow_reading(&files, options->collector.procfs);
	/* What is mounted elsewhere may consist of links to this. */
	landlock_allow_reading(&files, "/proc");
	r = sandbox_drop(SYSCALLS_COMMAND, &files);
	if (r == 0)
		sandbox_close(SYSCALLS_COMMAND, SERVICE_FILES_MAX, 0);
	return r;
}

static int report_failure(const struct options *options, int error)
{
	log_error("Cannot write metrics", "file", options->output ? options->output : "stdout",
		  "err", errno_text(error));
	return EXIT_FAILURE;
}

/* Collects with the fewest rights and writes to fd. Returns the exit code. */
static int print_metrics(const struct options *options, int fd)
{
	struct collector_context ctx;
	struct process_self self;
	struct exposition e;
	bool with_self;
	int r;

	process_self_open(&self);
	collector_context_init(&ctx, &options->collector);
	allow_time(&ctx);
	exposition_init(&e, EXPOSITION_TEXT);
	/* Whoever reads the file has process_* of its own, and may fail over two HELP texts. */
	with_self = !options->disable_exporter_metrics && !options->output;
	r = confine(options);
	if (r == 0)
		r = scrape_run(&ctx, options_collectors(options), with_self ? &self : NULL, NULL,
			       &e);
	if (r == 0)
		r = text_write(fd, &e.out);
	if (r < 0)
		(void)report_failure(options, r);
	exposition_destroy(&e);
	collector_context_finish(&ctx);
	process_self_close(&self);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Waits for the process that prints into fd. 0, -ECANCELED when it failed, or another errno. */
static int take_metrics(int fd, pid_t pid, struct buffer *out)
{
	int status = -1, r = buffer_read(out, fd);

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r == 0 && status != 0)
		r = WIFSIGNALED(status) ? -EPIPE : -ECANCELED;
	return r;
}

/*
 * The file may be in a directory that only root may write to. So one process collects and cannot
 * write, and this one writes and sees nothing but the text.
 */
static int save_metrics(const struct options *options)
{
	struct buffer out;
	pid_t pid = -1;
	int fds[2], r = pipe2(fds, O_CLOEXEC) < 0 ? -errno : 0;

	if (r == 0)
		pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		r = print_metrics(options, fds[1]);
		(void)close(fds[1]);
		return r;
	}
	if (pid < 0)
		return report_failure(options, r < 0 ? r : -errno);
	(void)close(fds[1]);
	buffer_init(&out, ANSWER_SIZE_MAX);
	r = take_metrics(fds[0], pid, &out);
	(void)close(fds[0]);
	if (r == 0)
		r = textfile_write(options->output, &out);
	/* Of what it failed at, the other process has told. */
	if (r < 0 && r != -ECANCELED)
		(void)report_failure(options, r);
	buffer_finish(&out);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int command_metrics(const struct options *options)
{
	return options->output ? save_metrics(options) : print_metrics(options, STDOUT_FILENO);
}

static void sleep_ns(uint64_t ns)
{
	struct timespec left = { .tv_sec = (time_t)(ns / NSEC_PER_SEC),
				 .tv_nsec = (long)(ns % NSEC_PER_SEC) };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* Of stdout; asked before ioctl() is forbidden. */
struct screen {
	bool colour;
	unsigned int width;
};

static int look_first(struct collector_context *ctx, uint64_t interval_ns, struct buffer *out)
{
	int r = reports_diagnosis(ctx, false, out);

	if (r < 0 && r != -EAGAIN)
		return r;
	buffer_truncate(out, 0);
	sleep_ns(interval_ns);
	allow_time(ctx);
	return 0;
}

static int diagnose(struct collector_context *ctx, const struct options *options,
		    const struct screen *screen, struct buffer *out)
{
	int r = options->interval_ns ? look_first(ctx, options->interval_ns, out) : 0;

	if (r < 0)
		return r;
	if (options->report_format == REPORT_JSON)
		return reports_diagnosis(ctx, true, out);
	return reports_diagnosis_text(ctx, screen->colour, screen->width, out);
}

static int list_talkers(struct collector_context *ctx, const struct options *options,
			_unused_ const struct screen *screen, struct buffer *out)
{
	if (options->report_format == REPORT_JSON)
		return reports_talkers(ctx, &options->talkers, out);
	return reports_talkers_text(ctx, &options->talkers, out);
}

typedef int (*report_fn)(struct collector_context *ctx, const struct options *options,
			 const struct screen *screen, struct buffer *out);

/* Prints the report, or says why there is none. */
static int print_report(const struct options *options, report_fn report)
{
	const struct screen screen = { terminal_has_colour(STDOUT_FILENO),
				       terminal_width(STDOUT_FILENO) };
	struct collector_context ctx;
	struct buffer out;
	int r;

	collector_context_init(&ctx, &options->collector);
	allow_time(&ctx);
	buffer_init(&out, ANSWER_SIZE_MAX);
	r = confine(options);
	if (r == 0)
		r = report(&ctx, options, &screen, &out);
	if (r < 0) {
		log_error("Cannot look at this host", "err", errno_text(r));
	} else {
		r = text_write(STDOUT_FILENO, &out);
		if (r < 0)
			log_error("Cannot write to stdout", "err", errno_text(r));
	}
	buffer_finish(&out);
	collector_context_finish(&ctx);
	return r < 0 || ctx.saw_nothing ? EXIT_FAILURE : EXIT_SUCCESS;
}

int command_diagnose(const struct options *options)
{
	return print_report(options, diagnose);
}

int command_talkers(const struct options *options)
{
	return print_report(options, list_talkers);
}
