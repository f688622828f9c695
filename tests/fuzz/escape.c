/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is written into an exposition, JSON, a line of the log and the status page stays text in it
 * and reads back as it was.
 */

#include "fuzz.h"

#include <fcntl.h>
#include <jansson.h>

#include "../../exporter/exposition.h"
#include "../../exporter/log.h"
#include "../../exporter/page.h"
#include "page_html.h"

static const struct label_set label = { .name = "value" };
static const struct metric_desc desc = { .name = "a", .help = "b", .labels = { &label } };

/* jansson refuses what is not UTF-8, and a string is all it gets. */
static json_t *load(const char *text, size_t length)
{
	return json_loadb(text, length, JSON_DECODE_ANY, NULL);
}

/* A label's value is between its quotes, on one line, UTF-8, and means what it was. */
static void check_exposition(const char *text, bool is_utf8)
{
	static const char before[] = "# HELP a b\n# TYPE a gauge\na{value=\"", behind[] = "\"} 1\n";
	const char *const values[] = { text };
	struct exposition e;
	const char *at, *end;
	char *back, *to;
	json_t *string;

	exposition_init(&e, EXPOSITION_TEXT);
	exposition_labelled_u64(&e, &desc, values, 1);
	HOLDS(exposition_finish(&e) == 0 && e.out.len >= strlen(before) + strlen(behind));
	at = e.out.data + strlen(before);
	end = e.out.data + e.out.len - strlen(behind);
	HOLDS(memcmp(e.out.data, before, strlen(before)) == 0);
	HOLDS(memcmp(end, behind, strlen(behind)) == 0);
	string = json_stringn(e.out.data, e.out.len);
	HOLDS(string); /* UTF-8 */
	json_decref(string);
	back = to = malloc((size_t)(end - at) + 1);
	HOLDS(back);
	for (; at < end; at++, to++) {
		HOLDS(*at != '\n' && *at != '"');
		if (*at == '\\') {
			at++;
			HOLDS(at < end && strchr("\\\"n", *at));
			*to = *at == 'n' ? '\n' : *at;
		} else {
			*to = *at;
		}
	}
	*to = '\0';
	HOLDS(!is_utf8 || strcmp(back, text) == 0);
	free(back);
	exposition_destroy(&e);
}

/* It is JSON, whatever is in it. True when the text is UTF-8, and so must be what is read back. */
static bool check_quoted(const char *text)
{
	json_t *string, *plain = json_string(text);
	const bool is_utf8 = plain != NULL;
	struct buffer quoted;

	buffer_init(&quoted, 1U << 20);
	buffer_append_quoted(&quoted, text);
	HOLDS(quoted.error == 0);
	string = load(quoted.data, quoted.len);
	HOLDS(string);
	HOLDS(!is_utf8 || strcmp(json_string_value(string), text) == 0);
	json_decref(string);
	json_decref(plain);
	buffer_finish(&quoted);
	return is_utf8;
}

/* In place of the page itself, whose length would be all that is measured. */
const struct page_part page_parts[N_PAGE_PARTS] = {
	{ "<a href=\"", 9, PAGE_SLOT_METRICS },
	{ "\">", 2, PAGE_SLOT_VERSION },
	{ "<p>", 3, PAGE_SLOT_VERDICT },
};

static const bool special[256] = { ['<'] = true, ['>'] = true, ['"'] = true, ['\''] = true };

/* The page has as many tags as with a harmless text of the same lines. */
static size_t count_tags(const char *path, const char *verdict)
{
	struct buffer page;
	size_t tags = 0;

	buffer_init(&page, 4U << 20);
	page_write(&page, path, verdict);
	HOLDS(page.error == 0);
	for (size_t i = 0; i < page.len; i++)
		tags += special[(unsigned char)page.data[i]];
	buffer_finish(&page);
	return tags;
}

static void check_page(const char *text)
{
	char *harmless = input_block(text, strlen(text) + 1);

	for (char *c = harmless; *c; c++)
		*c = strchr("<>\"'&", *c) ? 'x' : *c;
	HOLDS(count_tags(text, text) == count_tags(harmless, harmless));
	free(harmless);
}

static struct {
	char line[8192];
	size_t length;
} logged;

ssize_t __wrap_write(int fd, const void *bytes, size_t size);

ssize_t __wrap_write(_unused_ int fd, const void *bytes, size_t size)
{
	HOLDS(size <= sizeof(logged.line));
	memcpy(logged.line, bytes, size);
	logged.length = size;
	return (ssize_t)size;
}

/* One line, whatever is in it; JSON that means the text unless that was too long to be there. */
static void check_log(const char *text, bool is_utf8)
{
	json_t *object, *value;

	for (enum log_format format = 0; format < N_LOG_FORMATS; format++) {
		log_configure(LOG_LEVEL_INFO, format);
		logged.length = 0;
		log_info("fuzz", "text", text);
		if (logged.length == 0)
			return; /* nobody takes it */
		HOLDS(memchr(logged.line, '\n', logged.length) == logged.line + logged.length - 1);
	}
	object = load(logged.line, logged.length);
	HOLDS(object);
	value = json_object_get(object, "text");
	HOLDS(!value || !is_utf8 || strcmp(json_string_value(value), text) == 0);
	json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = input_all(data, size);
	const bool is_utf8 = check_quoted(text);

	check_exposition(text, is_utf8);
	check_page(text);
	check_log(text, is_utf8);
	free(text);
	return 0;
}
