/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <poll.h>
#include <stdio.h>

#include "../../exporter/auth_cache.h"
#include "../../exporter/auth_queue.h"
#include "counted_crypt.h"
#include "login_server.h"

static void a_client_has_one_hash_and_keeps_nobody_out(void **state)
{
	struct login_server *s = *state;

	crypt_hold();
	assert_int_equal(ask_from(s, 0, 7, "alice", "wrong 1"), AUTH_PENDING);
	crypt_wait_begun(1);
	for (int i = 0; i < 10; i++) {
		char password[16];

		(void)snprintf(password, sizeof(password), "wrong %d", 2 + i);
		assert_int_equal(ask_from(s, 1, 7, "alice", password), AUTH_BUSY);
		assert_int_equal(ask_from(s, 1, 7, "nobody", password), AUTH_BUSY);
	}
	assert_int_equal(ask_from(s, 2, 8, "alice", ALICE), AUTH_PENDING);
	crypt_release();
	assert_int_equal(wait_for(s, 0), AUTH_DENIED);
	assert_int_equal(wait_for(s, 2), AUTH_GRANTED);
	assert_int_equal(crypt_counts().begun, 2);
	/* Its next one has its turn again. */
	assert_int_equal(ask_from(s, 0, 7, "alice", "wrong 2"), AUTH_PENDING);
	assert_int_equal(wait_for(s, 0), AUTH_DENIED);
}

static void the_same_login_shares_one_hash(void **state)
{
	struct login_server *s = *state;

	crypt_hold();
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(ask_from(s, i, i / 4, "alice", ALICE), AUTH_PENDING);
	/* Whether it runs or waits. */
	for (size_t i = 8; i < 13; i++)
		assert_int_equal(ask_from(s, i, 3 + i % 2, "bob", "wrong"), AUTH_PENDING);
	crypt_release();
	for (size_t i = 0; i < 13; i++)
		assert_int_equal(wait_for(s, i), i < 8 ? AUTH_GRANTED : AUTH_DENIED);
	assert_int_equal(crypt_counts().begun, 2);
}

static void so_many_wait_and_no_more(void **state)
{
	struct login_server *s = *state;

	assert_int_equal(log_in(s, "bob", BOB), AUTH_GRANTED);
	assert_int_equal(log_in(s, "bob", "wrong"), AUTH_DENIED);
	crypt_hold();
	for (size_t i = 0; i < AUTH_QUEUE_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "name %zu", i);
		assert_int_equal(ask(s, i, name, "x"), AUTH_PENDING);
	}
	assert_int_equal(ask(s, AUTH_QUEUE_MAX, "alice", ALICE), AUTH_BUSY);
	for (size_t i = 1; i < AUTH_WAITERS_MAX; i++)
		assert_int_equal(ask(s, AUTH_QUEUE_MAX + i, "name 0", "x"), AUTH_PENDING);
	assert_int_equal(ask(s, REQUESTS_MAX - 1, "name 0", "x"), AUTH_BUSY);
	/* What is remembered waits for nobody. */
	assert_int_equal(ask(s, AUTH_QUEUE_MAX, "bob", BOB), AUTH_GRANTED);
	assert_int_equal(ask(s, AUTH_QUEUE_MAX, "bob", "wrong"), AUTH_DENIED);
	crypt_release();
	for (size_t i = 0; i < AUTH_QUEUE_MAX; i++)
		assert_int_equal(wait_for(s, i), AUTH_DENIED);
	assert_int_equal(crypt_counts().at_once_max, 1);
	assert_int_equal(log_in(s, "alice", ALICE), AUTH_GRANTED);
}

static void tried_passwords_make_no_right_one_forgotten(void **state)
{
	struct login_server *s = *state;
	unsigned int begun;

	assert_int_equal(log_in(s, "alice", ALICE), AUTH_GRANTED);
	assert_int_equal(log_in(s, "bob", BOB), AUTH_GRANTED);
	for (int i = 0; i < AUTH_CACHE_BAD_MAX + 3; i++) {
		char password[16];

		(void)snprintf(password, sizeof(password), "wrong %d", i);
		assert_int_equal(log_in(s, i % 2 ? "alice" : "nobody", password), AUTH_DENIED);
	}
	begun = crypt_counts().begun;
	assert_int_equal(ask(s, 0, "alice", ALICE), AUTH_GRANTED);
	assert_int_equal(ask(s, 0, "bob", BOB), AUTH_GRANTED);
	assert_int_equal(crypt_counts().begun, begun);
}

static void users_who_stay_are_remembered_and_others_are_not(void **state)
{
	struct login_server *s = *state;
	const struct web_config_user swapped[] = {
		{ (char *)"carol", s->alice },
		{ (char *)"bob", s->bob },
		{ (char *)"alice", s->other },
	};

	assert_int_equal(log_in(s, "alice", ALICE), AUTH_GRANTED);
	assert_int_equal(log_in(s, "bob", BOB), AUTH_GRANTED);
	assert_int_equal(log_in(s, "alice", "changed"), AUTH_DENIED);
	assert_int_equal(auth_set_users(s->auth, swapped, 3), 0);
	assert_int_equal(ask(s, 0, "bob", BOB), AUTH_GRANTED);
	assert_int_equal(crypt_counts().begun, 3);
	assert_int_equal(log_in(s, "alice", ALICE), AUTH_DENIED);
	assert_int_equal(log_in(s, "alice", "changed"), AUTH_GRANTED);
	assert_int_equal(log_in(s, "carol", ALICE), AUTH_GRANTED);
	assert_int_equal(crypt_counts().begun, 6);
	/* A user who goes and comes back is not remembered, and a wrong hash changes nothing. */
	set_users(s, s->other, NULL);
	assert_int_equal(log_in(s, "bob", BOB), AUTH_DENIED);
	set_users(s, s->other, s->bob);
	assert_int_equal(
		auth_set_users(s->auth, &(struct web_config_user){ (char *)"x", (char *)"x" }, 1),
		-EINVAL);
	assert_int_equal(ask(s, 0, "bob", BOB), AUTH_PENDING);
	assert_int_equal(wait_for(s, 0), AUTH_GRANTED);
}

static void a_verdict_about_an_old_hash_counts_for_nothing(void **state)
{
	struct login_server *s = *state;

	crypt_hold();
	assert_int_equal(ask(s, 0, "alice", ALICE), AUTH_PENDING);
	crypt_wait_begun(1);
	assert_int_equal(ask(s, 1, "alice", "changed"), AUTH_PENDING);
	assert_int_equal(ask(s, 2, "bob", BOB), AUTH_PENDING);
	set_users(s, s->other, s->bob);
	crypt_release();
	assert_int_equal(wait_for(s, 0), AUTH_DENIED);
	assert_int_equal(wait_for(s, 1), AUTH_GRANTED);
	assert_int_equal(wait_for(s, 2), AUTH_GRANTED);
	/* The first was made twice. */
	assert_int_equal(crypt_counts().begun, 4);
	set_users(s, s->alice, s->bob);
	assert_int_equal(log_in(s, "alice", ALICE), AUTH_GRANTED);
}

static void a_user_who_was_removed_meanwhile_is_not_let_in(void **state)
{
	struct login_server *s = *state;

	crypt_hold();
	assert_int_equal(ask(s, 0, "bob", BOB), AUTH_PENDING);
	crypt_wait_begun(1);
	set_users(s, s->alice, NULL);
	crypt_release();
	assert_int_equal(wait_for(s, 0), AUTH_DENIED);
	crypt_hold();
	assert_int_equal(ask(s, 0, "alice", ALICE), AUTH_PENDING);
	crypt_wait_begun(3);
	set_users(s, NULL, NULL);
	crypt_release();
	assert_int_equal(wait_for(s, 0), AUTH_DENIED);
}

static void at_the_end_nobody_waits_in_vain(void **state)
{
	struct login_server *s = *state;

	crypt_hold();
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(ask(s, i, "alice", i < 3 ? ALICE : "wrong"), AUTH_PENDING);
	crypt_wait_begun(1);
	auth_destroy(s->auth);
	s->auth = NULL;
	assert_int_equal(crypt_counts().done, 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(s->requests[i].n_told, 1);
		assert_int_equal(s->requests[i].verdict, AUTH_BUSY);
	}
	crypt_release();
	for (int ms = 0; ms < WAIT_MS && crypt_counts().done == 0; ms++)
		(void)poll(NULL, 0, 1);
	(void)poll(NULL, 0, 20);
}

static void every_verdict_is_right(void **state)
{
	static const char *const names[] = { "alice", "bob", "nobody" };
	static const char *const passwords[] = { ALICE, BOB, "changed", "wrong" };
	struct login_server *s = *state;
	const char *const hashes[] = { s->alice, s->bob, s->other };
	struct dice dice = dice_start();
	size_t of[2] = { 0, 1 };
	struct {
		size_t name, password;
	} asked[8];

	for (int run = 0; run < 150; run++) {
		const size_t n = 1 + dice_below(&dice, ARRAY_SIZE(asked));
		enum auth_verdict verdicts[ARRAY_SIZE(asked)];

		for (size_t i = 0; i < n; i++) {
			asked[i].name = dice_below(&dice, ARRAY_SIZE(names));
			asked[i].password = dice_below(&dice, ARRAY_SIZE(passwords));
			verdicts[i] = ask_from(s, i, dice_below(&dice, 6), names[asked[i].name],
					       passwords[asked[i].password]);
			if (verdicts[i] == AUTH_GRANTED || verdicts[i] == AUTH_DENIED)
				assert_int_equal(verdicts[i] == AUTH_GRANTED,
						 asked[i].name < 2 &&
							 of[asked[i].name] == asked[i].password);
		}
		if (dice_one_in(&dice, 2)) {
			of[0] = dice_below(&dice, 3);
			of[1] = dice_below(&dice, 3);
			set_users(s, hashes[of[0]], hashes[of[1]]);
		}
		for (size_t i = 0; i < n; i++)
			if (verdicts[i] == AUTH_PENDING)
				assert_int_equal(wait_for(s, i) == AUTH_GRANTED,
						 asked[i].name < 2 &&
							 of[asked[i].name] == asked[i].password);
	}
	assert_int_equal(crypt_counts().at_once_max, 1);
}

#define auth_test(f) cmocka_unit_test_setup_teardown(f, login_server_setup, login_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		auth_test(a_client_has_one_hash_and_keeps_nobody_out),
		auth_test(the_same_login_shares_one_hash),
		auth_test(so_many_wait_and_no_more),
		auth_test(tried_passwords_make_no_right_one_forgotten),
		auth_test(users_who_stay_are_remembered_and_others_are_not),
		auth_test(a_verdict_about_an_old_hash_counts_for_nothing),
		auth_test(a_user_who_was_removed_meanwhile_is_not_let_in),
		auth_test(at_the_end_nobody_waits_in_vain),
		auth_test(every_verdict_is_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
