/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The keys of a web configuration: tables, and what each does with its value. Pure. */

#include "web_config.h"
#include "web_yaml.h"

#define WEB_KEYS_MAX 16 /* in a map */

struct web_parse {
	struct web_yaml_event event; /* the last one */
	struct web_config *config;
	const char *directory;
	char *error;
};

struct web_key;

/* Takes the text of p->event. What it returns ends the parse, if it is not 0. */
typedef int (*web_set_fn)(struct web_parse *p, const struct web_key *key);

struct web_map {
	const struct web_key *keys;
	size_t n_keys; /* up to WEB_KEYS_MAX */
	/* Called at the end of the map with its own line and those of its keys, 0: not there. */
	int (*check)(struct web_parse *p, size_t line, const size_t *lines);
	/* Instead of keys: takes any name, whose value is the text of p->event. */
	int (*add)(struct web_parse *p, const char *name);
};

/* One of set and map. */
struct web_key {
	const char *name;
	web_set_fn set;
	size_t offset;		   /* in struct web_config */
	bool is_list;		   /* set is called for each entry */
	bool is_never_empty;	   /* of a list */
	const struct web_map *map; /* instead of set */
	const char *const *values; /* up to a NULL, no others; NULL: any */
};

extern const struct web_map web_config_map;

/* Makes the error of p one sentence that names the line. Returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int web_refuse(struct web_parse *p, size_t line,
						     const char *format, ...);

/* Overwrites a text, frees it and sets it to NULL. Accepts NULL in it. */
void web_secret_free(char **secret);
