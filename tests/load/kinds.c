/* SPDX-License-Identifier: GPL-2.0-or-later */

/* How clients misbehave. What cannot be sent is left out: they care for no answer. */

#include "clients.h"

#include <string.h>
#include <sys/socket.h>

static void send_all(struct client *client, const char *data, size_t size)
{
	(void)wire_send(&client->wire, data, size);
}

static void send_head(struct client *client)
{
	static const char head[] = "GET /metrics HTTP/1.1\r\nHost: exporter\r\nX-Slow: ";

	send_all(client, head, sizeof(head) - 1);
}

static void send_byte(struct client *client)
{
	send_all(client, "x", 1);
}

static void send_half(struct client *client)
{
	send_all(client, client->group->request, client->group->request_size / 2);
}

static void shut(struct client *client)
{
	(void)shutdown(client->wire.fd, SHUT_WR);
}

static void send_request(struct client *client)
{
	send_all(client, client->group->request, client->group->request_size);
}

static void send_requests(struct client *client)
{
	for (uint64_t i = 0; i < client->group->each; i++)
		send_request(client);
}

static void receive_byte(struct client *client)
{
	char byte;

	(void)wire_receive(&client->wire, &byte, 1);
}

/* xorshift64 */
static uint64_t dice(struct load *load)
{
	load->seed ^= load->seed << 13;
	load->seed ^= load->seed >> 7;
	load->seed ^= load->seed << 17;
	return load->seed;
}

/* Past TLS, if there is one: what is to be hurt is the reader of requests, or of records. */
static void send_garbage(struct client *client)
{
	uint64_t garbage[32];
	const size_t size = 1 + dice(client->load) % sizeof(garbage);

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
		garbage[i] = dice(client->load);
	if (dice(client->load) % 2)
		(void)send(client->wire.fd, garbage, size, MSG_NOSIGNAL);
	else
		send_all(client, (const char *)garbage, size);
}

static void leave(struct client *client)
{
	client_close(client, false);
}

static void leave_with_reset(struct client *client)
{
	client_close(client, true);
}

static const struct kind kinds[] = {
	{ .name = "idle" },
	{ .name = "slowloris", .begin = send_head, .step = send_byte },
	{ .name = "half", .begin = send_half, .step = shut },
	{ .name = "garbage", .begin = send_garbage, .step = send_garbage },
	{ .name = "pipeliner", .begin = send_requests, .step = send_requests },
	{ .name = "reader", .begin = send_requests, .step = receive_byte, .blind = true },
	{ .name = "close", .step = leave, .leaves = true },
	{ .name = "reset", .step = leave_with_reset, .leaves = true },
	{ .name = "half-close", .begin = send_half, .step = leave, .leaves = true },
	{ .name = "ask-close", .begin = send_request, .step = leave, .leaves = true },
	{ .name = "ask-reset", .begin = send_request, .step = leave_with_reset, .leaves = true },
	{ .name = "scrape",
	  .begin = scrape_begin,
	  .step = scrape_step,
	  .readable = scrape_readable,
	  .scrapes = true },
};

const struct kind *kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}
