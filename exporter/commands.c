/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "commands.h"

#include <errno.h>
#include <time.h>

#include "../collectors/reports.h"
#include "../collectors/scrape.h"
#include "channel.h"
#include "log.h"
#include "process.h"
#include "terminal.h"
#include "textfile.h"
#include "util.h"

#define ONE_SHOT_TIMEOUT_S 120

static void allow_time(struct collector_context *ctx)
{
	ctx->deadline_ns = clock_monotonic_ns() + ONE_SHOT_TIMEOUT_S * NSEC_PER_SEC;
}

int command_metrics(const struct options *options)
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
	r = scrape_run(&ctx, options_collectors(options), with_self ? &self : NULL, NULL, &e);
	if (r == 0)
		r = options->output ? textfile_write(options->output, &e.out)
				    : text_write(STDOUT_FILENO, &e.out);
	if (r < 0)
		log_error("Cannot write metrics", "file",
			  options->output ? options->output : "stdout", "err", errno_text(r));
	exposition_destroy(&e);
	collector_context_finish(&ctx);
	process_self_close(&self);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void sleep_ns(uint64_t ns)
{
	struct timespec left = { .tv_sec = (time_t)(ns / NSEC_PER_SEC),
				 .tv_nsec = (long)(ns % NSEC_PER_SEC) };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static int diagnose(struct collector_context *ctx, const struct options *options,
		    struct buffer *out)
{
	int r = reports_diagnosis(ctx, false, out);

	if (r < 0 && r != -EAGAIN)
		return r;
	buffer_truncate(out, 0);
	sleep_ns(options->interval_ns);
	allow_time(ctx);
	if (options->report_format == REPORT_JSON)
		return reports_diagnosis(ctx, true, out);
	return reports_diagnosis_text(ctx, terminal_has_colour(STDOUT_FILENO),
				      terminal_width(STDOUT_FILENO), out);
}

static int list_talkers(struct collector_context *ctx, const struct options *options,
			struct buffer *out)
{
	if (options->report_format == REPORT_JSON)
		return reports_talkers(ctx, &options->talkers, out);
	return reports_talkers_text(ctx, &options->talkers, out);
}

typedef int (*report_fn)(struct collector_context *ctx, const struct options *options,
			 struct buffer *out);

/* Prints the report, or says why there is none. */
static int print_report(const struct options *options, report_fn report)
{
	struct collector_context ctx;
	struct buffer out;
	int r;

	collector_context_init(&ctx, &options->collector);
	allow_time(&ctx);
	buffer_init(&out, ANSWER_SIZE_MAX);
	r = report(&ctx, options, &out);
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
