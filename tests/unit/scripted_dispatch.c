/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "scripted_dispatch.h"

#include <stdio.h>

#include "../../exporter/log.h"
#include "fake_reply.h"

/* Stand-ins for the other process, the clients, and what answers are made of. */

struct dispatch_script fake;

int channel_send_request(_unused_ int fd, const struct request *request)
{
	fake.sent = *request;
	fake.n_sent++;
	return fake.send_error;
}

int channel_receive_answer(_unused_ int fd, struct answer *answer)
{
	answer->status = fake.answer_status;
	if (fake.answer_status == 0)
		buffer_append_string(&answer->body, "bytes");
	return 1;
}

void answer_init(struct answer *answer)
{
	*answer = (struct answer){ 0 };
	buffer_init(&answer->body, 1024);
}

void answer_finish(struct answer *answer)
{
	buffer_finish(&answer->body);
}

static int refuse_query(char error[QUERY_ERROR_MAX])
{
	if (fake.query_error)
		(void)snprintf(error, QUERY_ERROR_MAX, "%s", fake.query_error);
	return fake.query_error ? -EINVAL : 0;
}

int query_collectors(_unused_ const struct query *query, uint64_t enabled, uint64_t *ret,
		     char error[QUERY_ERROR_MAX])
{
	*ret = enabled;
	return refuse_query(error);
}

int query_talkers(_unused_ const struct query *query, struct talkers_query *ret,
		  char error[QUERY_ERROR_MAX])
{
	*ret = fake.talkers;
	return refuse_query(error);
}

void process_self_open(_unused_ struct process_self *self)
{
}

void process_self_close(_unused_ struct process_self *self)
{
}

void process_usage_read(_unused_ const struct process_self *self, struct process_usage *ret)
{
	*ret = (struct process_usage){ .has = 1, .value = { 77 } };
}

void conntrack_probes_take(struct conntrack_probes *probes, int fd, _unused_ uint64_t now_ns)
{
	probes->newest[FLOW_IPV6].tracking = fd == 9 ? TRACKING_ACTIVE : TRACKING_UNKNOWN;
}

enum tracking conntrack_probes_get(const struct conntrack_probes *probes, enum flow_family family,
				   _unused_ uint64_t now_ns)
{
	return probes->newest[family].tracking;
}

void log_write(_unused_ enum log_level level, _unused_ const char *msg, ...)
{
}

const char *errno_text(int error)
{
	return strerror(error < 0 ? -error : error);
}

int dispatch_setup(void **state)
{
	struct dispatch *d = calloc(1, sizeof(*d));

	memset(&fake, 0, sizeof(fake));
	*fake_replies = '\0';
	if (!d)
		return -1;
	dispatch_init(d, -1, &fake.web);
	d->telemetry_path = "/m";
	d->enabled = 5;
	d->exporter_metrics = true;
	*state = d;
	return 0;
}

int dispatch_teardown(void **state)
{
	struct dispatch *d = *state;

	dispatch_clear(d);
	dispatch_finish(d);
	free(d);
	return 0;
}

void ask(struct dispatch *d, struct http_waiter *waiter, enum request_kind kind,
	 const char *timeout)
{
	struct http_question question = {
		.kind = kind, .timeout = timeout, .client = fake.client, .fd = 9
	};

	memset(waiter, 0, sizeof(*waiter));
	dispatch_ask(d, waiter, &question);
}

void receive(struct dispatch *d, int status)
{
	fake.answer_status = status;
	assert_int_equal(dispatch_receive(d), 0);
}

void check_replies(const char *expected)
{
	assert_string_equal(fake_replies, expected);
	*fake_replies = '\0';
}

void forget_replies(void)
{
	*fake_replies = '\0';
}
