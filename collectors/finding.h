/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How a finding is written: bounded, what does not fit is cut. */

#include "diagnosis.h"

#define FINDING_FORMAT(a, b) __attribute__((format(printf, a, b)))

void finding_title(struct finding *f, enum severity severity, const char *format, ...)
	FINDING_FORMAT(3, 4);

/* Appends; the first sentence must say alone what the finding means for people. */
void finding_detail(struct finding *f, const char *format, ...) FINDING_FORMAT(2, 3);

/* A number the finding rests on; nothing beyond FINDING_EVIDENCE_MAX. */
void finding_evidence(struct finding *f, const char *name, double value);
void finding_rate(struct finding *f, const char *name, double per_second);
/* Only what was read. */
void finding_reading(struct finding *f, const char *name, struct reading value);

/* Begins an advice; a row gives at most FINDING_ADVICE_MAX. */
void finding_command(struct finding *f, const char *format, ...) FINDING_FORMAT(2, 3);
/* Appends to what the last command costs. */
void finding_cost(struct finding *f, const char *format, ...) FINDING_FORMAT(2, 3);

/* Numbers as people read them, for a printf's %s within the same expression. */
struct short_text {
	char s[40];
};

struct short_text text_number(double value);	      /* 262144, 12.5, 0.2 */
struct short_text text_duration(double seconds);      /* 90 s, 12 min, 5 h, 5 d */
struct short_text text_mebibytes(double bytes);	      /* 64 MiB, 0.5 MiB */
struct short_text text_share(double part, double of); /* 67%; never 100 % of less than all */
