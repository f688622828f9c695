/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the request's headers ask for. Pure; NULL stands for a header that was not sent. */

#include <stdbool.h>
#include <stdint.h>

#include "exposition.h"

/*
 * The format to answer with: highest quality first, ties in the order of the header; type and
 * version must fit. Text 0.0.4 when nothing does: there is no "not acceptable".
 */
enum exposition_format negotiation_format(const char *accept);

/* The Content-Type of a format. */
const char *negotiation_content_type(enum exposition_format format);

/* True when gzip is accepted with a quality above 0. */
bool negotiation_gzip(const char *accept_encoding);

/*
 * Nanoseconds a scrape may take: the value of X-Prometheus-Scrape-Timeout-Seconds less half a
 * second for the way back, or the whole value where nothing would be left. Without the header, or
 * with one that is not a positive decimal number, the default; never more than the maximum.
 */
uint64_t negotiation_timeout_ns(const char *seconds);

#define SCRAPE_TIMEOUT_DEFAULT_S 30
#define SCRAPE_TIMEOUT_MAX_S 120
