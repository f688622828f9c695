/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "stat_parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "../exporter/util.h"
#include "attribute.h"
#include "procfs.h"

/* In the kernel since 5.10 and 5.15; older headers end before them. */
#define STATS_CLASH_RESOLVE (CTA_STATS_SEARCH_RESTART + 1)
#define STATS_CHAIN_TOOLONG (CTA_STATS_SEARCH_RESTART + 2)

#define COLUMNS_MAX 64

static const struct {
	uint16_t attribute;
	const char *column;
} sources[N_STAT_COUNTERS] = {
	[STAT_FOUND] = { CTA_STATS_FOUND, "found" },
	[STAT_INVALID] = { CTA_STATS_INVALID, "invalid" },
	[STAT_INSERT] = { CTA_STATS_INSERT, "insert" },
	[STAT_INSERT_FAILED] = { CTA_STATS_INSERT_FAILED, "insert_failed" },
	[STAT_DROP] = { CTA_STATS_DROP, "drop" },
	[STAT_EARLY_DROP] = { CTA_STATS_EARLY_DROP, "early_drop" },
	[STAT_ERROR] = { CTA_STATS_ERROR, "icmp_error" },
	[STAT_SEARCH_RESTART] = { CTA_STATS_SEARCH_RESTART, "search_restart" },
	[STAT_CLASH_RESOLVE] = { STATS_CLASH_RESOLVE, "clashres" },
	[STAT_CHAINTOOLONG] = { STATS_CHAIN_TOOLONG, "chainlength" },
};

static void set_counter(struct stat_cpu *cpu, int counter, uint32_t value)
{
	cpu->has |= 1U << counter;
	cpu->value[counter] = value;
}

int stat_parse_message(struct stat_snapshot *snapshot, const struct nlmsghdr *message)
{
	const struct nfgenmsg *header = NLMSG_DATA(message);
	struct attribute_cursor cursor = attribute_of_message(message, sizeof(*header));
	struct attribute a;
	struct stat_cpu *cpu;
	uint32_t value;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return -EBADMSG;
	cpu = stat_snapshot_cpu(snapshot, ntohs(header->res_id));
	if (!cpu)
		return -ENOMEM;
	cpu->present = true;
	while (attribute_next(&cursor, &a))
		for (int i = 0; i < N_STAT_COUNTERS; i++)
			if (a.type == sources[i].attribute && attribute_be32(&a, &value))
				set_counter(cpu, i, value);
	return 0;
}

/*
 * The counter each column holds, -1 for those that are not exported. Moves *text to the end of the
 * header line.
 */
static size_t parse_header(const char **text, int *columns)
{
	size_t n = 0;

	while (**text && **text != '\n' && n < COLUMNS_MAX) {
		size_t length;

		*text += strspn(*text, " \t");
		length = strcspn(*text, " \t\n");
		if (length == 0)
			break;
		columns[n] = -1;
		for (int i = 0; i < N_STAT_COUNTERS; i++)
			if (strlen(sources[i].column) == length &&
			    strncmp(sources[i].column, *text, length) == 0)
				columns[n] = i;
		n++;
		*text += length;
	}
	*text += strcspn(*text, "\n");
	return n;
}

static int parse_line(const char **text, const int *columns, size_t n, struct stat_cpu *cpu)
{
	uint64_t value;

	for (size_t i = 0; i < n; i++) {
		if (!parse_u64(text, 16, &value) || value > UINT32_MAX)
			return -EBADMSG;
		if (columns[i] >= 0)
			set_counter(cpu, columns[i], (uint32_t)value);
	}
	cpu->present = true;
	return 0;
}

int stat_parse_procfs(struct stat_snapshot *snapshot, const char *text)
{
	int columns[COLUMNS_MAX];
	size_t n = parse_header(&text, columns), number = 0;

	while (*text == '\n' && text[1]) {
		struct stat_cpu *cpu = stat_snapshot_cpu(snapshot, number++);
		int r;

		if (!cpu)
			return -ENOMEM;
		text++;
		r = parse_line(&text, columns, n, cpu);
		if (r < 0)
			return r;
		text += strspn(text, " \t");
	}
	return *text == '\n' || !*text ? 0 : -EBADMSG;
}
