/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <malloc.h>
#include <stdio.h>

#include "counted_crypt.h"
#include "login_server.h"

static void without_users_everybody_is_let_in(_unused_ void **state)
{
	struct auth_waiter waiter;
	struct auth *auth;

	assert_int_equal(auth_create(login_tell, NULL, &auth), 0);
	assert_int_equal(auth_check(auth, NULL, 1, &waiter), AUTH_GRANTED);
	assert_int_equal(auth_check(auth, "Basic nonsense", 1, &waiter), AUTH_GRANTED);
	auth_destroy(auth);
	auth_destroy(NULL);
}

static void without_the_thread_nobody_is(void **state)
{
	struct login_server *s = *state;

	auth_destroy(s->auth);
	assert_int_equal(auth_create(login_tell, s, &s->auth), 0);
	set_users(s, s->alice, s->bob);
	assert_int_equal(ask(s, 0, "alice", ALICE), AUTH_BUSY);
	assert_int_equal(ask(s, 1, "alice", ALICE), AUTH_BUSY);
	assert_int_equal(auth_check(s->auth, NULL, 1, &s->requests[0].waiter), AUTH_DENIED);
}

static void the_right_password_is_let_in_and_remembered(void **state)
{
	struct login_server *s = *state;

	assert_int_equal(ask(s, 0, "alice", ALICE), AUTH_PENDING);
	assert_int_equal(wait_for(s, 0), AUTH_GRANTED);
	assert_int_equal(log_in(s, "bob", BOB), AUTH_GRANTED);
	assert_int_equal(crypt_counts().begun, 2);
	assert_int_equal(ask(s, 0, "alice", ALICE), AUTH_GRANTED);
	assert_int_equal(ask(s, 0, "bob", BOB), AUTH_GRANTED);
	assert_int_equal(crypt_counts().begun, 2);
}

static void wrong_ones_are_not_and_remembered_too(void **state)
{
	static const char *const wrong[][2] = {
		{ "alice", "wrong" },	{ "alice", "" },  { "alice", BOB },
		{ "alice", ALICE " " }, { "bob", ALICE }, { "nobody", ALICE },
		{ "Alice", ALICE },	{ "", "" },	  { "", ALICE },
		{ "alic", "e:" ALICE },
	};
	struct login_server *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(ask(s, 0, wrong[i][0], wrong[i][1]), AUTH_PENDING);
		assert_int_equal(wait_for(s, 0), AUTH_DENIED);
		assert_int_equal(ask(s, 0, wrong[i][0], wrong[i][1]), AUTH_DENIED);
	}
	assert_int_equal(crypt_counts().begun, ARRAY_SIZE(wrong));
	assert_int_equal(log_in(s, "alice", ALICE), AUTH_GRANTED);
}

static void what_is_no_login_costs_nothing(void **state)
{
	static const char *const headers[] = {
		NULL,	     "", "Basic", "Basic YWxpY2U=", "Basic YQBiOmM=", "Bearer YWxpY2U6",
		"Basic a:b",
	};
	struct login_server *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		assert_int_equal(auth_check(s->auth, headers[i], 1, &s->requests[0].waiter),
				 AUTH_DENIED);
	assert_int_equal(crypt_counts().begun, 0);
}

static void what_does_not_count_of_a_password_does_not(void **state)
{
	struct login_server *s = *state;
	char password[100], hash[BCRYPT_HASH_LENGTH + 1];

	memset(password, 'x', sizeof(password));
	password[72] = '\0';
	crypt_make(password, 4, hash);
	set_users(s, hash, NULL);
	password[72] = 'x';
	password[99] = '\0';
	assert_int_equal(log_in(s, "alice", password), AUTH_GRANTED);
	password[80] = '\0';
	assert_int_equal(ask(s, 0, "alice", password), AUTH_GRANTED);
	password[71] = 'y';
	assert_int_equal(log_in(s, "alice", password), AUTH_DENIED);
	assert_int_equal(crypt_counts().begun, 2);
}

/* Rounds, begun hashes do not matter: several small ones make up for a large one. */
static uint64_t rounds_of(struct login_server *s, const char *name, const char *password)
{
	const uint64_t before = crypt_counts().rounds;

	assert_int_equal(log_in(s, name, password), AUTH_DENIED);
	return crypt_counts().rounds - before;
}

static void an_unknown_name_is_as_much_work_as_a_known_one(void **state)
{
	struct login_server *s = *state;
	char dear[BCRYPT_HASH_LENGTH + 1];

	assert_int_equal(rounds_of(s, "alice", "wrong"), 1 << 4);
	assert_int_equal(rounds_of(s, "nobody", "wrong"), 1 << 4);
	crypt_make(BOB, 7, dear);
	set_users(s, s->alice, dear);
	assert_int_equal(rounds_of(s, "alice", "wrong 2"), (1 << 4) + (1 << 7));
	assert_int_equal(rounds_of(s, "bob", "wrong 2"), (1 << 4) + (1 << 7));
	assert_int_equal(rounds_of(s, "nobody", "wrong 2"), (1 << 4) + (1 << 7));
	/* And none the second time. */
	assert_int_equal(rounds_of(s, "alice", "wrong 2"), 0);
	assert_int_equal(rounds_of(s, "nobody", "wrong 2"), 0);
}

static void nobody_is_let_in_even_with_a_hash_that_matches(void **state)
{
	struct login_server *s = *state;

	crypt_match_all();
	assert_int_equal(log_in(s, "nobody", "x"), AUTH_DENIED);
	assert_int_equal(ask(s, 0, "nobody", "x"), AUTH_DENIED);
	assert_int_equal(log_in(s, "alice", "x"), AUTH_GRANTED);
}

static void no_password_is_kept(void **state)
{
	struct login_server *s = *state;

	assert_int_equal(log_in(s, "alice", ALICE), AUTH_GRANTED);
	assert_int_equal(log_in(s, "alice", "wr0ng-passw0rd"), AUTH_DENIED);
	assert_null(memmem(s->auth, malloc_usable_size(s->auth), ALICE, strlen(ALICE)));
	assert_null(memmem(s->auth, malloc_usable_size(s->auth), "wr0ng", 5));
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

#define N_TIMES 15

/* What it costs of the CPU: how long that takes is up to who else wants it. */
static uint64_t cpu_of(struct login_server *s, const char *name, int i)
{
	struct timespec before, after;
	char password[16];

	(void)snprintf(password, sizeof(password), "wrong %d", i);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	assert_int_equal(log_in(s, name, password), AUTH_DENIED);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	return (uint64_t)(after.tv_sec - before.tv_sec) * NSEC_PER_SEC + (uint64_t)after.tv_nsec -
	       (uint64_t)before.tv_nsec;
}

static void the_time_says_nothing_about_a_name(void **state)
{
	static const char *const names[] = { "alice", "bob", "nobody" };
	struct login_server *s = *state;
	uint64_t times[ARRAY_SIZE(names)][N_TIMES];
	char dear[BCRYPT_HASH_LENGTH + 1];

	crypt_make(BOB, 7, dear);
	set_users(s, s->alice, dear);
	for (int i = 0; i < N_TIMES; i++)
		for (size_t n = 0; n < ARRAY_SIZE(names); n++)
			times[n][i] = cpu_of(s, names[n], i);
	for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
		double ratio;

		qsort(times[n], N_TIMES, sizeof(times[n][0]), compare);
		ratio = (double)times[n][N_TIMES / 2] / (double)times[0][N_TIMES / 2];
		print_message("%s: median %llu us, ratio %.3f\n", names[n],
			      (unsigned long long)times[n][N_TIMES / 2] / 1000, ratio);
		assert_true(ratio > 0.7 && ratio < 1.4);
	}
}

#define auth_test(f) cmocka_unit_test_setup_teardown(f, login_server_setup, login_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_users_everybody_is_let_in),
		auth_test(without_the_thread_nobody_is),
		auth_test(the_right_password_is_let_in_and_remembered),
		auth_test(wrong_ones_are_not_and_remembered_too),
		auth_test(what_is_no_login_costs_nothing),
		auth_test(what_does_not_count_of_a_password_does_not),
		auth_test(an_unknown_name_is_as_much_work_as_a_known_one),
		auth_test(nobody_is_let_in_even_with_a_hash_that_matches),
		auth_test(no_password_is_kept),
		auth_test(the_time_says_nothing_about_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
