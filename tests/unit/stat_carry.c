/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../collectors/stat_carry.h"

#define WRAP (1ULL << 32)

/* Sets one counter in a snapshot that is being made. */
static void put(struct stat_snapshot *s, size_t cpu, enum stat_counter counter, uint32_t value)
{
	struct stat_cpu *place = stat_snapshot_cpu(s, cpu);

	assert_non_null(place);
	place->present = true;
	place->has |= 1U << counter;
	place->value[counter] = value;
}

static void update(struct stat_carry *carry, struct stat_snapshot *s)
{
	assert_int_equal(stat_carry_update(carry, s), 0);
	assert_null(s->cpus);
	assert_int_equal(s->n, 0);
}

/* One look at a machine whose only counters are drop of CPU 0 and found of CPU 1. */
static void look(struct stat_carry *carry, uint32_t drop, uint32_t found)
{
	struct stat_snapshot s = { 0 };

	put(&s, 0, STAT_DROP, drop);
	put(&s, 1, STAT_FOUND, found);
	update(carry, &s);
}

static void check_sum(const struct stat_carry *carry, enum stat_counter counter, uint64_t expected)
{
	uint64_t value;

	assert_true(stat_carry_sum(carry, counter, &value));
	assert_int_equal(value, expected);
}

static void check_absent(const struct stat_carry *carry, enum stat_counter counter)
{
	uint64_t value = 42;

	assert_false(stat_carry_sum(carry, counter, &value));
	assert_int_equal(value, 42);
}

static void the_first_values_stand_as_they_are(_unused_ void **state)
{
	struct stat_carry carry = { 0 };
	uint64_t value = 42;

	check_absent(&carry, STAT_DROP);
	assert_false(stat_carry_value(&carry, 0, STAT_DROP, &value));
	look(&carry, UINT32_MAX, 7);
	check_sum(&carry, STAT_DROP, UINT32_MAX);
	check_sum(&carry, STAT_FOUND, 7);
	assert_true(stat_carry_value(&carry, 1, STAT_FOUND, &value));
	assert_int_equal(value, 7);
	value = 42;
	assert_false(stat_carry_value(&carry, 0, STAT_FOUND, &value));
	assert_false(stat_carry_value(&carry, 2, STAT_FOUND, &value));
	assert_int_equal(value, 42);
	stat_carry_finish(&carry);
}

static void values_on_many_cpus_are_summed(_unused_ void **state)
{
	struct stat_carry carry = { 0 };
	struct stat_snapshot s = { 0 };

	for (size_t cpu = 0; cpu < 64; cpu++)
		put(&s, cpu, STAT_INVALID, UINT32_MAX);
	update(&carry, &s);
	check_sum(&carry, STAT_INVALID, 64 * (uint64_t)UINT32_MAX);
	stat_carry_finish(&carry);
}

static void a_wrap_never_makes_the_sum_fall(_unused_ void **state)
{
	struct stat_carry carry = { 0 };

	look(&carry, UINT32_MAX, 1000);
	look(&carry, 0, 1000);
	check_sum(&carry, STAT_DROP, WRAP);
	check_sum(&carry, STAT_FOUND, 1000);
	look(&carry, 5, 1001);
	check_sum(&carry, STAT_DROP, WRAP + 5);
	stat_carry_finish(&carry);
}

static void several_wraps(_unused_ void **state)
{
	struct stat_carry carry = { 0 };
	uint64_t truth = 0;

	look(&carry, 0, 1000);
	for (int i = 0; i < 50; i++) {
		truth += 1500000000;
		look(&carry, (uint32_t)truth, 1000);
		check_sum(&carry, STAT_DROP, truth);
	}
	assert_true(truth > 17 * WRAP);
	stat_carry_finish(&carry);
}

static void two_of_three_counters_wrap_at_once(_unused_ void **state)
{
	struct stat_carry carry = { 0 };
	struct stat_snapshot s = { 0 };

	put(&s, 0, STAT_DROP, UINT32_MAX);
	put(&s, 0, STAT_FOUND, UINT32_MAX - 10);
	put(&s, 1, STAT_DROP, 5);
	update(&carry, &s);
	put(&s, 0, STAT_DROP, 1);
	put(&s, 0, STAT_FOUND, 2);
	put(&s, 1, STAT_DROP, 5);
	update(&carry, &s);
	check_sum(&carry, STAT_DROP, WRAP + 6);
	check_sum(&carry, STAT_FOUND, WRAP + 2);
	stat_carry_finish(&carry);
}

static void a_fall_that_no_wrap_explains_is_a_reset(_unused_ void **state)
{
	struct stat_carry carry = { 0 };

	look(&carry, UINT32_MAX, 1000);
	look(&carry, 1, 1000);
	check_sum(&carry, STAT_DROP, WRAP + 1);
	/* From 1000 to 999 it is 2^32 - 1 events. */
	look(&carry, 2, 999);
	check_sum(&carry, STAT_DROP, 2);
	check_sum(&carry, STAT_FOUND, 999);
	stat_carry_finish(&carry);
}

/* The first fall that needs 2^31 events or more is no wrap. */
static void the_border_between_wrap_and_reset(_unused_ void **state)
{
	struct stat_carry carry = { 0 };

	look(&carry, 1U << 31, 1000);
	look(&carry, (1U << 31) - 1 + (1U << 31), 1000);
	check_sum(&carry, STAT_DROP, UINT32_MAX);
	look(&carry, (1U << 31) - 2, 1000);
	check_sum(&carry, STAT_DROP, WRAP + (1U << 31) - 2);
	stat_carry_finish(&carry);
	look(&carry, UINT32_MAX, 1000);
	look(&carry, (1U << 31) - 1, 1000);
	check_sum(&carry, STAT_DROP, (1U << 31) - 1);
	stat_carry_finish(&carry);
}

static void all_falling_together_is_a_reset(_unused_ void **state)
{
	struct stat_carry carry = { 0 };

	/* Each alone would be a wrap. */
	look(&carry, UINT32_MAX - 5, UINT32_MAX - 7);
	look(&carry, 1, 0);
	check_sum(&carry, STAT_DROP, 1);
	check_sum(&carry, STAT_FOUND, 0);
	stat_carry_finish(&carry);
}

static void a_counter_that_was_zero_does_not_hide_a_reset(_unused_ void **state)
{
	struct stat_carry carry = { 0 };
	struct stat_snapshot s = { 0 };

	put(&s, 0, STAT_DROP, UINT32_MAX);
	put(&s, 0, STAT_FOUND, UINT32_MAX);
	put(&s, 0, STAT_ERROR, 0);
	update(&carry, &s);
	put(&s, 0, STAT_DROP, 3);
	put(&s, 0, STAT_FOUND, 4);
	put(&s, 0, STAT_ERROR, 5);
	update(&carry, &s);
	check_sum(&carry, STAT_DROP, 3);
	check_sum(&carry, STAT_FOUND, 4);
	check_sum(&carry, STAT_ERROR, 5);
	stat_carry_finish(&carry);
}

static void one_counter_alone_that_falls_has_wrapped(_unused_ void **state)
{
	struct stat_carry carry = { 0 };

	look(&carry, UINT32_MAX, 0);
	look(&carry, 3, 0);
	check_sum(&carry, STAT_DROP, WRAP + 3);
	stat_carry_finish(&carry);
}

static void after_a_reset_wraps_are_carried_again(_unused_ void **state)
{
	struct stat_carry carry = { 0 };

	look(&carry, UINT32_MAX, 1000);
	look(&carry, 0, 1001);
	look(&carry, 0, 0);
	check_sum(&carry, STAT_DROP, 0);
	check_sum(&carry, STAT_FOUND, 0);
	look(&carry, UINT32_MAX, 1);
	look(&carry, 9, 2);
	check_sum(&carry, STAT_DROP, WRAP + 9);
	stat_carry_finish(&carry);
}

static void a_cpu_appears(_unused_ void **state)
{
	struct stat_carry carry = { 0 };
	struct stat_snapshot s = { 0 };

	look(&carry, UINT32_MAX, 1);
	put(&s, 0, STAT_DROP, 4);
	put(&s, 1, STAT_FOUND, 1);
	put(&s, 7, STAT_DROP, 100);
	update(&carry, &s);
	check_sum(&carry, STAT_DROP, WRAP + 104);
	put(&s, 0, STAT_DROP, 4);
	put(&s, 1, STAT_FOUND, 1);
	put(&s, 7, STAT_DROP, UINT32_MAX);
	put(&s, 900, STAT_FOUND, 1);
	/* 100 to 2^32 - 1 is a rise, not a wrap. */
	update(&carry, &s);
	check_sum(&carry, STAT_DROP, WRAP + 4 + UINT32_MAX);
	check_sum(&carry, STAT_FOUND, 2);
	stat_carry_finish(&carry);
}

static void a_cpu_that_is_away_keeps_its_values(_unused_ void **state)
{
	struct stat_carry carry = { 0 };
	struct stat_snapshot s = { 0 };
	uint64_t value;

	look(&carry, 100, UINT32_MAX);
	look(&carry, 100, 10);
	check_sum(&carry, STAT_FOUND, WRAP + 10);
	put(&s, 0, STAT_DROP, 200);
	update(&carry, &s);
	check_sum(&carry, STAT_DROP, 200);
	check_sum(&carry, STAT_FOUND, WRAP + 10);
	put(&s, 1, STAT_FOUND, 11);
	update(&carry, &s);
	check_sum(&carry, STAT_DROP, 200);
	check_sum(&carry, STAT_FOUND, WRAP + 11);
	/* Nothing at all was read. */
	update(&carry, &s);
	check_sum(&carry, STAT_DROP, 200);
	check_sum(&carry, STAT_FOUND, WRAP + 11);
	look(&carry, 201, 12);
	check_sum(&carry, STAT_DROP, 201);
	assert_true(stat_carry_value(&carry, 1, STAT_FOUND, &value));
	assert_int_equal(value, WRAP + 12);
	stat_carry_finish(&carry);
}

static void a_counter_that_only_some_cpus_have(_unused_ void **state)
{
	struct stat_carry carry = { 0 };
	struct stat_snapshot s = { 0 };
	uint64_t value;

	put(&s, 0, STAT_DROP, 1);
	put(&s, 0, STAT_CHAINTOOLONG, 5);
	put(&s, 1, STAT_DROP, 2);
	update(&carry, &s);
	check_sum(&carry, STAT_DROP, 3);
	check_sum(&carry, STAT_CHAINTOOLONG, 5);
	assert_false(stat_carry_value(&carry, 1, STAT_CHAINTOOLONG, &value));
	check_absent(&carry, STAT_CLASH_RESOLVE);
	stat_carry_finish(&carry);
}

static void places_for_cpus(_unused_ void **state)
{
	static const struct stat_cpu empty;
	struct stat_snapshot s = { 0 };

	assert_null(stat_snapshot_cpu(&s, STAT_CPUS_MAX));
	assert_null(stat_snapshot_cpu(&s, SIZE_MAX));
	assert_int_equal(s.n, 0);
	put(&s, 3, STAT_DROP, 1);
	assert_int_equal(s.n, 4);
	for (size_t cpu = 0; cpu < 3; cpu++)
		assert_memory_equal(stat_snapshot_cpu(&s, cpu), &empty, sizeof(empty));
	assert_int_equal(stat_snapshot_cpu(&s, 3)->value[STAT_DROP], 1);
	assert_non_null(stat_snapshot_cpu(&s, STAT_CPUS_MAX - 1));
	assert_int_equal(s.n, STAT_CPUS_MAX);
	assert_int_equal(stat_snapshot_cpu(&s, 3)->value[STAT_DROP], 1);
	stat_snapshot_finish(&s);
	stat_snapshot_finish(&s);
}

enum { N_CPUS = 6 };

static void take_look(const uint64_t truth[N_CPUS][N_STAT_COUNTERS], struct dice *dice,
		      uint64_t seen[N_CPUS][N_STAT_COUNTERS], struct stat_carry *carry)
{
	struct stat_snapshot s = { 0 };

	for (size_t cpu = 0; cpu < N_CPUS; cpu++) {
		/* Now and then a CPU is away. */
		if (cpu > 0 && dice_one_in(dice, 10))
			continue;
		for (int i = 0; i < N_STAT_COUNTERS; i++) {
			put(&s, cpu, i, (uint32_t)truth[cpu][i]);
			seen[cpu][i] = truth[cpu][i];
		}
	}
	update(carry, &s);
}

static void check_truth(uint64_t truth[N_CPUS][N_STAT_COUNTERS], const struct stat_carry *carry)
{
	for (int i = 0; i < N_STAT_COUNTERS; i++) {
		uint64_t sum = 0, value;

		for (size_t cpu = 0; cpu < N_CPUS; cpu++) {
			sum += truth[cpu][i];
			assert_true(stat_carry_value(carry, cpu, i, &value));
			assert_int_equal(value, truth[cpu][i]);
		}
		check_sum(carry, i, sum);
	}
}

/*
 * The kernel's counters are 64 bits here, what is read of them is 32. Between two looks at a CPU
 * each moves by less than 2^31, as little as half of them not at all.
 */
static void random_increments_are_all_counted(_unused_ void **state)
{
	struct dice dice = dice_start();
	uint64_t truth[N_CPUS][N_STAT_COUNTERS], seen[N_CPUS][N_STAT_COUNTERS];
	struct stat_carry carry = { 0 };
	struct stat_snapshot s = { 0 };

	for (size_t cpu = 0; cpu < N_CPUS; cpu++) {
		for (int i = 0; i < N_STAT_COUNTERS; i++) {
			truth[cpu][i] = seen[cpu][i] = dice_below(&dice, WRAP);
			put(&s, cpu, i, (uint32_t)truth[cpu][i]);
		}
	}
	update(&carry, &s);
	for (int step = 0; step < 5000; step++) {
		for (size_t cpu = 0; cpu < N_CPUS; cpu++)
			for (int i = 0; i < N_STAT_COUNTERS; i++)
				if (dice_one_in(&dice, 2))
					truth[cpu][i] += dice_below(
						&dice, seen[cpu][i] + (1ULL << 31) - truth[cpu][i]);
		take_look((const uint64_t(*)[N_STAT_COUNTERS])truth, &dice, seen, &carry);
		check_truth(seen, &carry);
	}
	stat_carry_finish(&carry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_values_stand_as_they_are),
		cmocka_unit_test(values_on_many_cpus_are_summed),
		cmocka_unit_test(a_wrap_never_makes_the_sum_fall),
		cmocka_unit_test(several_wraps),
		cmocka_unit_test(two_of_three_counters_wrap_at_once),
		cmocka_unit_test(a_fall_that_no_wrap_explains_is_a_reset),
		cmocka_unit_test(the_border_between_wrap_and_reset),
		cmocka_unit_test(all_falling_together_is_a_reset),
		cmocka_unit_test(a_counter_that_was_zero_does_not_hide_a_reset),
		cmocka_unit_test(one_counter_alone_that_falls_has_wrapped),
		cmocka_unit_test(after_a_reset_wraps_are_carried_again),
		cmocka_unit_test(a_cpu_appears),
		cmocka_unit_test(a_cpu_that_is_away_keeps_its_values),
		cmocka_unit_test(a_counter_that_only_some_cpus_have),
		cmocka_unit_test(places_for_cpus),
		cmocka_unit_test(random_increments_are_all_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
