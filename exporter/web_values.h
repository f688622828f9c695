/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Single values of a web configuration. Pure. */

#include <stdbool.h>
#include <stdint.h>

/* The words that YAML 1.1 has for true and false. */
bool web_bool_parse(const char *text, bool *ret);

/* Decimal digits alone, up to max. */
bool web_count_parse(const char *text, uint64_t max, uint64_t *ret);

/* Whether text can be the value of an HTTP header: no control character. */
bool web_header_is_valid(const char *text);
