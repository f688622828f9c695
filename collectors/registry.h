/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The one list of collectors. Its order is the order of the exposition; an index into it is a bit
 * in a collector mask.
 */

#include "collector.h"

extern const struct collector *const collectors[];
extern const size_t n_collectors;

/* The index of the collector with this name, or -ENOENT. */
int registry_find(const char *name);

/* The mask of the collectors that are on when no flag says otherwise. */
uint64_t registry_defaults(void);

/*
 * Checks all families of all collectors and of the scrape itself: names, label names, help, no name
 * twice. Returns 0, or -EINVAL and the offending name in *ret_name.
 */
int registry_check(const char **ret_name);
