/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_has_colour(int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
}

unsigned int terminal_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	unsigned long width = TERMINAL_WIDTH_DEFAULT;
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		width = size.ws_col;
	else if (columns && strtoul(columns, NULL, 10) > 0)
		width = strtoul(columns, NULL, 10);
	if (width < TERMINAL_WIDTH_MIN)
		return TERMINAL_WIDTH_MIN;
	return width > TERMINAL_WIDTH_MAX ? TERMINAL_WIDTH_MAX : (unsigned int)width;
}
