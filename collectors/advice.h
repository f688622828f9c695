/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Advice that more than one finding gives: each adds a command and its cost, or nothing. */

#include "finding.h"
#include "holder.h"

/* Twice the present limit, at most what the kernel takes; 0: unknown, none, or no larger one. */
uint64_t advice_limit(const struct looks *looks);

void advice_raise_limit(const struct looks *looks, struct finding *f);
void advice_raise_buckets(const struct looks *looks, uint64_t limit, struct finding *f);

/* A shorter timeout for what holds the table, with how many entries it concerns. */
void advice_shorten_timeout(const struct looks *looks, const struct holder *holder,
			    struct finding *f);

/* The same for ESTABLISHED flows: the longest lifetime that would have kept away enough of them. */
void advice_shorten_established(const struct looks *looks, struct finding *f);

/* No entries for loopback, where they are many. */
void advice_notrack_loopback(const struct looks *looks, struct finding *f);
