/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a lookup among the host's own addresses costs, whatever their administrator numbers. Slots
 * are tried one after another up to a free one, so no lookup takes more steps than the longest run
 * of used slots and one. Of a hash under which all slots are equally likely both are known: the
 * mean over all slots (Knuth, The Art of Computer Programming, 6.4, theorem K) and the longest run
 * (Pittel, Linear Probing: The Probable Largest Search Time Grows Logarithmically with the Number
 * of Records, 1987).
 */

#include "unit.h"

#include "../../collectors/address_set.h"
#include "../../collectors/netlink.h"
#include "address_text.h"

int netlink_query(_unused_ struct netlink *nl, _unused_ enum netlink_query query,
		  _unused_ const void *payload, _unused_ size_t payload_len,
		  _unused_ uint64_t deadline_ns, _unused_ netlink_message_fn fn, _unused_ void *ctx)
{
	fail();
	return 0;
}

static size_t count_bits(size_t power_of_two)
{
	size_t bits = 0;

	while (power_of_two >> bits > 1)
		bits++;
	return bits;
}

/*
 * Half full, the longest run is about ln(slots) / (ln(2) - 1/2), which is 3.6 for each doubling of
 * the slots; less than one random set in a million comes to twice that, or has 1.5 times the mean.
 * (Of sets of 254 one in 2000 does: no random ones are tried.)
 */
static void check_spread(const struct address_set *set)
{
	const double full = (double)set->n / (double)set->n_slots;
	const double mean = (1 + 1 / ((1 - full) * (1 - full))) / 2;
	size_t first = 0, run = 0, longest = 0;
	uint64_t steps = 0;

	while (set->used[first])
		first++;
	for (size_t i = 0; i < set->n_slots; i++) {
		run = set->used[(first + i) & (set->n_slots - 1)] ? run + 1 : 0;
		longest = run > longest ? run : longest;
		steps += run + 1;
	}
	print_message("%zu in %zu slots: %.2f steps of %.2f, a run of %zu\n", set->n, set->n_slots,
		      (double)steps / (double)set->n_slots, mean, longest);
	assert_true((double)steps < 1.5 * mean * (double)set->n_slots);
	assert_true(longest <= 8 * count_bits(set->n_slots));
}

/* The base with n added to the four bytes that end at this one. */
static struct address address_plus(struct address base, size_t last, uint32_t n)
{
	unsigned char *at = base.bytes + last - 3;
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	value = htonl(ntohl(value) + n);
	memcpy(at, &value, sizeof(value));
	return base;
}

static const size_t sizes[] = { 254, 2000, 32768, ADDRESS_SET_MAX };

static const struct {
	const char *base;
	size_t last; /* of the bytes that differ */
	uint32_t step;
} shapes[] = {
	{ "192.0.2.1", 15, 1 },	 /* a /24; then a /21, a /16 */
	{ "10.96.0.1", 15, 7 },	 /* services here and there */
	{ "10.0.0.1", 15, 256 }, /* the first address of each /24 */
	{ "10.0.0.1", 15, 65536 / 4 },
	{ "2001:db8::1", 15, 1 }, /* a /112 */
	{ "2001:db8::1", 15, 256 },
	{ "2001:db8::1:0:0:0", 11, 1 },
	{ "2001:db8::1", 7, 1 }, /* the first of each /64 */
	{ "2001:db8::1", 5, 1 }, /* and of each /48 */
	{ "fe80::5054:ff:fe00:1", 15, 1 },
};

static void addresses_in_a_row(_unused_ void **state)
{
	for (size_t s = 0; s < ARRAY_SIZE(shapes); s++) {
		struct address_set set = { 0 };
		const struct address base = address_of(shapes[s].base);
		size_t size = 0;

		for (uint32_t n = 0; size < ARRAY_SIZE(sizes); n++) {
			const struct address a = address_plus(base, shapes[s].last,
							      n * shapes[s].step);

			assert_int_equal(address_set_add(&set, &a), 0);
			if (set.n == sizes[size]) {
				print_message("%s, ", shapes[s].base);
				check_spread(&set);
				size++;
			}
		}
		address_set_finish(&set);
	}
}

static struct address random_address(struct dice *dice)
{
	const uint64_t bytes[2] = { dice_next(dice), dice_next(dice) };

	return dice_one_in(dice, 2) ? address_from_ipv4(bytes) : address_from_ipv6(bytes);
}

static void addresses_at_random(_unused_ void **state)
{
	struct dice dice = dice_start();
	struct address_set set = { 0 };
	size_t size = 1;

	while (size < ARRAY_SIZE(sizes)) {
		const struct address a = random_address(&dice);

		assert_int_equal(address_set_add(&set, &a), 0);
		if (set.n == sizes[size]) {
			check_spread(&set);
			size++;
		}
	}
	address_set_finish(&set);
}

/* The share of the bits that is set, and no more, for those of one network as for all. */
static void most_strangers_stop_at_the_filter(_unused_ void **state)
{
	const struct address base = address_of("192.0.2.1"), network = address_of("10.5.0.0");
	struct dice dice = dice_start();
	unsigned int n_random = 0, n_network = 0;
	struct address_set set = { 0 };

	for (uint32_t n = 0; n < 2000; n++) {
		const struct address a = address_plus(base, 15, n);

		assert_int_equal(address_set_add(&set, &a), 0);
		assert_true(address_filter_has(&set, &a));
	}
	for (uint32_t n = 0; n < 65536; n++) {
		const struct address random = random_address(&dice),
				     neighbour = address_plus(network, 15, n);

		n_random += address_filter_has(&set, &random);
		n_network += address_filter_has(&set, &neighbour);
	}
	print_message("of 65536 pass %u and %u\n", n_random, n_network);
	assert_true(n_random < 2500 && n_network < 2500);
	address_set_finish(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_in_a_row),
		cmocka_unit_test(addresses_at_random),
		cmocka_unit_test(most_strangers_stop_at_the_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
