/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What stands before the body of an answer; the strings are constants. NULL: header not sent. */
struct answer_head {
	unsigned int status;
	const char *type;
	const char *encoding;
	const char *header; /* one more header and its value */
	const char *value;
};
