/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * YAML of which one document of maps, lists and texts is accepted, one event after the other.
 * libyaml is used in this module and nowhere else. What lets a short file mean a long one or
 * another thing than it says is refused: anchors, aliases, tags, a second document, NUL bytes.
 * Nothing is read ahead, so nesting goes only as deep as the reader follows it.
 */

#include <stdbool.h>
#include <stddef.h>

#define WEB_YAML_ERROR_MAX 256

enum web_yaml_kind {
	WEB_YAML_TEXT,
	WEB_YAML_MAP,  /* key, value, key, value, ..., WEB_YAML_END */
	WEB_YAML_LIST, /* entries, WEB_YAML_END */
	WEB_YAML_END,
	WEB_YAML_NOTHING, /* the file is at its end */
};

struct web_yaml_event {
	enum web_yaml_kind kind;
	size_t line;	  /* from 1 */
	const char *text; /* valid until the next event */
	bool is_plain;	  /* neither quoted nor a block */
	bool is_null;	  /* ~, null or nothing */
};

struct web_yaml;

/* text must live as long. Returns 0 or -ENOMEM. */
int web_yaml_create(const char *text, size_t length, struct web_yaml **ret);

/* Overwrites what it holds of the text. Accepts NULL. */
void web_yaml_destroy(struct web_yaml *yaml);

/* Returns 0, -ENOMEM, or -EINVAL with one sentence in error. */
int web_yaml_next(struct web_yaml *yaml, struct web_yaml_event *ret,
		  char error[WEB_YAML_ERROR_MAX]);
