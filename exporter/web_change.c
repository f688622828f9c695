/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "web_change.h"

#include <errno.h>

#include "util.h"
#include "web_settings.h"

#define REST_NS (WEB_SETTINGS_REST_MS * (int64_t)NSEC_PER_MSEC)
/* The times of changes are of a clock that ticks a hundred times a second or more. */
#define TICK_NS (20 * (int64_t)NSEC_PER_MSEC)
/* There are file systems that keep the second alone, and FAT every other one. */
#define COARSE_NS (2 * (int64_t)NSEC_PER_SEC)

static bool is_same(const struct web_look *a, const struct web_look *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!web_stamp_equal(&a->stamps[i], &b->stamps[i]))
			return false;
	return true;
}

bool web_look_equal(const struct web_look *a, const struct web_look *b)
{
	return is_same(a, b, WEB_LOOK_MAX);
}

void web_change_restart(struct web_change *change, const struct web_look *look, uint64_t now_ns)
{
	change->seen = *look;
	change->seen_ns = now_ns;
}

/*
 * Whether the times of change, which nobody can set, show that a look that is new has rested. What
 * was not there at the last look, which is since_ns ago, changed after it: a time before that is of
 * another clock, or of a clock that was set, or a link was moved to an old file, and shows nothing.
 */
static bool shows_rest(const struct web_look *seen, const struct web_look *look, int64_t since_ns,
		       int64_t real_ns)
{
	for (size_t i = 0; i < WEB_LOOK_MAX; i++) {
		const struct web_stamp *stamp = &look->stamps[i];
		const int64_t age = real_ns - stamp->changed_ns;
		const bool is_coarse = stamp->changed_ns % (int64_t)NSEC_PER_SEC == 0;

		if (age < REST_NS + (is_coarse ? COARSE_NS : 0))
			return false;
		if (!web_stamp_equal(stamp, &seen->stamps[i]) && age > since_ns + TICK_NS)
			return false;
	}
	return true;
}

enum web_change_step web_change_judge(struct web_change *change, const struct web_look *look,
				      uint64_t now_ns, int64_t real_ns)
{
	const int64_t since_ns = (int64_t)(now_ns - change->looked_ns);
	bool is_old = false;

	change->looked_ns = now_ns;
	if (!web_look_equal(look, &change->seen)) {
		is_old = shows_rest(&change->seen, look, since_ns, real_ns);
		web_change_restart(change, look, now_ns);
	}
	if (is_same(look, &change->in_force, WEB_FILES))
		return WEB_CHANGE_NONE;
	if (change->has_refused && web_look_equal(look, &change->refused))
		return WEB_CHANGE_WAIT;
	if (is_old)
		return WEB_CHANGE_READ;
	return now_ns - change->seen_ns < WEB_SETTINGS_REST_MS * NSEC_PER_MSEC ? WEB_CHANGE_WAIT
									       : WEB_CHANGE_READ;
}

void web_change_refuse(struct web_change *change, const struct web_look *look)
{
	change->refused = *look;
	change->has_refused = true;
}

void web_change_accept(struct web_change *change, const struct web_look *look)
{
	change->in_force = *look;
	change->seen = *look;
	change->has_refused = false;
}

void web_change_accept_sight(struct web_change *change, const struct web_look *look)
{
	for (size_t i = 0; i < WEB_FILES; i++)
		if (look->stamps[i].error == EACCES)
			change->in_force.stamps[i] = look->stamps[i];
}

/* How much a client's certificate proves. */
static unsigned int client_proof(const struct web_config_tls *tls)
{
	static const unsigned int proofs[N_WEB_CLIENT_AUTHS] = {
		[WEB_CLIENT_REQUIRE_ANY] = 1,
		[WEB_CLIENT_REQUIRE_AND_VERIFY] = 2,
	};

	return proofs[tls->client_auth];
}

static bool has_own_ca(const struct web_config_tls *tls)
{
	return (tls->client_auth == WEB_CLIENT_VERIFY_IF_GIVEN ||
		tls->client_auth == WEB_CLIENT_REQUIRE_AND_VERIFY) &&
	       !tls->trusts_system;
}

const char *web_change_refusal(const struct web_config *from, const struct web_config *to)
{
	if (from->tls.enabled != to->tls.enabled)
		return from->tls.enabled ? "TLS is switched off by a restart only"
					 : "TLS is switched on by a restart only";
	if (client_proof(&to->tls) < client_proof(&from->tls))
		return "less of client_auth_type is demanded after a restart only";
	if (has_own_ca(&from->tls) && to->tls.trusts_system)
		return "the client CA is removed by a restart only";
	if (from->tls.n_sans && !to->tls.n_sans)
		return "client_allowed_sans is removed by a restart only";
	if (from->n_users && !to->n_users)
		return "the last login is removed by a restart only";
	return NULL;
}
