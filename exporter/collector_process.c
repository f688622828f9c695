/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "collector_process.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "channel.h"
#include "log.h"
#include "util.h"

/* Waits for it to end, but not for ever. False when it has not. */
static bool reap(const struct collector_process *collector, int *ret_status)
{
	const uint64_t give_up_ns = clock_monotonic_ns() + COLLECTOR_PROCESS_REAP_S * NSEC_PER_SEC;

	while (waitpid(collector->pid, ret_status, WNOHANG) != collector->pid) {
		if (clock_monotonic_ns() >= give_up_ns)
			return false;
		(void)poll(NULL, 0, 1);
	}
	return true;
}

int collector_process_await(const struct collector_process *collector, int epoll)
{
	struct epoll_event event;
	struct answer hello;
	int r;

	answer_init(&hello);
	do {
		(void)epoll_wait(epoll, &event, 1, -1);
		r = channel_receive_answer(collector->channel, &hello);
	} while (r == 0);
	answer_finish(&hello);
	return r == 1 ? 0 : r;
}

void collector_process_report(struct collector_process *collector)
{
	char text[64] = "it closed the channel and goes on";
	int status;

	collector->reaped = true;
	if (reap(collector, &status)) {
		if (WIFSIGNALED(status))
			(void)snprintf(text, sizeof(text), "signal %d (%s)", WTERMSIG(status),
				       strsignal(WTERMSIG(status)));
		else
			(void)snprintf(text, sizeof(text), "exit code %d", WEXITSTATUS(status));
	}
	log_error("Collector process ended, ending the web process", "how", text);
}

/* If it is gone, so is the message. */
void collector_process_end(struct collector_process *collector, bool idle)
{
	const struct request quit = { .magic = REQUEST_MAGIC, .kind = REQUEST_QUIT };
	int status;

	(void)channel_send_request(collector->channel, &quit);
	(void)close(collector->channel);
	if (idle && !collector->reaped)
		(void)reap(collector, &status);
}
