/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/stall.h"

#define START 5000000000ULL

/* One run after another, each of took_ns. Returns the end of the last one. */
static uint64_t run(struct stall *stall, unsigned int n, uint64_t took_ns)
{
	for (unsigned int i = 0; i < n; i++)
		stall_ran(stall, START - took_ns, START);
	return START;
}

static void what_moves_is_not_held_up(_unused_ void **state)
{
	struct stall stall = { 0 };

	assert_int_equal(stall_next_turn(&stall), 0);
	for (int i = 0; i < 100; i++) {
		stall_stir(&stall);
		assert_int_equal(stall_next_turn(&stall), 0);
		(void)run(&stall, 1, 1000);
		assert_int_equal(stall_next_turn(&stall), 0);
	}
}

static void runs_without_effect_are_made_seldom(_unused_ void **state)
{
	struct stall stall = { 0 };

	(void)run(&stall, STALL_RUNS - 1, 1000);
	assert_int_equal(stall_next_turn(&stall), 0);
	assert_int_equal(stall_next_turn(&stall), 0);
	(void)run(&stall, 1, 1000);
	assert_int_equal(stall_next_turn(&stall), START + NSEC_PER_MSEC);
	(void)run(&stall, 1000, 1000);
	assert_int_equal(stall_next_turn(&stall), START + NSEC_PER_MSEC);
}

static void one_stir_ends_it(_unused_ void **state)
{
	struct stall stall = { 0 };

	(void)run(&stall, 100, 1000);
	stall_stir(&stall);
	assert_int_equal(stall_next_turn(&stall), 0);
	/* During the run as well as before it. */
	(void)run(&stall, 1, 1000);
	assert_int_equal(stall_next_turn(&stall), 0);
	(void)run(&stall, STALL_RUNS - 1, 1000);
	assert_int_equal(stall_next_turn(&stall), 0);
	(void)run(&stall, 1, 1000);
	assert_int_not_equal(stall_next_turn(&stall), 0);
}

static void a_pause_goes_by_what_a_run_takes(_unused_ void **state)
{
	static const struct {
		uint64_t took_ns, pause_ns;
	} rows[] = {
		{ 0, 1000000 },		  { 111111, 1000000 },	 { 111112, 1000008 },
		{ 2000000, 18000000 },	  { 5555555, 49999995 }, { 5555556, 50000000 },
		{ 1000000000, 50000000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stall stall = { 0 };

		(void)run(&stall, STALL_RUNS, rows[i].took_ns);
		assert_int_equal(stall_next_turn(&stall), START + rows[i].pause_ns);
	}
	{
		struct stall stall = { 0 };

		(void)run(&stall, STALL_RUNS, 1000);
		stall_ran(&stall, START, UINT64_MAX - 100000000);
		assert_int_equal(stall_next_turn(&stall), UINT64_MAX - 50000000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_moves_is_not_held_up),
		cmocka_unit_test(runs_without_effect_are_made_seldom),
		cmocka_unit_test(one_stir_ends_it),
		cmocka_unit_test(a_pause_goes_by_what_a_run_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
