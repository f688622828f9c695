/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whether a change of the web configuration's files is to be taken over, and when. Pure. */

#include "web_config.h"
#include "web_files.h"

/* The configuration and what it names: certificate, key, client CA. */
#define WEB_FILES 4
/* A change that is not in force may name others. */
#define WEB_LOOK_MAX (WEB_FILES + WEB_FILES - 1)

/* The files at one moment: those in force, then the others. */
struct web_look {
	struct web_stamp stamps[WEB_LOOK_MAX];
};

struct web_change {
	struct web_look in_force; /* the first WEB_FILES only: as they were read */
	struct web_look seen;	  /* last */
	uint64_t seen_ns;	  /* since when it is like that */
	uint64_t looked_ns;	  /* when it was judged last */
	struct web_look refused;  /* what was read and found wrong */
	bool has_refused;
};

bool web_look_equal(const struct web_look *a, const struct web_look *b);

enum web_change_step {
	WEB_CHANGE_NONE, /* the files are those in force */
	WEB_CHANGE_WAIT, /* for the rest, or for another change */
	WEB_CHANGE_READ,
};

/*
 * What to do with a look at the files. A change has rested when it was seen for
 * WEB_SETTINGS_REST_MS, or when the files' own times show that nobody wrote to them for so long,
 * which holds for a change that nobody looked at. real_ns is the realtime clock, which those times
 * are of.
 */
enum web_change_step web_change_judge(struct web_change *change, const struct web_look *look,
				      uint64_t now_ns, int64_t real_ns);

/* The rest begins anew. */
void web_change_restart(struct web_change *change, const struct web_look *look, uint64_t now_ns);

/* The same look is not to be read again. */
void web_change_refuse(struct web_change *change, const struct web_look *look);

/* What was read is in force now. */
void web_change_accept(struct web_change *change, const struct web_look *look);

/*
 * With fewer rights than it was read with, files may be out of sight: that these are, is no change.
 */
void web_change_accept_sight(struct web_change *change, const struct web_look *look);

/*
 * Why a running service must not go from one configuration to the other, which would take a whole
 * protection away, or switch TLS on; NULL: it may.
 */
const char *web_change_refusal(const struct web_config *from, const struct web_config *to);
