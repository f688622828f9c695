/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "request.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "../collectors/talkers_query.h"
#include "../collectors/tracking.h"
#include "exposition.h"

static_assert(sizeof(struct request) == offsetof(struct request, unused) + sizeof(uint32_t),
	      "no byte behind the fields is sent");

/* What the requests of a kind may hold. */
static const struct {
	uint32_t flags;
	bool scrape; /* format, collectors, web */
	bool talkers;
	bool context; /* deadline_ns, tracked */
} kinds[N_REQUEST_KINDS] = {
	[REQUEST_METRICS] = { .flags = REQUEST_EXPORTER_METRICS, .scrape = true, .context = true },
	[REQUEST_DIAGNOSIS] = { .flags = REQUEST_SECOND_LOOK, .context = true },
	[REQUEST_VERDICT] = { .context = true },
	[REQUEST_TALKERS] = { .talkers = true, .context = true },
	[REQUEST_QUIT] = { .flags = 0 },
};

static bool scrape_is_valid(const struct request *request, uint64_t allowed)
{
	return request->format < N_EXPOSITION_FORMATS && !(request->collectors & ~allowed) &&
	       request->web.usage.has >> N_PROCESS_VALUES == 0 &&
	       request->web.last_reload < N_WEB_RELOADS;
}

static bool scrape_is_unused(const struct request *request)
{
	static const struct web_state none;

	return request->format == 0 && request->collectors == 0 &&
	       memcmp(&request->web, &none, sizeof(none)) == 0;
}

static bool talkers_are_unused(const struct request *request)
{
	static const struct talkers_query none;

	return memcmp(&request->talkers, &none, sizeof(none)) == 0;
}

static bool context_is_valid(const struct request *request)
{
	for (int i = 0; i < N_FLOW_FAMILIES; i++)
		if (request->tracked[i] >= N_TRACKINGS)
			return false;
	return true;
}

static bool context_is_unused(const struct request *request)
{
	for (int i = 0; i < N_FLOW_FAMILIES; i++)
		if (request->tracked[i] != 0)
			return false;
	return request->deadline_ns == 0;
}

int request_check(const void *bytes, size_t length, uint64_t allowed)
{
	struct request request;
	bool valid;

	if (length != sizeof(request))
		return -EMSGSIZE;
	memcpy(&request, bytes, sizeof(request));
	if (request.magic != REQUEST_MAGIC || request.kind >= N_REQUEST_KINDS)
		return -EINVAL;
	valid = request.unused == 0 && !(request.flags & ~kinds[request.kind].flags);
	valid &= kinds[request.kind].scrape ? scrape_is_valid(&request, allowed)
					    : scrape_is_unused(&request);
	valid &= kinds[request.kind].talkers ? talkers_query_is_valid(&request.talkers)
					     : talkers_are_unused(&request);
	valid &= kinds[request.kind].context ? context_is_valid(&request)
					     : context_is_unused(&request);
	return valid ? 0 : -EINVAL;
}
