/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The bounds of Space-Saving, against exact counts of the same stream. */

#include "unit.h"

#include "../../collectors/top.h"

#define KEYS 20000

/* A stream of keys numbered below KEYS, counted exactly beside the sketch. */
struct stream {
	struct top top;
	size_t key_size;
	uint64_t n, exact[KEYS];
};

static void number_to_key(uint32_t number, uint32_t words[TOP_KEY_SIZE_MAX / 4])
{
	for (uint32_t i = 0; i < TOP_KEY_SIZE_MAX / 4; i++)
		words[i] = number * (i % 2 ? 1 : 0x01000193);
}

/* The inverse: 0x01000193 is odd, so the search ends. */
static uint32_t key_to_number(const void *key)
{
	uint32_t word, inverse = 1;

	memcpy(&word, key, sizeof(word));
	for (int i = 0; i < 5; i++)
		inverse *= 2 - 0x01000193U * inverse;
	return word * inverse;
}

static void start(struct stream *s, size_t key_size, size_t capacity)
{
	struct hash_key hash_key;

	*s = (struct stream){ .key_size = key_size };
	assert_int_equal(hash_key_random(&hash_key), 0);
	assert_int_equal(top_init(&s->top, key_size, capacity, &hash_key), 0);
}

static void add(struct stream *s, uint32_t number)
{
	uint32_t words[TOP_KEY_SIZE_MAX / 4];

	number_to_key(number, words);
	top_add(&s->top, words);
	s->exact[number]++;
	s->n++;
}

static void check_order(const struct top_entry *entries, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		assert_true(entries[i - 1].count >= entries[i].count);
		if (entries[i - 1].count == entries[i].count)
			assert_true(memcmp(entries[i - 1].key, entries[i].key,
					   entries[i].key_size) < 0);
	}
}

static void check_bounds(const struct stream *s)
{
	static bool listed[KEYS];
	struct top_entry entries[TOP_CAPACITY];
	const size_t n = top_list(&s->top, entries);
	const uint64_t error_max = top_error_max(&s->top);
	uint64_t sum = 0;

	memset(listed, 0, sizeof(listed));
	assert_int_equal(s->top.total, s->n);
	assert_true(n <= s->top.capacity && error_max <= s->n / s->top.capacity);
	check_order(entries, n);
	for (size_t i = 0; i < n; i++) {
		const uint32_t number = key_to_number(entries[i].key);

		assert_true(number < KEYS && !listed[number]);
		assert_int_equal(entries[i].key_size, s->key_size);
		listed[number] = true;
		sum += entries[i].count;
		assert_true(entries[i].count >= s->exact[number]);
		assert_true(entries[i].count - entries[i].error <= s->exact[number]);
		assert_true(entries[i].error <= error_max);
	}
	assert_int_equal(sum, s->n);
	for (uint32_t i = 0; i < KEYS; i++)
		assert_true(listed[i] || s->exact[i] <= error_max);
}

static void all_is_exact_up_to_the_capacity(_unused_ void **state)
{
	struct top_entry entries[TOP_CAPACITY];
	struct dice dice = dice_start();
	static struct stream s;

	start(&s, 16, 100);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(top_list(&s.top, entries), 0);
		for (int i = 0; i < 50000; i++)
			add(&s, (uint32_t)dice_below(&dice, 1 + dice_below(&dice, 100)));
		assert_int_equal(top_error_max(&s.top), 0);
		check_bounds(&s);
		for (size_t i = top_list(&s.top, entries); i-- > 0;)
			assert_int_equal(entries[i].count, s.exact[key_to_number(entries[i].key)]);
		top_reset(&s.top);
		memset(s.exact, 0, sizeof(s.exact));
		s.n = 0;
	}
	top_finish(&s.top);
}

/* 4 takes over the counter of 2 or 3, the least ones after 1, and what that had counted. */
static void a_new_key_takes_over_a_least_counter(_unused_ void **state)
{
	static const uint32_t numbers[] = { 1, 1, 1, 2, 3, 4 };
	struct top_entry entries[TOP_CAPACITY];
	static struct stream s;
	uint32_t left;

	start(&s, 4, 3);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		assert_int_equal(top_error_max(&s.top), 0);
		add(&s, numbers[i]);
	}
	assert_int_equal(top_error_max(&s.top), 1);
	assert_int_equal(top_list(&s.top, entries), 3);
	assert_int_equal(key_to_number(entries[0].key), 1);
	assert_int_equal(entries[0].count, 3);
	assert_int_equal(entries[0].error, 0);
	assert_int_equal(key_to_number(entries[1].key), 4);
	assert_int_equal(entries[1].count, 2);
	assert_int_equal(entries[1].error, 1);
	left = key_to_number(entries[2].key);
	assert_true(left == 2 || left == 3);
	assert_int_equal(entries[2].count, 1);
	assert_int_equal(entries[2].error, 0);
	check_bounds(&s);
	top_finish(&s.top);
}

static uint32_t uniform(struct dice *dice)
{
	return (uint32_t)dice_below(dice, KEYS);
}

/* A few hold most: key k comes about as often as 1 / k. */
static uint32_t skewed(struct dice *dice)
{
	uint64_t n = KEYS;

	for (int i = 0; i < 4; i++)
		n = 1 + dice_below(dice, n);
	return (uint32_t)(n - 1);
}

/* Each key once, again and again: the worst there is. */
static uint32_t in_turn(struct dice *dice)
{
	return (uint32_t)(dice->state++ % KEYS);
}

static void bounds_far_above_the_capacity(_unused_ void **state)
{
	static uint32_t (*const draws[])(struct dice *) = { uniform, skewed, in_turn };
	static const size_t capacities[] = { 1, 2, 7, 64, 1000, TOP_CAPACITY };
	static const size_t sizes[] = { 4, 16, 32 };
	struct dice dice = dice_start();
	static struct stream s;

	for (size_t i = 0; i < ARRAY_SIZE(draws) * ARRAY_SIZE(capacities); i++) {
		start(&s, sizes[i % ARRAY_SIZE(sizes)], capacities[i / ARRAY_SIZE(draws)]);
		for (int j = 1; j <= 60000; j++) {
			add(&s, draws[i % ARRAY_SIZE(draws)](&dice));
			if (j == 10 || j == 3000 || j == 60000)
				check_bounds(&s);
		}
		assert_true(top_error_max(&s.top) > 0);
		top_finish(&s.top);
	}
}

/* The hash is secret and another each time; what is listed does not depend on it. */
static void equal_streams_give_equal_lists(_unused_ void **state)
{
	struct top_entry left[TOP_CAPACITY], right[TOP_CAPACITY];
	struct dice dice = dice_start();
	static struct stream a, b;
	size_t n;

	start(&a, 32, 50);
	start(&b, 32, 50);
	for (int i = 0; i < 5000; i++) {
		const uint32_t number = skewed(&dice);

		add(&a, number);
		add(&b, number);
	}
	n = top_list(&a.top, left);
	assert_int_equal(top_list(&b.top, right), n);
	for (size_t i = 0; i < n; i++) {
		assert_memory_equal(left[i].key, right[i].key, 32);
		assert_int_equal(left[i].count, right[i].count);
		assert_int_equal(left[i].error, right[i].error);
	}
	top_finish(&a.top);
	top_finish(&b.top);
}

static void every_bit_of_a_key_is_hashed(_unused_ void **state)
{
	struct hash_key key = { 0 };
	unsigned char bytes[HASH_BYTES_MAX];

	assert_int_equal(hash_key_random(&key), 0);
	for (size_t len = 4; len <= sizeof(bytes); len += 4) {
		memset(bytes, 0, sizeof(bytes));
		const uint64_t before = hash_bytes(&key, bytes, len);

		for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
			bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
			assert_true((hash_bytes(&key, bytes, len) != before) == (bit < 8 * len));
			bytes[bit / 8] = 0;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_exact_up_to_the_capacity),
		cmocka_unit_test(a_new_key_takes_over_a_least_counter),
		cmocka_unit_test(bounds_far_above_the_capacity),
		cmocka_unit_test(equal_streams_give_equal_lists),
		cmocka_unit_test(every_bit_of_a_key_is_hashed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
