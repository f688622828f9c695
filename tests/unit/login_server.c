/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "login_server.h"

#include <nettle/base64.h>
#include <poll.h>
#include <stdio.h>

#include "../../exporter/log.h"
#include "counted_crypt.h"

void log_write(_unused_ enum log_level level, const char *msg, ...)
{
	fail_msg("nothing is to be logged: %s", msg);
}

const char *errno_text(int error)
{
	return strerror(error);
}

void login_tell(_unused_ void *ctx, struct auth_waiter *waiter, enum auth_verdict verdict)
{
	struct login_request *request = (struct login_request *)waiter;

	request->verdict = verdict;
	request->n_told++;
}

void set_users(struct login_server *s, const char *alice, const char *bob)
{
	const struct web_config_user users[] = {
		{ (char *)"alice", (char *)alice },
		{ (char *)"bob", (char *)bob },
	};

	assert_int_equal(auth_set_users(s->auth, users, bob ? 2 : alice ? 1 : 0), 0);
}

int login_server_setup(void **state)
{
	struct login_server *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	crypt_reset();
	crypt_make(ALICE, 4, s->alice);
	crypt_make(BOB, 4, s->bob);
	crypt_make("changed", 4, s->other);
	assert_int_equal(auth_create(login_tell, s, &s->auth), 0);
	assert_int_equal(auth_start(s->auth), 0);
	set_users(s, s->alice, s->bob);
	*state = s;
	return 0;
}

int login_server_teardown(void **state)
{
	struct login_server *s = *state;

	crypt_release();
	auth_destroy(s->auth);
	free(s);
	return 0;
}

enum auth_verdict ask_from(struct login_server *s, size_t i, uint64_t client, const char *name,
			   const char *password)
{
	char plain[512], header[1024] = "Basic ";
	size_t n = (size_t)snprintf(plain, sizeof(plain), "%s:%s", name, password);

	assert_true(n < sizeof(plain));
	base64_encode_raw(header + 6, n, (const uint8_t *)plain);
	s->requests[i] = (struct login_request){ .verdict = AUTH_PENDING };
	return auth_check(s->auth, header, client, &s->requests[i].waiter);
}

enum auth_verdict ask(struct login_server *s, size_t i, const char *name, const char *password)
{
	return ask_from(s, i, i, name, password);
}

static void run_once(struct login_server *s)
{
	struct pollfd fd = { .fd = auth_fd(s->auth), .events = POLLIN };

	assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
	auth_run(s->auth);
}

enum auth_verdict wait_for(struct login_server *s, size_t i)
{
	while (s->requests[i].n_told == 0)
		run_once(s);
	assert_int_equal(s->requests[i].n_told, 1);
	return s->requests[i].verdict;
}

enum auth_verdict log_in(struct login_server *s, const char *name, const char *password)
{
	enum auth_verdict verdict = ask(s, 0, name, password);

	return verdict == AUTH_PENDING ? wait_for(s, 0) : verdict;
}
