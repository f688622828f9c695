/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Clients of an HTTP server on loopback, by the thousand: slow ones, rude ones and scrapers. One
 * thread, one epoll. A tool for tests: it shares no code with the exporter.
 */

#include "clients.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
	"Usage: clients --port=N [--seconds=N] [--tls] [--header=LINE] [--seed=N] GROUP...\n"
	"Clients of 127.0.0.1 and ::1; ends after so many seconds, on SIGTERM, or when every group\n"
	"with a limit has reached it; prints what became of each group as a line of JSON.\n"
	"GROUP is KIND:COUNT[,NAME=VALUE...]. Kinds:\n"
	"  idle slowloris half garbage pipeliner reader    keep their connection, come again when "
	"it ends\n"
	"  close reset half-close ask-close ask-reset      leave by themselves and come again at "
	"once\n"
	"  scrape                                          wait for the answer, which must be good\n"
	"Names:\n"
	"  every=MS        between two bytes, requests or scrapes, or how long it stays (1000)\n"
	"  each=N          requests that a pipeliner or reader sends at a time (16)\n"
	"  limit=N         connections or scrapes of the whole group (none)\n"
	"  path=PATH       (/metrics)\n"
	"  from=ADDRESS/N  source addresses, one behind the other; of IPv6, networks of 64 bits\n"
	"  keep=0          a scraper closes its connection behind each answer\n"
	"  bye=1           requests say Connection: close\n";

static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
	asked_to_end = number;
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

void client_set_due(struct client *client, uint64_t due_ns)
{
	client->due_ns = due_ns;
	if (due_ns < client->load->next_due_ns)
		client->load->next_due_ns = due_ns;
}

void client_close(struct client *client, bool reset)
{
	client->group->held -= client->established;
	client->established = false;
	wire_close(&client->wire, reset);
}

/* The connection did not come or has ended, and not because we wanted it to. */
static void lost(struct client *client, enum failure failure)
{
	client->group->refused += !client->established;
	client->group->ended += client->established;
	if (client->group->kind->scrapes) {
		scrape_lost(client, failure);
		return;
	}
	client_close(client, false);
	client_set_due(client, client->load->now_ns + AWAY_MS * NSEC_PER_MSEC);
}

/* Edges, so that nobody wakes up for the end of a stream that it does not read. */
void client_open(struct client *client)
{
	const struct kind *kind = client->group->kind;
	struct load *load = client->load;
	struct epoll_event event = { .data.ptr = client };

	event.events = EPOLLET | EPOLLOUT | EPOLLRDHUP | (kind->blind ? 0U : EPOLLIN);
	if (wire_open(&client->wire, &client->from, load->port, kind->blind ? 2048 : 0,
		      load->credentials) < 0 ||
	    epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->wire.fd, &event) < 0)
		lost(client, FAILURE_CONNECT);
	else if (!kind->scrapes)
		client_set_due(client, load->now_ns + PATIENCE_MS * NSEC_PER_MSEC);
}

static void begin(struct client *client)
{
	struct group *group = client->group;

	client->established = true;
	group->opened++;
	group->held++;
	if (group->held > group->held_max)
		group->held_max = group->held;
	if (group->kind->begin)
		group->kind->begin(client);
	if (!group->kind->scrapes)
		client_set_due(client, client->load->now_ns + group->every_ms * NSEC_PER_MSEC);
}

static void come(struct client *client)
{
	struct group *group = client->group;

	if (group->limit && group->begun == group->limit) {
		client_set_due(client, NEVER);
		return;
	}
	group->begun++;
	client_open(client);
}

static void step(struct client *client)
{
	struct group *group = client->group;

	if (group->kind->scrapes) {
		scrape_step(client);
	} else if (client->wire.fd < 0) {
		come(client);
	} else if (!client->established) {
		lost(client, FAILURE_CONNECT);
	} else {
		client_set_due(client, client->load->now_ns + group->every_ms * NSEC_PER_MSEC);
		if (group->kind->step)
			group->kind->step(client);
		if (group->kind->leaves)
			client_set_due(client, client->load->now_ns);
	}
}

static void throw_away(struct client *client)
{
	char bytes[16384];
	ssize_t n;

	do
		n = wire_receive(&client->wire, bytes, sizeof(bytes));
	while (n > 0);
	if (n != -EAGAIN)
		lost(client, FAILURE_CLOSED);
}

static void handle(struct client *client, uint32_t events)
{
	const struct kind *kind = client->group->kind;
	int r;

	if (client->wire.fd < 0)
		return;
	if (!client->established) {
		r = wire_establish(&client->wire);
		if (r == 0)
			begin(client);
		else if (r != -EAGAIN)
			lost(client, FAILURE_CONNECT);
		if (r != 0 || client->wire.fd < 0)
			return;
	}
	if (kind->blind && events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		lost(client, FAILURE_CLOSED);
	else if (kind->readable)
		kind->readable(client);
	else if (!kind->blind)
		throw_away(client);
}

static void run_due(struct load *load, struct client *clients, size_t n)
{
	load->now_ns = clock_ns();
	if (load->now_ns < load->next_due_ns)
		return;
	load->next_due_ns = NEVER;
	for (size_t i = 0; i < n; i++) {
		if (clients[i].due_ns <= load->now_ns)
			step(&clients[i]);
		if (clients[i].due_ns < load->next_due_ns)
			load->next_due_ns = clients[i].due_ns;
	}
}

/* Whether a scrape is under way, or one is still to come because of its group's limit. */
static bool is_over(const struct load *load, const struct client *clients, size_t n)
{
	bool limits = false;

	for (size_t i = 0; i < n; i++) {
		const struct group *group = clients[i].group;

		if (clients[i].began_ns)
			return false;
		limits |= group->limit;
		if (group->limit && !load->ending &&
		    (group->begun < group->limit ||
		     (!group->kind->scrapes && clients[i].wire.fd >= 0)))
			return false;
	}
	return load->ending || limits;
}

static void wait_for_events(struct load *load)
{
	struct epoll_event events[256];
	const uint64_t until = load->next_due_ns < load->end_ns ? load->next_due_ns : load->end_ns;
	const uint64_t now_ns = clock_ns();
	int ms = 100, n;

	if (until <= now_ns)
		ms = 0;
	else if (until - now_ns < 100 * NSEC_PER_MSEC)
		ms = (int)((until - now_ns) / NSEC_PER_MSEC) + 1;
	n = epoll_wait(load->epoll, events, 256, ms);
	for (int i = 0; i < n; i++) {
		load->now_ns = clock_ns();
		handle(events[i].data.ptr, events[i].events);
	}
}

static void loop(struct load *load, struct client *clients, size_t n)
{
	do {
		wait_for_events(load);
		run_due(load, clients, n);
		load->ending |= asked_to_end || load->now_ns >= load->end_ns;
	} while (!is_over(load, clients, n));
}

static struct client *create_clients(struct load *load, size_t *ret_n)
{
	struct client *clients;
	size_t n = 0;

	for (size_t g = 0; g < load->n_groups; g++)
		n += load->groups[g].count;
	clients = calloc(n ? n : 1, sizeof(*clients));
	if (!clients)
		err(2, "clients");
	n = 0;
	for (size_t g = 0; g < load->n_groups; g++) {
		struct group *group = &load->groups[g];

		for (uint64_t i = 0; i < group->count; i++, n++) {
			clients[n] = (struct client){ .group = group, .load = load, .wire.fd = -1 };
			clients[n].from = wire_address_advance(&group->from,
							       (uint32_t)(i % group->n_from));
			/* Not all at the same time. */
			client_set_due(&clients[n], load->now_ns + i * group->every_ms *
									   NSEC_PER_MSEC /
									   group->count);
		}
	}
	*ret_n = n;
	return clients;
}

static void print_groups(const struct load *load)
{
	printf("[");
	for (size_t g = 0; g < load->n_groups; g++) {
		fputs(g ? ",\n " : "", stdout);
		group_print(&load->groups[g], stdout);
	}
	printf("]\n");
}

static void finish(struct load *load, struct client *clients, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		client_close(&clients[i], false);
		free(clients[i].reply);
	}
	free(clients);
	for (size_t g = 0; g < load->n_groups; g++)
		free(load->groups[g].latencies_ns);
	free(load->groups);
	if (load->credentials)
		gnutls_certificate_free_credentials(load->credentials);
	(void)close(load->epoll);
}

static void parse(struct load *load, int argc, char **argv)
{
	const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "seconds", required_argument, NULL, 's' },
		{ "tls", no_argument, NULL, 't' },
		{ "header", required_argument, NULL, 'h' },
		{ "seed", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	const char *header = "";
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			load->port = (uint16_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			load->end_ns = load->now_ns +
				       strtoul(optarg, NULL, 10) * 1000 * NSEC_PER_MSEC;
		else if (option == 'd')
			load->seed = strtoul(optarg, NULL, 10);
		else if (option == 'h')
			header = optarg;
		else if (option != 't' ||
			 gnutls_certificate_allocate_credentials(&load->credentials) < 0)
			errx(2, "%s", usage);
	}
	load->n_groups = (size_t)(argc - optind);
	load->groups = calloc(load->n_groups + 1, sizeof(*load->groups));
	if (!load->groups || load->port == 0 || load->n_groups == 0)
		errx(2, "%s", usage);
	for (size_t g = 0; g < load->n_groups; g++)
		group_parse(&load->groups[g], argv[optind + (int)g], header);
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct load load = {
		.now_ns = clock_ns(), .next_due_ns = NEVER, .end_ns = NEVER, .seed = 1
	};
	struct client *clients;
	size_t n;

	parse(&load, argc, argv);
	raise_file_limit();
	(void)signal(SIGTERM, on_signal);
	(void)signal(SIGPIPE, SIG_IGN);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.epoll < 0)
		err(2, "epoll");
	clients = create_clients(&load, &n);
	loop(&load, clients, n);
	print_groups(&load);
	finish(&load, clients, n);
	return 0;
}
