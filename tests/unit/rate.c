/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/rate.h"

static void without_an_interval_there_is_no_limit(_unused_ void **state)
{
	struct rate rate;

	rate_init(&rate, 0, 0, 5);
	for (int i = 0; i < 1000; i++)
		assert_true(rate_take(&rate, 5));
}

static void without_a_burst_nothing_passes(_unused_ void **state)
{
	struct rate rate;

	rate_init(&rate, 10, 0, 0);
	assert_false(rate_take(&rate, 0));
	assert_false(rate_take(&rate, 1000));
	assert_false(rate_take(&rate, UINT64_MAX));
}

static void a_burst_passes_and_then_one_in_each_interval(_unused_ void **state)
{
	static const struct {
		uint64_t now_ns;
		bool passes;
	} rows[] = {
		{ 100, true },
		{ 100, true },
		{ 100, true },
		{ 100, false },
		{ 109, false },
		{ 110, true },
		{ 110, false },
		{ 119, false },
		{ 125, true },
		{ 129, false },
		{ 130, true },
		{ 130, false },
		/* Never more than the burst, however long nobody came, and no part beyond it. */
		{ 1009, true },
		{ 1009, true },
		{ 1009, true },
		{ 1009, false },
		{ 1018, false },
		{ 1019, true },
		{ 1019, false },
	};
	struct rate rate;

	rate_init(&rate, 10, 3, 100);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(rate_take(&rate, rows[i].now_ns), rows[i].passes);
}

static void a_clock_that_goes_back_gives_nothing(_unused_ void **state)
{
	struct rate rate;

	rate_init(&rate, 10, 1, 100);
	assert_true(rate_take(&rate, 100));
	assert_false(rate_take(&rate, 0));
	assert_false(rate_take(&rate, 109));
	assert_true(rate_take(&rate, 110));
}

static void no_number_is_too_large(_unused_ void **state)
{
	struct rate rate;

	rate_init(&rate, UINT64_MAX, UINT64_MAX, 0);
	for (int i = 0; i < 1000; i++)
		assert_true(rate_take(&rate, UINT64_MAX - 1));
	rate_init(&rate, UINT64_MAX, 1, 0);
	assert_true(rate_take(&rate, 0));
	assert_false(rate_take(&rate, UINT64_MAX - 1));
	assert_true(rate_take(&rate, UINT64_MAX));
	rate_init(&rate, 1, UINT64_MAX, 0);
	assert_true(rate_take(&rate, UINT64_MAX));
}

/* Time itself is what is kept, at most the burst's worth of it, and a token costs an interval. */
struct model {
	uint64_t credit, most, price, last_ns;
};

static bool model_take(struct model *model, uint64_t now_ns)
{
	model->credit += now_ns - model->last_ns;
	model->last_ns = now_ns;
	if (model->credit > model->most)
		model->credit = model->most;
	if (model->credit < model->price)
		return false;
	model->credit -= model->price;
	return true;
}

/* Of any size below 2^bits. */
static uint64_t any_size(struct dice *dice, unsigned int bits)
{
	return dice_next(dice) >> (64 - bits + dice_below(dice, bits));
}

static void it_agrees_with_the_model(_unused_ void **state)
{
	struct dice dice = dice_start();

	for (int run = 0; run < 2000; run++) {
		const uint64_t interval_ns = 1 + any_size(&dice, 31), burst = any_size(&dice, 31);
		uint64_t now_ns = any_size(&dice, 62);
		struct model model = { .price = interval_ns, .last_ns = now_ns };
		struct rate rate;

		model.most = model.credit = interval_ns * burst;
		rate_init(&rate, interval_ns, burst, now_ns);
		for (int i = 0; i < 100; i++) {
			now_ns += dice_one_in(&dice, 5) ? any_size(&dice, 55)
							: dice_below(&dice, interval_ns * 2);
			assert_int_equal(rate_take(&rate, now_ns), model_take(&model, now_ns));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_interval_there_is_no_limit),
		cmocka_unit_test(without_a_burst_nothing_passes),
		cmocka_unit_test(a_burst_passes_and_then_one_in_each_interval),
		cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
		cmocka_unit_test(no_number_is_too_large),
		cmocka_unit_test(it_agrees_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
