/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "page.h"

#include "version.h"

static void write_escaped(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			buffer_append_string(out, "&amp;");
			break;
		case '<':
			buffer_append_string(out, "&lt;");
			break;
		case '"':
			buffer_append_string(out, "&quot;");
			break;
		default:
			buffer_append_char(out, *text);
		}
	}
}

void page_write(struct buffer *out, const char *telemetry_path)
{
	buffer_append_string(
		out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<title>conntrack_exporter</title>\n</head>\n<body>\n<h1>conntrack_exporter</h1>\n"
		"<p>The kernel's connection tracking table and this host's sockets, for "
		"Prometheus.</p>\n"
		"<p>Version: " EXPORTER_VERSION " (" EXPORTER_REVISION ")</p>\n<p><a href=\"");
	write_escaped(out, telemetry_path);
	buffer_append_string(out, "\">Metrics</a></p>\n</body>\n</html>\n");
}
