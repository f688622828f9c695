/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "clients.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static uint64_t parse_number(const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = text ? strtoull(text, &end, 10) : 0;
	if (!text || errno || end == text || *end)
		errx(2, "not a number: '%s'", text ? text : "");
	return value;
}

/* ADDRESS or ADDRESS/HOW MANY */
static void parse_from(struct group *group, char *text)
{
	char *slash = text ? strchr(text, '/') : NULL;

	if (slash)
		*slash = '\0';
	group->n_from = slash ? parse_number(slash + 1) : 1;
	if (!text || wire_address_parse(text, &group->from) < 0 || group->n_from == 0)
		errx(2, "not an address: '%s'", text ? text : "");
}

static void parse_option(struct group *group, char **at)
{
	enum { EVERY, EACH, LIMIT, KEEP, BYE, PATH, FROM };
	char *const names[] = { [EVERY] = (char *)"every", [EACH] = (char *)"each",
				[LIMIT] = (char *)"limit", [KEEP] = (char *)"keep",
				[BYE] = (char *)"bye",	   [PATH] = (char *)"path",
				[FROM] = (char *)"from",   NULL };
	char *value;

	switch (getsubopt(at, names, &value)) {
	case EVERY:
		group->every_ms = parse_number(value);
		break;
	case EACH:
		group->each = parse_number(value);
		break;
	case LIMIT:
		group->limit = parse_number(value);
		break;
	case KEEP:
		group->keep = parse_number(value);
		break;
	case BYE:
		group->bye = parse_number(value);
		break;
	case PATH:
		group->path = value ? value : "/";
		break;
	case FROM:
		parse_from(group, value);
		break;
	default:
		errx(2, "not an option of a group: '%s'", value);
	}
}

static void build_request(struct group *group, const char *header)
{
	const int size = snprintf(group->request, sizeof(group->request),
				  "GET %s HTTP/1.1\r\nHost: exporter\r\n%s%s%s\r\n", group->path,
				  header, *header ? "\r\n" : "",
				  group->bye ? "Connection: close\r\n" : "");

	if (size < 0 || (size_t)size >= sizeof(group->request))
		errx(2, "the request is too long");
	group->request_size = (size_t)size;
}

void group_parse(struct group *group, char *text, const char *header)
{
	char *colon = strchr(text, ':');
	char *comma = colon ? strchr(colon, ',') : NULL;

	if (!colon)
		errx(2, "not a group of clients: '%s'", text);
	*colon = '\0';
	if (comma)
		*comma++ = '\0';
	*group = (struct group){ .kind = kind_find(text),
				 .every_ms = 1000,
				 .each = 16,
				 .keep = true,
				 .path = "/metrics" };
	if (!group->kind)
		errx(2, "not a kind of client: '%s'", text);
	group->count = parse_number(colon + 1);
	(void)wire_address_parse("127.0.0.1", &group->from);
	group->n_from = 1;
	while (comma && *comma)
		parse_option(group, &comma);
	build_request(group, header);
}

void group_add_latency(struct group *group, uint64_t ns)
{
	if (group->n_latencies == group->latencies_size) {
		group->latencies_size = group->latencies_size ? 2 * group->latencies_size : 1024;
		group->latencies_ns = realloc(group->latencies_ns,
					      group->latencies_size * sizeof(uint64_t));
		if (!group->latencies_ns)
			err(2, "latencies");
	}
	group->latencies_ns[group->n_latencies++] = ns;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double quantile_ms(const struct group *group, double q)
{
	const size_t at = (size_t)(q * (double)(group->n_latencies - 1) + 0.5);

	return group->n_latencies ? (double)group->latencies_ns[at] / 1e6 : 0;
}

static void print_failures(const struct group *group, FILE *out)
{
	static const char *const names[N_FAILURES] = {
		[FAILURE_CONNECT] = "connect", [FAILURE_CLOSED] = "closed",
		[FAILURE_CUT] = "cut",	       [FAILURE_SLOW] = "slow",
		[FAILURE_STATUS] = "status",   [FAILURE_COLLECTOR] = "collector",
	};
	const char *separator = "";

	fputs("\"failures\": {", out);
	for (size_t i = 0; i < N_FAILURES; i++) {
		if (group->failures[i] == 0)
			continue;
		fprintf(out, "%s\"%s\": %" PRIu64, separator, names[i], group->failures[i]);
		separator = ", ";
	}
	fprintf(out, "}, \"last_status\": %" PRIu64, group->last_status);
}

void group_print(struct group *group, FILE *out)
{
	if (group->n_latencies)
		qsort(group->latencies_ns, group->n_latencies, sizeof(uint64_t), compare);
	fprintf(out,
		"{\"kind\": \"%s\", \"path\": \"%s\", \"keep\": %s, \"clients\": %" PRIu64
		", \"opened\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"ended\": %" PRIu64
		", \"held\": %" PRIu64 ", \"held_max\": %" PRIu64 ", \"again\": %" PRIu64
		", \"done\": %zu, \"median_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, ",
		group->kind->name, group->path, group->keep ? "true" : "false", group->count,
		group->opened, group->refused, group->ended, group->held, group->held_max,
		group->again, group->n_latencies, quantile_ms(group, 0.5), quantile_ms(group, 0.99),
		quantile_ms(group, 1));
	print_failures(group, out);
	fputs("}", out);
}
