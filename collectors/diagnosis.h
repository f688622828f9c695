/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Two looks at the host -> what is wrong, worst first, and what to do about it. Pure. Nothing here
 * changes anything: advice is for people to read and type.
 */

#include <stdbool.h>
#include <stddef.h>

#include "observation.h"

enum severity {
	SEVERITY_OK,
	SEVERITY_INFO,	   /* worth knowing, nothing to do now */
	SEVERITY_WARNING,  /* will hurt, or hurts a little */
	SEVERITY_CRITICAL, /* new connections fail now, or are about to */
	N_SEVERITIES,
};

extern const char *const severity_names[N_SEVERITIES];

#define FINDING_TITLE_MAX 160
#define FINDING_DETAIL_MAX 720
#define FINDING_EVIDENCE_MAX 12
#define FINDING_ADVICE_MAX 4
#define FINDING_NAME_MAX 96
#define FINDING_COMMAND_MAX 240
#define FINDING_COST_MAX 400

/* One number a finding rests on. name is a metric with its labels, or a sysctl. */
struct finding_evidence {
	char name[FINDING_NAME_MAX];
	double value;
	bool per_second; /* a counter's growth between the two looks */
};

/* A command to copy, and what it costs or changes. command may be empty: then only words help. */
struct finding_advice {
	char command[FINDING_COMMAND_MAX];
	char cost[FINDING_COST_MAX];
};

struct finding {
	const char *id; /* stable, snake_case */
	enum severity severity;
	char title[FINDING_TITLE_MAX];	 /* one sentence with its most important number */
	char detail[FINDING_DETAIL_MAX]; /* what it means in one sentence, then why */
	struct finding_evidence evidence[FINDING_EVIDENCE_MAX];
	size_t n_evidence;
	struct finding_advice advice[FINDING_ADVICE_MAX];
	size_t n_advice;
};

#define DIAGNOSIS_FINDINGS_MAX 48

/* Unknown after one look only, where a look lacks it, or when a counter began anew. */
struct rate {
	bool known;
	double per_second;
};

struct diagnosis {
	double interval_s; /* between the two looks; 0: no time passed */
	struct rate growth, drops, early_drops, insert_failed;
	enum severity worst; /* of the first finding */
	/*
	 * At least one. Worst first, those alike in the order of the rows; all_well stands before
	 * what is only worth knowing, when nothing is at least a warning and the table was read.
	 */
	struct finding findings[DIAGNOSIS_FINDINGS_MAX];
	size_t n;
};

/*
 * Never fails: what was not read is not judged. before may equal now (no rates then). *ret is
 * large: mind the stack.
 */
void diagnosis_make(const struct observation *before, const struct observation *now,
		    struct diagnosis *ret);

struct buffer;

/*
 * For people: the worst finding in three lines (title, meaning, first command), then all of them.
 * colour: ANSI escapes. width: columns to wrap at, 0: nowhere; commands stay whole, to be copied.
 */
void diagnosis_write_text(const struct diagnosis *diagnosis, bool colour, unsigned int width,
			  struct buffer *out);

/* For the page: "severity\ttitle\n" of the first finding and of others from warning on. */
void diagnosis_write_verdict(const struct diagnosis *diagnosis, struct buffer *out);

/* For programs and the status page: verdict, findings, and an overview of the numbers. 0 or
 * -ENOMEM; out says for itself whether it held all. */
int diagnosis_write_json(const struct diagnosis *diagnosis, const struct observation *now,
			 struct buffer *out);
/* Once, before files are out of reach: the hash tables of JSON objects have a random key. */
void diagnosis_prepare_json(void);
