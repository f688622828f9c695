/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * web_config_check FILE...: what the exporter says of each web configuration and what it names, a
 * line each: "ok", or why it is refused.
 */

#include <stdio.h>

#include "../../exporter/web_settings.h"

int main(int argc, char **argv)
{
	char error[WEB_CONFIG_ERROR_MAX];

	for (int i = 1; i < argc; i++) {
		struct web_settings *settings = NULL;
		const int r = web_settings_open(argv[i], &settings, error);

		(void)puts(r == 0 ? "ok" : error);
		web_settings_close(settings);
	}
	return 0;
}
