/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A host that is well, looked at twice, 5 s apart: what each test of a finding changes. Also stands
 * in for the names that the diagnosis takes from the collectors.
 */

#include "../../collectors/diagnosis.h"

struct both_looks {
	struct observation before, now;
};

void both_looks_well(struct both_looks *ret);

/* A full table of ESTABLISHED flows, many of them idle for days, that refuses 24 packets a second.
 */
void both_looks_full(struct both_looks *ret);

/* The finding with this id; NULL when there is none. */
const struct finding *finding_of(const struct diagnosis *diagnosis, const char *id);

/* What a row must say, whole. */
struct row_case {
	const char *id;
	void (*provoke)(struct both_looks *looks); /* from a host that is well */
	enum severity severity;
	const char *title;
	struct finding_evidence evidence[FINDING_EVIDENCE_MAX]; /* up to the first without a name */
	const char *commands[FINDING_ADVICE_MAX];
};

/* The row says so after provoke(), in sentences that were not cut. */
void check_row(const struct row_case *row);

/* No row of these ids speaks of a host that is well. */
void check_silent_when_well(const struct row_case *rows, size_t n);
