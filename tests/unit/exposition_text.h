/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "../../exporter/exposition.h"
#include "unit.h"

/* Ends the exposition, compares the whole of it, frees it. */
static inline void check_text(struct exposition *e, const char *expected)
{
	assert_int_equal(exposition_finish(e), 0);
	buffer_append_char(&e->out, '\0');
	assert_int_equal(e->out.error, 0);
	assert_string_equal(e->out.data, expected);
	exposition_destroy(e);
}
