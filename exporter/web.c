/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One epoll: signals, listeners, the channel to the collector process, libmicrohttpd, verdicts
 * about logins, whose hashes are made by the one other thread. Nothing here blocks, but that a
 * refresh of the web configuration reads files: they belong on a local file system.
 */

#include "web.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "collector_process.h"
#include "dispatch.h"
#include "gate.h"
#include "http.h"
#include "listeners.h"
#include "log.h"
#include "notify.h"
#include "sandbox.h"
#include "signals.h"
#include "util.h"
#include "web_state.h"

#define FILES_WANTED (HTTP_CONNECTIONS_MAX + 512)

struct web {
	struct collector_process collector;
	int epoll;
	int signals;
	struct listeners listeners;
	struct gate *gate; /* NULL without --web.config.file */
	struct http *http;
	struct dispatch dispatch;
	struct web_state state;
	struct notify notify;
	uint64_t stop_at_ns;   /* 0: not asked to end */
	uint64_t accept_at_ns; /* when to accept again after it failed; 0: it did not */
	unsigned int n_turns;
	bool failed;
	bool done;
};

static void fail(struct web *web, const char *what, int error)
{
	log_error(what, "err", errno_text(error));
	web->failed = web->done = true;
}

static void on_collector_end(struct web *web)
{
	collector_process_report(&web->collector);
	web->failed = web->done = true;
}

static void on_channel(struct web *web)
{
	int r = dispatch_receive(&web->dispatch);

	if (r == -EPIPE)
		on_collector_end(web);
	else if (r < 0)
		fail(web, "Bad answer from the collector process", r);
}

static void on_signal(struct web *web)
{
	struct signalfd_siginfo info;

	if (read(web->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		log_info(web->gate ? "Received SIGHUP, reading the web configuration"
				   : "Received SIGHUP, there is nothing to reload");
		gate_refresh(web->gate, clock_monotonic_ns(), true);
		return;
	}
	if (web->stop_at_ns) {
		log_warn("Received a second signal, ending at once");
		web->done = true;
		return;
	}
	log_info("Received a signal, finishing running scrapes", "signal",
		 info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
	web->stop_at_ns = clock_monotonic_ns() + WEB_GRACE_S * NSEC_PER_SEC;
	notify_stopping(&web->notify, "Finishing running scrapes", clock_monotonic_ns());
	listeners_unwatch(&web->listeners, web->epoll);
	listeners_close(&web->listeners);
	http_drain(web->http);
}

/* Without descriptors or memory the listeners stay readable, so they are left alone for a while. */
static void on_listener(struct web *web, int fd)
{
	int r = http_accept(web->http, fd);

	if (r == -EINVAL) {
		fail(web, "A listening socket was shut down by somebody else", r);
		return;
	}
	if (r == 0 || web->accept_at_ns)
		return;
	log_error("Cannot accept connections for now", "err", errno_text(r));
	web->accept_at_ns = clock_monotonic_ns() + NSEC_PER_SEC;
	(void)listeners_watch(&web->listeners, web->epoll, 0);
}

static void resume_accepting(struct web *web, uint64_t now_ns)
{
	if (!web->accept_at_ns || now_ns < web->accept_at_ns)
		return;
	web->accept_at_ns = 0;
	(void)listeners_watch(&web->listeners, web->epoll, EPOLLIN);
}

static void handle(struct web *web, int fd)
{
	if (fd == web->collector.channel)
		on_channel(web);
	else if (fd == web->signals)
		on_signal(web);
	else if (fd == http_fd(web->http))
		http_stir(web->http);
	else if (fd == gate_fd(web->gate))
		gate_run(web->gate);
	else if (!web->stop_at_ns)
		on_listener(web, fd);
}

static int earlier_ms(int timeout_ms, uint64_t at_ns, uint64_t now_ns)
{
	uint64_t ms = at_ns <= now_ns ? 0 : (at_ns - now_ns) / NSEC_PER_MSEC + 1;

	if (at_ns == UINT64_MAX || (timeout_ms >= 0 && (uint64_t)timeout_ms < ms))
		return timeout_ms;
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* Until when connections without a request are waited for. */
static uint64_t settled_ns(const struct web *web)
{
	return web->stop_at_ns - WEB_GRACE_S * NSEC_PER_SEC + WEB_SETTLE_MS * NSEC_PER_MSEC;
}

static bool is_over(const struct web *web)
{
	const uint64_t now = clock_monotonic_ns();

	return web->stop_at_ns &&
	       (http_active(web->http, now < settled_ns(web)) == 0 || now >= web->stop_at_ns);
}

/* Waits as long as nobody needs anything: for ever when there is no connection and no watchdog. */
static int wait_ms(const struct web *web)
{
	const uint64_t now = clock_monotonic_ns();
	int timeout = earlier_ms(-1, dispatch_next_turn(&web->dispatch), now);

	timeout = earlier_ms(timeout, http_next_turn(web->http), now);
	timeout = earlier_ms(timeout, notify_next_turn(&web->notify), now);
	if (web->accept_at_ns)
		timeout = earlier_ms(timeout, web->accept_at_ns, now);
	if (web->stop_at_ns)
		timeout = earlier_ms(
			timeout, now < settled_ns(web) ? settled_ns(web) : web->stop_at_ns, now);
	return timeout;
}

/*
 * The watchdog of a service manager is to end this when the loop stands still, and when the
 * collector process hangs: every scrape would fail until somebody restarts both.
 */
static void give_sign_of_life(struct web *web)
{
	const uint64_t now = clock_monotonic_ns();

	if (notify_turn(&web->notify, !dispatch_overdue(&web->dispatch, now), now))
		log_error("Collector process hangs, leaving it to the watchdog to end both");
}

/*
 * Answers are given before http_run(), which sends them: libmicrohttpd wakes nobody up for them.
 * Each listener is the first now and then: who comes first may leave nothing to the others.
 */
static void turn(struct web *web)
{
	struct epoll_event events[16];
	int n = epoll_wait(web->epoll, events, ARRAY_SIZE(events), wait_ms(web));

	for (int i = 0; i < n; i++)
		handle(web, events[(web->n_turns + (unsigned int)i) % (unsigned int)n].data.fd);
	web->n_turns++;
	dispatch_turn(&web->dispatch, clock_monotonic_ns());
	resume_accepting(web, clock_monotonic_ns());
	http_run(web->http);
	give_sign_of_life(web);
	if (is_over(web))
		web->done = true;
}

static int watch(struct web *web, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(web->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* As many descriptors as the connection limit needs, where the hard limit lets us. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES_WANTED)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("Cannot raise the limit of open files, ignoring", "err",
			 errno_text(errno));
}

static int open_listeners(struct web *web, const struct string_list *addresses)
{
	int r = 0;

	if (web->listeners.n == 0) {
		/* The resolver may wait long for the address of a name. */
		signals_leave(true);
		r = listeners_open(&web->listeners, addresses);
		signals_leave(false);
	}
	web->failed = r < 0; /* and the log says why */
	return r;
}

/* Before anything listens: a configuration that is wrong must not look like a service. */
static int open_gate(struct web *web, const char *path)
{
	char error[WEB_CONFIG_ERROR_MAX];
	int r = path ? gate_open(path, http_admit, &web->state, &web->gate, error) : 0;

	if (r < 0) {
		log_error("Cannot use the web configuration", "file", path, "err", error);
		web->failed = true;
	}
	return r;
}

static int watch_all(struct web *web)
{
	int r = watch(web, web->signals);

	if (r == 0 && web->gate)
		r = watch(web, gate_fd(web->gate));
	if (r == 0)
		r = watch(web, http_fd(web->http));
	return r < 0 ? r : listeners_watch(&web->listeners, web->epoll, EPOLLIN);
}

/*
 * The collector process says hello before anything here can fail for a reason of the user's, so
 * that it is there to be told to end.
 */
static int set_up(struct web *web, const struct options *options)
{
	int r = (web->signals = signals_open()) < 0 ? web->signals : 0;

	if (r == 0)
		r = (web->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0 ? -errno : 0;
	if (r == 0)
		r = watch(web, web->collector.channel);
	if (r == 0)
		r = collector_process_await(&web->collector, web->epoll);
	if (r == -EPIPE)
		on_collector_end(web);
	if (r == 0)
		r = open_gate(web, options->web_config);
	if (r == 0)
		r = open_listeners(web, &options->listen);
	if (r < 0)
		return r;
	r = http_create(options->telemetry_path, web->state.limit_hits, web->gate, dispatch_ask,
			&web->dispatch, &web->http);
	return r < 0 ? r : watch_all(web);
}

/*
 * Both were opened before there could be a connection, and are open until the end: as the kernel
 * gives the lowest number that is free, no connection gets one that is lower. Listeners that were
 * passed have lower ones, and are closed only once nothing is accepted any more.
 */
static unsigned int last_own_fd(const struct web *web)
{
	const int channel = web->collector.channel, manager = web->notify.fd;

	return (unsigned int)(manager > channel ? manager : channel);
}

static int confine(struct web *web)
{
	const enum syscall_role role = web->gate ? SYSCALLS_WEB_FILES : SYSCALLS_WEB;
	struct landlock readable;
	int r;

	landlock_open(&readable);
	gate_paths(web->gate, landlock_allow_reading, &readable);
	r = sandbox_drop(role, &readable);
	if (r < 0) {
		web->failed = web->done = true;
		return r;
	}
	r = gate_start(web->gate);
	if (r < 0)
		fail(web, "Cannot start the thread for logins", r);
	else
		sandbox_close(role, FILES_WANTED, last_own_fd(web));
	return r;
}

static void tear_down(struct web *web)
{
	listeners_close(&web->listeners);
	gate_stop(web->gate);
	dispatch_clear(&web->dispatch);
	if (web->http)
		http_run(web->http);
	http_destroy(web->http);
	gate_close(web->gate);
	collector_process_end(&web->collector, !web->dispatch.collecting);
	dispatch_finish(&web->dispatch);
	fd_cleanup(&web->signals);
	fd_cleanup(&web->epoll);
	notify_close(&web->notify);
}

/* Serves until the end. The service manager hears of it when nothing can fail any more. */
static void serve(struct web *web)
{
	char sentence[LISTENERS_SENTENCE_MAX];

	listeners_log(&web->listeners, gate_tls(web->gate) != NULL, sentence);
	if (confine(web) < 0)
		return;
	notify_ready(&web->notify, sentence, clock_monotonic_ns());
	while (!web->done)
		turn(web);
}

static void open_notify(struct web *web)
{
	int r = notify_open(&web->notify);

	if (r < 0)
		log_warn("Cannot reach the service manager, ignoring", "err", errno_text(r));
}

int web_run(const struct options *options, const struct listeners *passed, int channel,
	    pid_t collector, uint64_t enabled)
{
	struct web web = { .collector = { .channel = channel, .pid = collector },
			   .epoll = -1,
			   .signals = -1 };
	int r;

	web.listeners = *passed;
	dispatch_init(&web.dispatch, channel, &web.state);
	web.dispatch.telemetry_path = options->telemetry_path;
	web.dispatch.enabled = enabled;
	web.dispatch.max_requests = options->max_requests;
	web.dispatch.exporter_metrics = !options->disable_exporter_metrics;
	raise_file_limit();
	open_notify(&web);
	r = set_up(&web, options);
	if (r < 0 && !web.failed)
		fail(&web, "Cannot set up the web process", r);
	if (r == 0)
		serve(&web);
	tear_down(&web);
	return web.failed ? 1 : 0;
}
