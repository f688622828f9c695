/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../collectors/entry_size.h"
#include "directory.h"

#define HEADER                                                                                \
	"slabinfo - version: 2.1\n"                                                           \
	"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : " \
	"tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> " \
	"<sharedavail>\n"
#define TAIL " : tunables    0    0    0 : slabdata      9      9      0\n"

static void slabs(_unused_ void **state)
{
	static const struct {
		const char *text;
		uint64_t page_size, size;
	} cases[] = {
		{ HEADER "nf_conntrack         144    144    256   16    1" TAIL, 4096, 256 },
		{ HEADER "nf_conntrack           0      0    256   32    2" TAIL, 4096, 256 },
		/* The waste at the end of the slab is part of the price. */
		{ HEADER "nf_conntrack         144    144    320   12    1" TAIL, 4096, 341 },
		{ HEADER "nf_conntrack         144    144    320  204    1" TAIL, 65536, 321 },
		{ HEADER "kmalloc-8 1 1 8 512 1" TAIL "nf_conntrack_expect 0 0 208 19 1" TAIL
			 "nf_conntrack 144 144 384 10 1" TAIL,
		  4096, 409 },
		{ HEADER "nf_conntrack 144 144 256 16 1", 4096, 256 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(entry_size_from_slabinfo(cases[i].text, cases[i].page_size),
				 cases[i].size);
}

static void texts_without_the_cache(_unused_ void **state)
{
	static const char *const texts[] = {
		"",
		HEADER,
		HEADER "nf_conntrack_expect 0 0 208 19 1" TAIL,
		HEADER "xnf_conntrack 144 144 256 16 1" TAIL,
		HEADER "nf_conntrack",
		HEADER "nf_conntrack \n",
		HEADER "nf_conntrack 144 144 256 16\n",
		HEADER "nf_conntrack 144 144 256 16" TAIL,
		HEADER "nf_conntrack 144 144 256 x 1" TAIL,
		HEADER "nf_conntrack -1 144 256 16 1" TAIL,
		HEADER "nf_conntrack 144 144 256 0 1" TAIL,
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(entry_size_from_slabinfo(texts[i], 4096), 0);
}

static void estimates(_unused_ void **state)
{
	assert_int_equal(entry_size_estimate(0, 0, 0, 0), 256);
	assert_int_equal(entry_size_estimate(320, 0, 0, 0), 320);
	assert_int_equal(entry_size_estimate(320, 1, 0, 0), 448);
	assert_int_equal(entry_size_estimate(320, 0, 1, 0), 448);
	assert_int_equal(entry_size_estimate(320, 0, 0, 1), 448);
	assert_int_equal(entry_size_estimate(320, 1, 1, 1), 448);
	assert_int_equal(entry_size_estimate(0, 1, 0, 2), 384);
	/* 2 means only while somebody listens to events. */
	assert_int_equal(entry_size_estimate(320, 0, 0, 2), 320);
}

static void reading_the_file(void **state)
{
	static const char text[] = HEADER "nf_conntrack 0 0 320 1 1" TAIL;
	const struct directory *d = *state;

	assert_int_equal(entry_size_read(d->path), 0);
	directory_write(d, "slabinfo", text, strlen(text));
	assert_int_equal(entry_size_read(d->path), sysconf(_SC_PAGESIZE));
	directory_write(d, "slabinfo", "", 0);
	assert_int_equal(entry_size_read(d->path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slabs),
		cmocka_unit_test(texts_without_the_cache),
		cmocka_unit_test(estimates),
		directory_test(reading_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
