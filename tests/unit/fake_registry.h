/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A registry of names, so that who only looks them up is tested without the collectors. */

#include <errno.h>
#include <string.h>

#include "../../collectors/registry.h"

enum fake_collector {
	FAKE_TABLE,
	FAKE_STAT,
	FAKE_FLOWS,
	FAKE_TALKERS, /* off by default */
	N_FAKE_COLLECTORS,
};

#define BIT(collector) (1ULL << (collector))
#define FAKE_DEFAULTS (BIT(FAKE_TABLE) | BIT(FAKE_STAT) | BIT(FAKE_FLOWS))

int registry_find(const char *name)
{
	static const char *const names[N_FAKE_COLLECTORS] = { "table", "stat", "flows", "talkers" };

	for (int i = 0; i < N_FAKE_COLLECTORS; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -ENOENT;
}

uint64_t registry_defaults(void)
{
	return FAKE_DEFAULTS;
}
