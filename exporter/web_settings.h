/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The web configuration in force and the files it was read from: read at the start, and read again
 * when they change. No timer: somebody asks at each request and connection.
 *
 * A change is taken over only when it is right as a whole and has rested: a file that an editor is
 * still writing is a valid one, with less protection. What is wrong is said once and changes
 * nothing. A change that takes away a whole protection (TLS, client certificates, all logins) needs
 * a restart, as one that switches TLS on does.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tls.h"
#include "web_config.h"

/* Files are looked at this often at most. */
#define WEB_SETTINGS_INTERVAL_MS 1000
/*
 * A change must be so old, by the times of its files, or must have been the same for so long where
 * those show nothing: of a file that is gone, when a clock was set.
 */
#define WEB_SETTINGS_REST_MS 1000

struct web_settings;

/*
 * Reads path and all it names. Returns 0, or a negative errno with one sentence in error. To be
 * called with the rights of the one who started the program.
 */
int web_settings_open(const char *path, struct web_settings **ret,
		      char error[WEB_CONFIG_ERROR_MAX]);
/* Accepts NULL. */
void web_settings_close(struct web_settings *settings);

/*
 * Tries whether all of it can be read again, and logs a warning with the name and the errno if not.
 * A file that is out of sight from now on has not changed by that. To be called once, when the
 * rights have been dropped.
 */
void web_settings_probe(struct web_settings *settings);

/*
 * Looks whether there is a change to take over, and does so. now: do not wait for the interval and
 * the rest, and read even what did not change (SIGHUP). True when it was read: what the two below
 * returned is gone.
 */
bool web_settings_refresh(struct web_settings *settings, uint64_t now_ns, bool now);

const struct web_config *web_settings_config(const struct web_settings *settings);
/* A borrowed reference, NULL without TLS. */
struct tls *web_settings_tls(const struct web_settings *settings);

/* Whether the last change was taken over. True when there was none. */
bool web_settings_is_current(const struct web_settings *settings);

/*
 * fn is called for each directory whose files must stay readable, for some of them twice; in place
 * of one that is / or has procfs in it, which is more than anybody means to give, for the file
 * alone, and a warning is logged. To be called once.
 */
void web_settings_paths(const struct web_settings *settings,
			void (*fn)(void *ctx, const char *path), void *ctx);
