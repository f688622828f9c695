/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A request as the collector process gets it. What is accepted, its users can use as it is. */

#include "fuzz.h"

#include <errno.h>

#include "../../collectors/labels.h"
#include "../../collectors/talkers_query.h"
#include "../../collectors/talkers_write.h"
#include "../../collectors/tracking.h"
#include "../../exporter/exposition.h"
#include "../../exporter/request.h"

#define ALLOWED 0x1ffU

static void use_talkers(const struct talkers_query *query)
{
	static struct talkers talkers;
	static struct talkers_top top;
	const struct walk_summary walk = { .visited = 1, .entries = 1, .complete = true };
	const struct flow flow = { .has = ~0U, .protocol = FLOW_TCP };
	struct buffer out;

	HOLDS(talkers_init(&talkers, 1U << query->by, query) == 0);
	talkers_reset(&talkers);
	talkers_add(&talkers, &flow, NULL);
	talkers_top(&talkers, query->by, query->limit, &walk, &top);
	talkers_finish(&talkers);
	buffer_init(&out, 1U << 20);
	HOLDS(talkers_write_json(query, &top, &walk, false, &out) == 0);
	talkers_write_text(query, &top, &walk, &out);
	HOLDS(out.error == 0);
	buffer_finish(&out);
}

static void use(const struct request *request)
{
	HOLDS(request->magic == REQUEST_MAGIC && request->kind < N_REQUEST_KINDS);
	HOLDS(request->format < N_EXPOSITION_FORMATS);
	HOLDS((request->collectors & ~(uint64_t)ALLOWED) == 0);
	HOLDS((request->flags & ~3U) == 0);
	HOLDS(request->web.usage.has >> N_PROCESS_VALUES == 0);
	HOLDS(request->web.last_reload < N_WEB_RELOADS);
	for (int family = 0; family < N_FLOW_FAMILIES; family++)
		HOLDS(request->tracked[family] < N_TRACKINGS);
	if (request->kind == REQUEST_TALKERS)
		use_talkers(&request->talkers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *bytes = input_block(data, size);
	const int r = request_check(bytes, size, ALLOWED);
	struct request request;

	HOLDS(r == 0 || (r == -EMSGSIZE && size != sizeof(request)) || r == -EINVAL);
	if (r == 0) {
		HOLDS(size == sizeof(request));
		memcpy(&request, bytes, sizeof(request));
		use(&request);
		/* More is allowed, not less. */
		HOLDS(request_check(bytes, size, UINT64_MAX) == 0);
		HOLDS(request.collectors == 0 || request_check(bytes, size, 0) == -EINVAL);
	}
	free(bytes);
	return 0;
}
