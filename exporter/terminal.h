/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How text for people is to look where it is printed. */

#include <stdbool.h>

#define TERMINAL_WIDTH_DEFAULT 100
#define TERMINAL_WIDTH_MIN 40
#define TERMINAL_WIDTH_MAX 120

/* Whether fd is a terminal that shows colours and NO_COLOR is not set (https://no-color.org). */
bool terminal_has_colour(int fd);

/*
 * Columns to wrap text at: those of the terminal fd, else what COLUMNS says, else the default;
 * never below the minimum or above the maximum.
 */
unsigned int terminal_width(int fd);
