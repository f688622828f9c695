/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "service.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../exporter/channel.h"
#include "../exporter/log.h"
#include "../exporter/process.h"
#include "../exporter/sandbox.h"
#include "../exporter/util.h"
#include "diagnosis.h"
#include "reports.h"
#include "scrape.h"

/* Set when the web process has ended: whoever reads the kernel for it may stop. */
static volatile sig_atomic_t web_ended;

static void on_parent_death(_unused_ int number)
{
	web_ended = 1;
}

/*
 * Signals go to the web process, which ends this one when the running scrapes are done. That it has
 * ended itself is read from the channel, and during a long walk told by a signal.
 */
static void set_signals(void)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGUSR1, on_parent_death);
}

/* Behind the change of user id, which clears it. The web process may have ended before. */
static int watch_parent(pid_t web)
{
	if (prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0) < 0)
		return -errno;
	if (getppid() != web)
		web_ended = 1;
	return 0;
}

/* Of the file system, procfs alone is read. */
static int confine(pid_t web, const char *procfs)
{
	struct landlock files;
	int r;

	landlock_open(&files);
	landlock_allow_reading(&files, procfs);
	/* What is mounted elsewhere may consist of links to this. */
	landlock_allow_reading(&files, "/proc");
	r = sandbox_drop(SYSCALLS_COLLECTOR, &files);
	if (r < 0)
		return r;
	r = watch_parent(web);
	if (r < 0)
		log_error("Cannot watch the web process", "err", errno_text(r));
	else
		sandbox_close(SYSCALLS_COLLECTOR, SERVICE_FILES_MAX, 0);
	return r;
}

static int answer_metrics(int fd, struct collector_context *ctx, const struct process_self *self,
			  const struct request *request)
{
	const bool about_us = request->flags & REQUEST_EXPORTER_METRICS;
	struct exposition e;
	int r;

	exposition_init(&e, request->format);
	r = scrape_run(ctx, request->collectors, about_us ? self : NULL, &request->web, &e);
	if (r < 0)
		log_error("Cannot write the exposition", "err", errno_text(r));
	r = channel_send_answer(fd, r, e.out.data, r < 0 ? 0 : e.out.len);
	exposition_destroy(&e);
	return r;
}

static int make_report(struct collector_context *ctx, const struct request *request,
		       struct buffer *out)
{
	switch (request->kind) {
	case REQUEST_DIAGNOSIS:
		return reports_diagnosis(ctx, request->flags & REQUEST_SECOND_LOOK, out);
	case REQUEST_VERDICT:
		return reports_verdict(ctx, out);
	case REQUEST_TALKERS:
		return reports_talkers(ctx, &request->talkers, out);
	default:
		return -EINVAL;
	}
}

/* Who asked is told why there is no report; a line in the log for each would be up to strangers. */
static int answer_report(int fd, struct collector_context *ctx, const struct request *request)
{
	struct buffer out;
	int r;

	buffer_init(&out, ANSWER_SIZE_MAX);
	r = make_report(ctx, request, &out);
	if (r < 0 && r != -EAGAIN)
		log_debug("No report", "err", errno_text(r));
	r = channel_send_answer(fd, r, out.data, r < 0 ? 0 : out.len);
	buffer_finish(&out);
	return r;
}

static int answer(int fd, struct collector_context *ctx, const struct process_self *self,
		  const struct request *request)
{
	ctx->deadline_ns = request->deadline_ns;
	for (int i = 0; i < N_FLOW_FAMILIES; i++)
		ctx->connection_tracked[i] = request->tracked[i];
	return request->kind == REQUEST_METRICS ? answer_metrics(fd, ctx, self, request)
						: answer_report(fd, ctx, request);
}

/*
 * Serves until the end; returns the exit code. An answer that cannot be delivered is no end yet:
 * the web process may have said before it went that this was in order.
 */
static int serve(int fd, struct collector_context *ctx, const struct process_self *self,
		 uint64_t enabled)
{
	struct request request;
	int r = channel_send_answer(fd, 0, NULL, 0);

	while (r == 0 || r == -EPIPE) {
		r = channel_receive_request(fd, enabled, &request);
		if (r != 1)
			break;
		if (request.kind == REQUEST_QUIT)
			return 0;
		r = answer(fd, ctx, self, &request);
	}
	if (r == 0 || r == -ECONNRESET)
		log_error("Web process ended, ending the collector process");
	else
		log_error("Bad request from the web process, ending both", "err", errno_text(r));
	return 1;
}

int service_run(int fd, pid_t web, const struct collector_settings *settings, uint64_t enabled)
{
	struct collector_context ctx;
	struct process_self self;
	int code = 1;

	set_signals();
	process_self_open(&self);
	diagnosis_prepare_json();
	collector_context_init(&ctx, settings);
	ctx.netlink.cancelled = &web_ended;
	if (confine(web, settings->procfs) == 0)
		code = serve(fd, &ctx, &self, enabled);
	collector_context_finish(&ctx);
	process_self_close(&self);
	return code;
}
