/* SPDX-License-Identifier: GPL-2.0-or-later */

/* --web.listen-address. The parts, put together again, have the same parts. */

#include "fuzz.h"

#include "../../exporter/listener.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = input_all(data, size), *host = input_block("host", 5),
	     *port = input_block("port", 5);
	char together[LISTENER_NAME_MAX], again[LISTENER_HOST_MAX], port_again[LISTENER_PORT_MAX];

	host = realloc(host, LISTENER_HOST_MAX);
	port = realloc(port, LISTENER_PORT_MAX);
	HOLDS(host && port);
	if (listener_parse(text, host, port) < 0) {
		HOLDS(strcmp(host, "host") == 0 && strcmp(port, "port") == 0);
	} else {
		HOLDS(strlen(host) < LISTENER_HOST_MAX && !strpbrk(host, "[]"));
		HOLDS(strspn(port, "0123456789") == strlen(port) &&
		      strtol(port, NULL, 10) <= 65535);
		(void)snprintf(together, sizeof(together), *host ? "[%s]:%s" : "%s:%s", host, port);
		HOLDS(listener_parse(together, again, port_again) == 0);
		HOLDS(strcmp(host, again) == 0 && strcmp(port, port_again) == 0);
	}
	free(text);
	free(host);
	free(port);
	return 0;
}
