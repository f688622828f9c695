/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "scrape.h"

#include <errno.h>

#include "../exporter/log.h"
#include "../exporter/util.h"
#include "version.h"
#include "registry.h"

enum scrape_metric {
	SCRAPE_DURATION,
	SCRAPE_SUCCESS,
	SCRAPE_BUILD_INFO,
	SCRAPE_LIMIT_HITS,
	SCRAPE_UNAUTHORIZED,
	SCRAPE_LAST_RELOAD,
	SCRAPE_CPU,
	SCRAPE_MAX_FDS,
	SCRAPE_OPEN_FDS,
	SCRAPE_RESIDENT,
	SCRAPE_START_TIME,
	SCRAPE_THREADS,
	SCRAPE_VIRTUAL,
	N_SCRAPE_METRICS,
};

static const struct label_set label_collector = { .name = "collector" };
static const struct label_set label_version = { .name = "version" };
static const struct label_set label_revision = { .name = "revision" };
static const struct label_set label_branch = { .name = "branch" };
static const struct label_set label_compiler = { .name = "compiler" };

static const char *const limits[] = {
	[HTTP_LIMIT_HEADER_SIZE] = "header_size",
	[HTTP_LIMIT_BODY] = "body",
	[HTTP_LIMIT_CONNECTIONS] = "connections",
	[HTTP_LIMIT_CONNECTIONS_PER_ADDRESS] = "connections_per_address",
	[HTTP_LIMIT_IDLE_TIME] = "idle_time",
	[HTTP_LIMIT_REQUEST_TIME] = "request_time",
	[HTTP_LIMIT_REQUESTS] = "requests",
	[HTTP_LIMIT_RATE] = "rate",
	[HTTP_LIMIT_LOGIN] = "login",
};

static_assert(ARRAY_SIZE(limits) == N_HTTP_LIMITS, "one name for each limit");
static const struct label_set label_limit = LABEL_SET("limit", limits);

const struct metric_desc scrape_descs[] = {
	[SCRAPE_DURATION] = {
		.name = "conntrack_scrape_collector_duration_seconds",
		.help = "How long this collector took in this scrape.",
		.labels = { &label_collector },
	},
	[SCRAPE_SUCCESS] = {
		.name = "conntrack_scrape_collector_success",
		.help =
			"1 when nothing that this collector reads failed, 0 when something did or "
			"there "
			"is no data; what this kernel or network namespace does not have is absent "
			"either way.",
		.labels = { &label_collector },
	},
	[SCRAPE_BUILD_INFO] = {
		.name = "conntrack_exporter_build_info",
		.help = "Always 1; the labels tell which build this is.",
		.labels = { &label_version, &label_revision, &label_branch, &label_compiler },
	},
	[SCRAPE_LIMIT_HITS] = {
		.name = "conntrack_exporter_http_limit_hits",
		.help =
			"Requests and connections of clients that were refused or ended because of "
			"a limit.",
		.type = METRIC_COUNTER,
		.labels = { &label_limit },
	},
	[SCRAPE_UNAUTHORIZED] = {
		.name = "conntrack_exporter_http_unauthorized",
		.help =
			"Requests without the login that the file of --web.config.file wants; absent "
			"without that flag.",
		.type = METRIC_COUNTER,
	},
	[SCRAPE_LAST_RELOAD] = {
		.name = "conntrack_exporter_web_config_last_reload_successful",
		.help =
			"1 when the last change of the file of --web.config.file was taken over, 0 "
			"when it was refused; absent without that flag.",
	},
	[SCRAPE_CPU] = {
		.name = "process_cpu_seconds",
		.help =
			"User and system CPU time spent by both processes of the exporter "
			"(getrusage).",
		.type = METRIC_COUNTER,
	},
	[SCRAPE_MAX_FDS] = {
		.name = "process_max_fds",
		.help = "File descriptors both processes of the exporter may open (RLIMIT_NOFILE).",
	},
	[SCRAPE_OPEN_FDS] = {
		.name = "process_open_fds",
		.help =
			"File descriptors both processes of the exporter hold open "
			"(/proc/self/fd).",
	},
	[SCRAPE_RESIDENT] = {
		.name = "process_resident_memory_bytes",
		.help =
			"Resident memory of both processes of the exporter, what they share "
			"counted twice (/proc/self/stat).",
	},
	[SCRAPE_START_TIME] = {
		.name = "process_start_time_seconds",
		.help = "When the exporter started, in Unix time.",
	},
	[SCRAPE_THREADS] = {
		.name = "process_threads",
		.help = "Threads of both processes of the exporter (/proc/self/stat).",
	},
	[SCRAPE_VIRTUAL] = {
		.name = "process_virtual_memory_bytes",
		.help = "Virtual memory of both processes of the exporter (/proc/self/stat).",
	},
};

static_assert(ARRAY_SIZE(scrape_descs) == N_SCRAPE_METRICS, "one description for each metric");
const size_t n_scrape_descs = ARRAY_SIZE(scrape_descs);

struct outcome {
	bool ran;
	int error;
	uint64_t duration_ns;
};

/*
 * Logged when a collector's state changes, so that a lasting failure is one line and not one a
 * scrape. That a scraper had too little time is no state of the collector, and no data is not news.
 */
static void log_outcome(struct collector_context *ctx, size_t i, int error)
{
	const char *name = collectors[i]->name;
	const int before = ctx->last_error[i];

	if (error == -ETIME || error == -ECANCELED)
		log_debug("Collector was cut short", "collector", name, "err", errno_text(error));
	if (error == -ETIME || error == -ECANCELED || error == before)
		return;
	ctx->last_error[i] = error;
	if (error == -ENODATA)
		log_debug("Collector has no data", "collector", name);
	else if (error == -EPERM) /* said already, with what to do about it */
		log_debug("Collector is not permitted", "collector", name);
	else if (error != 0)
		log_error("Collector failed", "collector", name, "err", errno_text(error));
	else if (before != -ENODATA)
		log_info("Collector works again", "collector", name);
}

static void run_collectors(struct collector_context *ctx, uint64_t mask, struct exposition *e,
			   struct outcome *outcomes)
{
	for (size_t i = 0; i < n_collectors; i++) {
		uint64_t started_ns = clock_monotonic_ns();

		if (!(mask & 1ULL << i))
			continue;
		outcomes[i].error = collectors[i]->collect(ctx, e);
		outcomes[i].duration_ns = clock_monotonic_ns() - started_ns;
		outcomes[i].ran = true;
		log_outcome(ctx, i, outcomes[i].error);
	}
}

static void emit_outcomes(struct exposition *e, const struct outcome *outcomes)
{
	for (size_t i = 0; i < n_collectors; i++) {
		const char *const values[] = { collectors[i]->name };

		if (outcomes[i].ran)
			exposition_labelled_double(e, &scrape_descs[SCRAPE_DURATION], values,
						   (double)outcomes[i].duration_ns / 1e9);
	}
	for (size_t i = 0; i < n_collectors; i++) {
		const char *const values[] = { collectors[i]->name };

		if (outcomes[i].ran)
			exposition_labelled_u64(e, &scrape_descs[SCRAPE_SUCCESS], values,
						outcomes[i].error == 0);
	}
}

static void emit_usage(struct exposition *e, const struct process_usage *usage)
{
	static const struct {
		enum scrape_metric metric;
		enum process_value value;
		unsigned int per_unit; /* 1 for integers */
	} rows[] = {
		{ SCRAPE_CPU, PROCESS_CPU_USEC, 1000000 },
		{ SCRAPE_MAX_FDS, PROCESS_MAX_FDS, 1 },
		{ SCRAPE_OPEN_FDS, PROCESS_OPEN_FDS, 1 },
		{ SCRAPE_RESIDENT, PROCESS_RESIDENT_BYTES, 1 },
		{ SCRAPE_START_TIME, PROCESS_START_USEC, 1000000 },
		{ SCRAPE_THREADS, PROCESS_THREADS, 1 },
		{ SCRAPE_VIRTUAL, PROCESS_VIRTUAL_BYTES, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct metric_desc *desc = &scrape_descs[rows[i].metric];
		uint64_t value = usage->value[rows[i].value];

		if (!(usage->has & 1ULL << rows[i].value))
			continue;
		if (rows[i].per_unit == 1)
			exposition_u64(e, desc, value);
		else
			exposition_double(e, desc, (double)value / rows[i].per_unit);
	}
}

static void emit_web(struct exposition *e, const struct web_state *web)
{
	exposition_grid(e, &scrape_descs[SCRAPE_LIMIT_HITS], web->limit_hits);
	if (web->last_reload == WEB_RELOAD_NONE)
		return;
	exposition_u64(e, &scrape_descs[SCRAPE_UNAUTHORIZED], web->unauthorized);
	exposition_u64(e, &scrape_descs[SCRAPE_LAST_RELOAD],
		       web->last_reload == WEB_RELOAD_SUCCESSFUL);
}

/* The usage is read now, behind the collectors, so that what this scrape cost is in it. */
static void emit_exporter(struct exposition *e, const struct process_self *self,
			  const struct web_state *web)
{
	static const char *const build[] = { EXPORTER_VERSION, EXPORTER_REVISION, EXPORTER_BRANCH,
					     EXPORTER_COMPILER };
	struct process_usage usage;

	process_usage_read(self, &usage);
	if (web)
		process_usage_add(&usage, &web->usage);
	exposition_labelled_u64(e, &scrape_descs[SCRAPE_BUILD_INFO], build, 1);
	if (web)
		emit_web(e, web);
	emit_usage(e, &usage);
}

/* So that one walk and one dump of the sockets do for all collectors of the request. */
static void note_wants(struct collector_context *ctx, uint64_t mask)
{
	ctx->survey_parts = 0;
	ctx->wants_ports = false;
	for (size_t i = 0; i < n_collectors; i++) {
		if (!(mask & 1ULL << i))
			continue;
		ctx->survey_parts |= collectors[i]->survey_parts;
		ctx->wants_ports |= collectors[i]->wants_ports;
	}
}

int scrape_run(struct collector_context *ctx, uint64_t mask, const struct process_self *self,
	       const struct web_state *web, struct exposition *e)
{
	struct outcome outcomes[COLLECTORS_MAX] = { 0 };

	ctx->request++;
	note_wants(ctx, mask);
	run_collectors(ctx, mask, e, outcomes);
	emit_outcomes(e, outcomes);
	if (self)
		emit_exporter(e, self, web);
	return exposition_finish(e);
}
