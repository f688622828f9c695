/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whether there is a ruleset: /proc/modules, the names of tables, and nftables' own answer. */

#include "files.h"
#include "messages.h"

#include "../../collectors/collector.h"
#include "../../collectors/tracking.h"

const char *const fuzz_files[] = { "/modules", "/ip_tables_names", "/ip6_tables_names",
				   "/somaxconn", NULL };

static struct input input;

int netlink_query_conntrack(_unused_ struct netlink *nl, enum netlink_query query,
			    _unused_ uint64_t deadline_ns, netlink_message_fn fn, void *ctx)
{
	static const int ends[] = { 0, -EINVAL, -EPERM, -EINTR };
	const uint8_t how = input_byte(&input);
	struct nlmsghdr *message;
	int r = 0;

	HOLDS(query == NETLINK_NFT_TABLES);
	while (r == 0 && (message = input_message(&input))) {
		r = fn(ctx, message);
		free(message);
	}
	return r ? r : ends[how & 3];
}

bool collector_may_be_loaded(_unused_ struct collector_context *ctx)
{
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct collector_settings settings = { .procfs = "/proc" };
	static struct collector_context ctx = { .settings = &settings };
	enum tracking rules[N_FLOW_FAMILIES] = { N_TRACKINGS, N_TRACKINGS };

	input = (struct input){ data, size };
	files_load(&input);
	tracking_rules_read(&ctx, rules);
	for (int family = 0; family < N_FLOW_FAMILIES; family++) {
		const char *names = files.text[1 + family];

		HOLDS(rules[family] < N_TRACKINGS);
		HOLDS(!names || !*names || rules[family] == TRACKING_ACTIVE);
		/* A /proc that shows nothing of the network says nothing of its rules. */
		HOLDS(rules[family] != TRACKING_INACTIVE ||
		      (files.text[3] && strpbrk(files.text[3], "0123456789")));
	}
	tracking_read(&ctx, rules);
	files_unload();
	return 0;
}
