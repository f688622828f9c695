/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A web configuration in a directory of its own, and a clock. Stands in for TLS, in which a
 * certificate and a key go together when they are the same text, and for the log. Needs unit.h
 * before it.
 */

#include "../../exporter/log.h"
#include "../../exporter/web_settings.h"
#include "directory.h"

#define HASH_A "$2y$10$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
#define HASH_B "$2y$10$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ56789"
#define LOGIN "basic_auth_users:\n  a: " HASH_A "\n"
#define LOGIN_B "basic_auth_users:\n  a: " HASH_B "\n"
#define TLS "tls_server_config:\n  cert_file: crt\n  key_file: key\n"
#define CA "  client_ca_file: ca\n"
#define STAYS "The web configuration in force stays, its change is not taken over"
#define TAKEN "The web configuration was read again"
#define BACK "The web configuration's files are again those in force"

struct tls {
	char cert[64];
	char ca[64];
};

/* How many there are. */
extern int n_tls;

/* The last line's level, message and error, and how many lines there were. */
struct logged {
	int n;
	enum log_level level;
	char msg[256], err[256];
};

extern struct logged logged;

struct scene {
	const struct directory *directory;
	struct web_settings *settings;
	uint64_t now_ns;
};

/*
 * How far the clock of the files is ahead of the one that is real. An hour behind as long as nobody
 * says another: then no time of a change is believed, however long a test takes.
 */
extern int64_t ahead_s;

/* Called once, before the next file is read. NULL: not. */
extern void (*before_read)(void);

/* Writes into a file, and makes another one that replaces it, as those who care do it. */
void put(const struct scene *scene, const char *name, const char *text);
void replace(const struct scene *scene, const char *name, const char *text);

/* With the files web.yml, crt and key ("one"), ca, and system, which SSL_CERT_FILE names. */
struct scene scene_open(void **state, const char *config);
void scene_close(struct scene *scene);

/* Looks so many milliseconds later. */
bool later(struct scene *scene, uint64_t ms);

/* What is in force, "" without: the first user's hash, and the certificate. */
const char *hash(const struct scene *scene);
const char *cert(const struct scene *scene);

/* Copies with <name> for what is in the test's directory, whose name differs each time. */
void shorten(const char *text, const char *directory, char *ret, size_t size);

void check_log(const struct scene *scene, int n, const char *msg, const char *err);

/* The change that was just made is refused, in one line however long it stays. */
void check_stays(struct scene *scene, const char *err);
