/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Reads a web configuration and what it names, and makes of it what connections need. */

#include "tls.h"
#include "web_change.h"
#include "web_config.h"

/* What a configuration may name: certificate, key, client CA. */
#define WEB_SOURCES (WEB_FILES - 1)

/* A second. Each one more doubles it: longer than a scrape may take. */
#define WEB_COST_USUAL_MAX 14

struct web_loaded {
	struct web_config *config;
	struct tls *tls;      /* NULL without TLS */
	struct web_look look; /* the first WEB_FILES */
};

/* The path of a source, NULL: it has none. config may be NULL. */
const char *web_load_file(const struct web_config *config, size_t source);

/*
 * The configuration alone, into an empty *ret. Where client certificates are to be verified and no
 * client CA is given it is, as in every exporter, the file of those that the system trusts. Returns
 * 0 or a negative errno with one sentence in error: -EINVAL when it is wrong, -EAGAIN when it
 * changed while it was read.
 */
int web_load_config(const char *path, const char *directory, struct web_loaded *ret,
		    char error[WEB_CONFIG_ERROR_MAX]);

/* The rest of it, if it has TLS. Returns as web_load_config(). */
int web_load_tls(struct web_loaded *loaded, char error[WEB_CONFIG_ERROR_MAX]);

/* Users whose hashes cost more than WEB_COST_USUAL_MAX, and the greatest cost of these, or 0. */
struct web_costly {
	size_t users;
	unsigned int cost;
};

/* Pure. config may be NULL. */
struct web_costly web_load_costly(const struct web_config *config);

/*
 * Logs a warning when config has more of these, or greater costs, than before (NULL: none), and one
 * when the system says whose client certificates are good, and did not before.
 */
void web_load_warn(const struct web_config *config, const struct web_config *before);

void web_loaded_free(struct web_loaded *loaded);
