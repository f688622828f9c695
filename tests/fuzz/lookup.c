/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the kernel answers to the question for one flow or socket. */

#include "messages.h"

#include <errno.h>

#include "../../collectors/collector.h"
#include "../../collectors/lookup.h"

#define LOOKUPS_MAX 4

static struct input input;

static int answer_all(size_t n, const struct netlink_lookup *lookup)
{
	for (size_t i = 0; i < n; i++) {
		char *payload = malloc(NETLINK_PAYLOAD_MAX);
		const uint8_t how = input_byte(&input);
		struct nlmsghdr *message = how & 1 ? input_message(&input) : NULL;

		HOLDS(payload && lookup->build(lookup->ctx, i, payload) <= NETLINK_PAYLOAD_MAX);
		free(payload);
		lookup->answer(lookup->ctx, i, message ? 0 : -(how >> 1), message);
		free(message);
	}
	return 0;
}

int netlink_lookup(_unused_ struct netlink *nl, enum netlink_query query, size_t n,
		   const struct netlink_lookup *lookup, _unused_ uint64_t deadline_ns)
{
	HOLDS(query == NETLINK_SOCKET_LOOKUP);
	return answer_all(n, lookup);
}

int collector_lookup_conntrack(_unused_ struct collector_context *ctx, size_t n,
			       const struct netlink_lookup *lookup)
{
	return answer_all(n, lookup);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct collector_context ctx;
	struct lookup lookups[LOOKUPS_MAX];

	input = (struct input){ data, size };
	for (int sockets = 0; sockets < 2; sockets++) {
		const size_t n = 1 + input_byte(&input) % LOOKUPS_MAX;

		memset(lookups, 0, sizeof(lookups));
		for (size_t i = 0; i < n; i++) {
			input_bytes(&input, &lookups[i].local, 2 * sizeof(struct address));
			input_bytes(&input, &lookups[i].zone, sizeof(lookups[i].zone));
			lookups[i].result = N_FLOW_FAMILIES + LOOKUP_FAILED;
		}
		HOLDS((sockets ? lookup_sockets : lookup_flows)(&ctx, lookups, n) == 0);
		for (size_t i = 0; i < n; i++)
			HOLDS(lookups[i].result <= LOOKUP_FAILED);
	}
	return 0;
}
