/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../exporter/buffer.h"
#include "../exporter/util.h"
#include "address_text.h"
#include "labels.h"
#include "talkers_write.h"

void talker_format(const struct talker *talker, enum talkers_by by, char ret[TALKER_TEXT_MAX])
{
	char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX];

	address_format(&talker->source, source);
	address_format(&talker->destination, destination);
	switch (by) {
	case TALKERS_BY_SOURCE:
		(void)snprintf(ret, TALKER_TEXT_MAX, "%s", source);
		break;
	case TALKERS_BY_DESTINATION:
		(void)snprintf(ret, TALKER_TEXT_MAX, "%s", destination);
		break;
	case TALKERS_BY_DESTINATION_PORT:
		(void)snprintf(ret, TALKER_TEXT_MAX, "%u", talker->port);
		break;
	case TALKERS_BY_PAIR:
		(void)snprintf(ret, TALKER_TEXT_MAX, "%s %s", source, destination);
		break;
	case N_TALKERS_BYS:
		break;
	}
}

void talkers_prefix_format(const struct talkers_prefix *prefix, char ret[TALKERS_PREFIX_TEXT_MAX])
{
	const bool ipv4 = prefix->bits >= 96 && address_is_ipv4(&prefix->address);
	char address[ADDRESS_TEXT_MAX];

	address_format(&prefix->address, address);
	if (prefix->bits == 128)
		(void)snprintf(ret, TALKERS_PREFIX_TEXT_MAX, "%s", address);
	else
		(void)snprintf(ret, TALKERS_PREFIX_TEXT_MAX, "%s/%u", address,
			       (unsigned int)(ipv4 ? prefix->bits - 96 : prefix->bits));
}

size_t talkers_filters_format(const struct talkers_query *query,
			      struct talkers_filter_text ret[TALKERS_FILTERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < TALKERS_FILTERS_MAX; i++)
		ret[i].is_number = false;
	if (query->filter & TALKERS_FILTER_SOURCE) {
		ret[n].name = "source";
		talkers_prefix_format(&query->source, ret[n++].value);
	}
	if (query->filter & TALKERS_FILTER_DESTINATION) {
		ret[n].name = "destination";
		talkers_prefix_format(&query->destination, ret[n++].value);
	}
	if (query->filter & TALKERS_FILTER_PORT) {
		ret[n].name = "port";
		ret[n].is_number = true;
		(void)snprintf(ret[n].value, sizeof(ret[n].value), "%u", (unsigned int)query->port);
		n++;
	}
	if (query->filter & TALKERS_FILTER_STATE) {
		ret[n].name = "state";
		(void)snprintf(ret[n].value, sizeof(ret[n].value), "%s",
			       tcp_state_names[query->state]);
		n++;
	}
	return n;
}

/* The flows that the whole table has, as far as it is known. */
static uint64_t table_flows(const struct walk_summary *walk)
{
	return walk->complete || walk->entries < walk->visited ? walk->visited : walk->entries;
}

static void write_header(const struct talkers_query *query, const struct talkers_top *top,
			 const struct walk_summary *walk, struct buffer *out)
{
	struct talkers_filter_text filters[TALKERS_FILTERS_MAX];
	const size_t n = talkers_filters_format(query, filters);

	buffer_printf(out, "%" PRIu64 " of %" PRIu64 " flows in the table", top->flows,
		      table_flows(walk));
	for (size_t i = 0; i < n; i++)
		buffer_printf(out, "%s%s %s", i ? ", " : " match ", filters[i].name,
			      filters[i].value);
	if (walk->complete)
		buffer_append_string(out, "\n");
	else
		buffer_printf(out, "; scaled from a sample of %" PRIu64 "\n", walk->visited);
}

struct widths {
	int flows, value;
	bool error; /* some talker has one */
};

static int digits(uint64_t value)
{
	return snprintf(NULL, 0, "%" PRIu64, value);
}

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

static struct widths measure(const struct talkers_query *query, const struct talkers_top *top)
{
	struct widths w = { .flows = max_int((int)strlen("flows"), digits(top->other)),
			    .value = (int)strlen(talkers_by_names[query->by]) };
	char value[TALKER_TEXT_MAX];

	for (size_t i = 0; i < top->n; i++) {
		talker_format(&top->talkers[i], query->by, value);
		w.flows = max_int(w.flows, digits(top->talkers[i].flows));
		w.value = max_int(w.value, (int)strlen(value));
		w.error |= top->talkers[i].error != 0;
	}
	return w;
}

/* Tenths of a percent, rounded. */
static void write_share(uint64_t flows, uint64_t table, struct buffer *out)
{
	const uint64_t share = table ? (flows * 1000 + table / 2) / table : 0;

	buffer_printf(out, "  %3" PRIu64 ".%" PRIu64 "%%", share / 10, share % 10);
}

static void write_row(const struct widths *w, const struct talker *talker, const char *value,
		      uint64_t table, struct buffer *out)
{
	buffer_printf(out, "  %*" PRIu64, w->flows, talker->flows);
	write_share(talker->flows, table, out);
	if (talker->error)
		buffer_printf(out, "  %-*s  %" PRIu64, w->value, value, talker->error);
	else
		buffer_printf(out, "  %s", value);
	buffer_append_char(out, '\n');
}

void talkers_write_text(const struct talkers_query *query, const struct talkers_top *top,
			const struct walk_summary *walk, struct buffer *out)
{
	const struct widths w = measure(query, top);
	const struct talker other = { .flows = top->other };
	const uint64_t table = table_flows(walk);
	char value[TALKER_TEXT_MAX];

	write_header(query, top, walk, out);
	if (w.error)
		buffer_printf(out, "rank  %*s   share  %-*s  %s\n", w.flows, "flows", w.value,
			      talkers_by_names[query->by],
			      walk->complete ? "at most too high by" : "give or take");
	else
		buffer_printf(out, "rank  %*s   share  %s\n", w.flows, "flows",
			      talkers_by_names[query->by]);
	for (size_t i = 0; i < top->n; i++) {
		talker_format(&top->talkers[i], query->by, value);
		buffer_printf(out, "%4zu", i + 1);
		write_row(&w, &top->talkers[i], value, table, out);
	}
	buffer_append_string(out, "    ");
	write_row(&w, &other, "other", table, out);
}
