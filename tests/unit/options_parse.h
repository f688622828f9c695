/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A command line as the tests write it. */

#include "../../exporter/options.h"

#define ARGS_MAX (OPTIONS_STRINGS_MAX + 4)

/* Beside the parser of the values, which is the real one. */
const char *const talkers_by_names[N_TALKERS_BYS] = { "source", "destination", "destination-port",
						      "pair" };

struct parse {
	struct options options;
	char error[OPTIONS_ERROR_MAX];
};

/* args ends with NULL; the program's name is put before it. */
static inline int parse(struct parse *p, const char *const *args)
{
	const char *argv[ARGS_MAX + 2] = { "conntrack_exporter" };
	int argc = 1;

	memset(p, 0, sizeof(*p));
	while (args[argc - 1]) {
		assert_true(argc < ARGS_MAX);
		argv[argc] = args[argc - 1];
		argc++;
	}
	return options_parse(argc, (char **)argv, &p->options, p->error);
}

#define PARSE(p, ...) parse(p, (const char *const[]){ __VA_ARGS__, NULL })
