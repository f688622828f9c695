/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "registry.h"

#include <errno.h>
#include <string.h>

#include "../exporter/util.h"
#include "scrape.h"

/* clang-format off */
const struct collector *const collectors[] = {
	&table_collector,
	&stat_collector,
	&flows_collector,
	&correlation_collector,
	&sockets_collector,
	&netstat_collector,
	&ports_collector,
	&settings_collector,
	&talkers_collector,
};
/* clang-format on */
const size_t n_collectors = ARRAY_SIZE(collectors);

static_assert(ARRAY_SIZE(collectors) <= COLLECTORS_MAX, "a collector mask has one bit each");

int registry_find(const char *name)
{
	for (size_t i = 0; i < n_collectors; i++)
		if (strcmp(collectors[i]->name, name) == 0)
			return (int)i;
	return -ENOENT;
}

uint64_t registry_defaults(void)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < n_collectors; i++)
		mask |= (uint64_t)collectors[i]->enabled_by_default << i;
	return mask;
}

struct name_list {
	const char *names[EXPOSITION_FAMILIES_MAX];
	size_t n;
};

/* Checks n descs against the rules and against all names seen so far, which they join. */
static int check_descs(const struct metric_desc *descs, size_t n, struct name_list *seen,
		       const char **ret_name)
{
	for (size_t i = 0; i < n; i++) {
		*ret_name = descs[i].name ? descs[i].name : "(no name)";
		if (metric_desc_check(&descs[i]) < 0 || seen->n == ARRAY_SIZE(seen->names))
			return -EINVAL;
		for (size_t j = 0; j < seen->n; j++)
			if (strcmp(seen->names[j], descs[i].name) == 0)
				return -EINVAL;
		seen->names[seen->n++] = descs[i].name;
	}
	return 0;
}

int registry_check(const char **ret_name)
{
	struct name_list seen = { .n = 0 };

	for (size_t i = 0; i < n_collectors; i++)
		if (check_descs(collectors[i]->descs, collectors[i]->n_descs, &seen, ret_name) < 0)
			return -EINVAL;
	return check_descs(scrape_descs, n_scrape_descs, &seen, ret_name);
}
