/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include "../../exporter/terminal.h"

struct ends {
	int terminal;
	int master;
	int file;
};

/* The other end of a new pseudo-terminal, or -1: a chroot may have no /dev/pts. */
static int open_terminal(int master)
{
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return -1;
	return open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static bool has_terminals(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), terminal = open_terminal(master);
	const bool has = terminal >= 0;

	fd_cleanup(&terminal);
	fd_cleanup(&master);
	return has;
}

static int setup(void **state)
{
	struct ends *ends = calloc(1, sizeof(*ends));

	if (!ends)
		return -1;
	ends->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ends->file = open("/dev/null", O_WRONLY | O_CLOEXEC);
	ends->terminal = open_terminal(ends->master);
	(void)unsetenv("NO_COLOR");
	(void)unsetenv("COLUMNS");
	(void)setenv("TERM", "xterm", 1);
	*state = ends;
	return ends->terminal < 0 || ends->file < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct ends *ends = *state;

	(void)close(ends->terminal);
	(void)close(ends->master);
	(void)close(ends->file);
	free(ends);
	return 0;
}

static void colour_is_for_terminals_that_show_it(void **state)
{
	const struct ends *ends = *state;

	assert_true(terminal_has_colour(ends->terminal));
	assert_false(terminal_has_colour(ends->file));
	(void)setenv("NO_COLOR", "", 1);
	assert_true(terminal_has_colour(ends->terminal));
	(void)setenv("NO_COLOR", "1", 1);
	assert_false(terminal_has_colour(ends->terminal));
	(void)unsetenv("NO_COLOR");
	(void)setenv("TERM", "dumb", 1);
	assert_false(terminal_has_colour(ends->terminal));
	(void)unsetenv("TERM");
	assert_true(terminal_has_colour(ends->terminal));
}

static void set_columns(const struct ends *ends, unsigned short columns)
{
	const struct winsize size = { .ws_row = 24, .ws_col = columns };

	assert_int_equal(ioctl(ends->master, TIOCSWINSZ, &size), 0);
}

static void the_width_is_that_of_the_terminal(void **state)
{
	const struct ends *ends = *state;

	(void)setenv("COLUMNS", "66", 1);
	set_columns(ends, 80);
	assert_int_equal(terminal_width(ends->terminal), 80);
	set_columns(ends, 300);
	assert_int_equal(terminal_width(ends->terminal), 120);
	set_columns(ends, 8);
	assert_int_equal(terminal_width(ends->terminal), 40);
	/* A terminal that does not know. */
	set_columns(ends, 0);
	assert_int_equal(terminal_width(ends->terminal), 66);
}

static void elsewhere_the_environment_tells_it(void **state)
{
	static const struct {
		const char *columns;
		unsigned int width;
	} rows[] = {
		{ "80", 80 },
		{ "40", 40 },
		{ "39", 40 },
		{ "121", 120 },
		{ "99999999999999999999", 120 },
		{ "-1", 120 },
		{ "", 100 },
		{ "0", 100 },
		{ "x", 100 },
	};
	const struct ends *ends = *state;

	assert_int_equal(terminal_width(ends->file), 100);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)setenv("COLUMNS", rows[i].columns, 1);
		assert_int_equal(terminal_width(ends->file), rows[i].width);
	}
}

#define terminal_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		terminal_test(colour_is_for_terminals_that_show_it),
		terminal_test(the_width_is_that_of_the_terminal),
		terminal_test(elsewhere_the_environment_tells_it),
	};

	if (!has_terminals()) {
		print_message("SKIP: no pseudo-terminal can be had here (/dev/pts)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
