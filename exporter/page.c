/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Fills page.html, which the build has cut into pieces. */

#include "page.h"

#include <string.h>

#include "page_html.h"
#include "util.h"
#include "version.h"

static void write_escaped(struct buffer *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '&':
			buffer_append_string(out, "&amp;");
			break;
		case '<':
			buffer_append_string(out, "&lt;");
			break;
		case '>':
			buffer_append_string(out, "&gt;");
			break;
		case '"':
			buffer_append_string(out, "&quot;");
			break;
		case '\'':
			buffer_append_string(out, "&#39;");
			break;
		default:
			buffer_append_char(out, text[i]);
		}
	}
}

/* Only a severity that the page's style knows becomes a class. */
static const char *severity_class(const char *severity, size_t len)
{
	static const char *const classes[] = { "ok", "info", "warning", "critical" };

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		if (strlen(classes[i]) == len && memcmp(classes[i], severity, len) == 0)
			return classes[i];
	}
	return "unknown";
}

/* One finding; without a tab all of it is the title. */
static void write_finding(struct buffer *out, const char *line, size_t len)
{
	const char *tab = memchr(line, '\t', len);
	size_t severity_len = tab ? (size_t)(tab - line) : 0;
	size_t title_at = tab ? severity_len + 1 : 0;

	buffer_append_string(out, "<li class=\"finding ");
	buffer_append_string(out, severity_class(line, severity_len));
	buffer_append_string(out, "\"><span class=\"severity\">");
	write_escaped(out, line, severity_len);
	buffer_append_string(out, "</span> <span class=\"title\">");
	write_escaped(out, line + title_at, len - title_at);
	buffer_append_string(out, "</span></li>\n");
}

static void write_verdict(struct buffer *out, const char *verdict)
{
	if (!verdict || !*verdict) {
		buffer_append_string(out,
				     "<p>The verdict could not be had in time. Reload this page, "
				     "or ask <a href=\"diagnosis\">/diagnosis</a>.</p>\n");
		return;
	}
	buffer_append_string(out, "<ul>\n");
	while (*verdict) {
		size_t len = strcspn(verdict, "\n");

		if (len)
			write_finding(out, verdict, len);
		verdict += len + (verdict[len] == '\n');
	}
	buffer_append_string(out, "</ul>\n");
}

void page_write(struct buffer *out, const char *telemetry_path, const char *verdict)
{
	for (size_t i = 0; i < N_PAGE_PARTS; i++) {
		buffer_append(out, page_parts[i].text, page_parts[i].len);
		switch (page_parts[i].slot) {
		case PAGE_SLOT_VERSION:
			buffer_append_string(out, EXPORTER_VERSION " (" EXPORTER_REVISION ")");
			break;
		case PAGE_SLOT_METRICS:
			write_escaped(out, telemetry_path, strlen(telemetry_path));
			break;
		case PAGE_SLOT_VERDICT:
			write_verdict(out, verdict);
			break;
		case PAGE_SLOT_NONE:
			break;
		}
	}
}
