/* SPDX-License-Identifier: GPL-2.0-or-later */

/* conntrack's statistics, one message for each CPU, twice: what wraps is carried. */

#include "messages.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>

#include "../../collectors/stat_parse.h"

#define MESSAGES_MAX 16

/* A high number costs time for all those below; one of none that there may be costs nothing. */
static void limit_cpu(struct nlmsghdr *message)
{
	struct nfgenmsg *header = NLMSG_DATA(message);

	if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(*header)) &&
	    ntohs(header->res_id) < STAT_CPUS_MAX)
		header->res_id &= htons(0xff);
}

static int take_messages(struct input *input, struct stat_snapshot *snapshot)
{
	struct nlmsghdr *message;
	int r = 0;

	for (unsigned int n = 0; n < MESSAGES_MAX && r == 0 && (message = input_message(input));
	     n++) {
		const size_t before = snapshot->n;

		limit_cpu(message);
		r = stat_parse_message(snapshot, message);
		HOLDS(r == 0 || r == -EBADMSG || r == -ENOMEM);
		HOLDS(r == 0 || snapshot->n == before);
		HOLDS(snapshot->n <= STAT_CPUS_MAX);
		free(message);
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct stat_snapshot snapshot = { 0 };
	struct stat_carry carry = { 0 };
	uint64_t value, sum;

	for (int look = 0; look < 2; look++) {
		(void)take_messages(&input, &snapshot);
		HOLDS(stat_carry_update(&carry, &snapshot) == 0);
		HOLDS(snapshot.n == 0 && !snapshot.cpus);
	}
	for (int counter = 0; counter < N_STAT_COUNTERS; counter++) {
		uint64_t added = 0;
		bool any = false;

		for (size_t cpu = 0; cpu < carry.last.n; cpu++) {
			if (!stat_carry_value(&carry, cpu, counter, &value))
				continue;
			HOLDS(value < UINT64_C(2) << 32);
			added += value;
			any = true;
		}
		HOLDS(stat_carry_sum(&carry, counter, &sum) == any);
		HOLDS(!any || sum == added);
	}
	stat_carry_finish(&carry);
	return 0;
}
