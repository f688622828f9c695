/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A scraper as Prometheus is one: it keeps its connection, and asks once more on a new one when
 * that was closed before the answer began. On a new connection it does not try twice.
 */

#include "clients.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_SIZE_MAX (8U << 20)

/* The end of a scrape, good or not: when is the next? */
static void rest(struct client *client, uint64_t began_ns)
{
	const uint64_t every_ns = client->group->every_ms * NSEC_PER_MSEC;
	const struct load *load = client->load;
	const uint64_t next_ns = began_ns + every_ns;

	client->began_ns = 0;
	client->reply_size = 0;
	client_set_due(client, next_ns > load->now_ns ? next_ns : load->now_ns);
}

static void fail(struct client *client, enum failure failure)
{
	const uint64_t began_ns = client->began_ns;

	client->group->failures[failure]++;
	client->began_ns = 0;
	client_close(client, false);
	rest(client, began_ns);
}

static void ask(struct client *client)
{
	const struct group *group = client->group;

	if (wire_send(&client->wire, group->request, group->request_size) !=
	    (ssize_t)group->request_size)
		scrape_lost(client, FAILURE_CLOSED);
}

void scrape_step(struct client *client)
{
	struct group *group = client->group;

	if (client->began_ns) {
		fail(client, client->established ? FAILURE_SLOW : FAILURE_CONNECT);
		return;
	}
	if (client->load->ending || (group->limit && group->begun == group->limit)) {
		client_set_due(client, NEVER);
		return;
	}
	group->begun++;
	client->began_ns = client->load->now_ns;
	client->reused = client->established;
	client_set_due(client, client->began_ns + PATIENCE_MS * NSEC_PER_MSEC);
	if (client->established)
		ask(client);
	else
		client_open(client);
}

void scrape_begin(struct client *client)
{
	if (client->began_ns)
		ask(client);
}

void scrape_lost(struct client *client, enum failure failure)
{
	const bool untouched = client->reused && client->reply_size == 0;

	client_close(client, false);
	if (!client->began_ns) /* between two scrapes */
		return;
	if (!untouched) {
		fail(client, client->reply_size ? FAILURE_CUT : failure);
		return;
	}
	client->group->again++;
	client->reused = false;
	client_open(client);
}

/* How long the whole answer is, 0 as long as its headers are not there. */
static size_t answer_size(const struct client *client)
{
	static const char name[] = "\r\nContent-Length: ";
	const char *end = memmem(client->reply, client->reply_size, "\r\n\r\n", 4);
	const char *length = end ? memmem(client->reply, (size_t)(end - client->reply), name,
					  sizeof(name) - 1)
				 : NULL;

	if (!end)
		return 0;
	return (size_t)(end - client->reply) + 4 +
	       (length ? strtoul(length + sizeof(name) - 1, NULL, 10) : 0);
}

static bool collector_failed(const struct client *client)
{
	static const char name[] = "\nconntrack_scrape_collector_success{";
	const char *at = client->reply, *end = client->reply + client->reply_size;

	while ((at = memmem(at, (size_t)(end - at), name, sizeof(name) - 1))) {
		at = memchr(at, '}', (size_t)(end - at));
		if (!at || end - at < 3 || at[2] != '1')
			return true;
	}
	return false;
}

static void judge(struct client *client)
{
	struct group *group = client->group;
	const uint64_t began_ns = client->began_ns;
	const unsigned long status = strtoul(client->reply + sizeof("HTTP/1.1 ") - 1, NULL, 10);

	if (status != 200) {
		group->last_status = status;
		fail(client, FAILURE_STATUS);
		return;
	}
	if (collector_failed(client)) {
		fail(client, FAILURE_COLLECTOR);
		return;
	}
	group_add_latency(group, client->load->now_ns - began_ns);
	if (!group->keep)
		client_close(client, false);
	rest(client, began_ns);
}

static void make_room(struct client *client)
{
	if (client->reply_capacity - client->reply_size > 65536)
		return;
	client->reply_capacity += 131072;
	client->reply = realloc(client->reply, client->reply_capacity);
	if (!client->reply)
		err(2, "answer");
}

void scrape_readable(struct client *client)
{
	size_t size;
	ssize_t n;

	for (;;) {
		make_room(client);
		/* One byte stays free: strtoul() is to end somewhere. */
		n = wire_receive(&client->wire, client->reply + client->reply_size,
				 client->reply_capacity - client->reply_size - 1);
		if (n <= 0)
			break;
		client->reply_size += (size_t)n;
		client->reply[client->reply_size] = '\0';
	}
	size = answer_size(client);
	if (client->began_ns && size && client->reply_size >= size)
		judge(client);
	else if (n != -EAGAIN || client->reply_size > REPLY_SIZE_MAX)
		scrape_lost(client, FAILURE_CLOSED);
	if (n != -EAGAIN && !client->began_ns)
		client_close(client, false);
}
