/* SPDX-License-Identifier: GPL-2.0-or-later */

/* conntrack's settings: each known one is the decimal number that its file holds, and all of it. */

#include "files.h"
#include "number.h"

#include "../../collectors/collector.h"
#include "../../collectors/settings.h"
#include "../../collectors/tracking.h"

const char *const fuzz_files[] = { "nf_conntrack_tcp_timeout_established",
				   "nf_conntrack_tcp_timeout_syn_sent",
				   "nf_conntrack_udp_timeout",
				   "nf_conntrack_generic_timeout",
				   "nf_conntrack_acct",
				   "nf_conntrack_tcp_loose",
				   NULL };

void tracking_read(_unused_ struct collector_context *ctx, enum tracking ret[N_FLOW_FAMILIES])
{
	ret[FLOW_IPV4] = TRACKING_UNKNOWN;
	ret[FLOW_IPV6] = TRACKING_ACTIVE;
}

static void check(const struct reading *reading, size_t file)
{
	const char *text = files.text[file], *number;
	char printed[24];
	size_t digits;

	HOLDS(reading->known || !is_number_line(text));
	if (!reading->known)
		return;
	HOLDS(text);
	number = text + strspn(text, " \t");
	digits = strspn(number, "0123456789");
	/* Its first line is all that is read, where it comes alone. */
	HOLDS(digits > 0 && (number[digits] == '\n' || !number[digits]));
	while (digits > 1 && *number == '0') {
		number++;
		digits--;
	}
	(void)snprintf(printed, sizeof(printed), "%llu", (unsigned long long)reading->value);
	HOLDS(strlen(printed) == digits && strncmp(printed, number, digits) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct collector_settings collector = { .procfs = "/proc" };
	static struct collector_context ctx = { .settings = &collector };
	struct input input = { data, size };
	struct settings settings;
	struct exposition e;

	files_load(&input);
	(void)settings_read(&ctx, &settings);
	check(&settings.timeout_s[TIMEOUT_TCP_ESTABLISHED], 0);
	check(&settings.timeout_s[TIMEOUT_TCP_SYN_SENT], 1);
	check(&settings.timeout_s[TIMEOUT_UDP_UNREPLIED], 2);
	check(&settings.timeout_s[TIMEOUT_GENERIC], 3);
	check(&settings.setting[SETTING_ACCT], 4);
	check(&settings.setting[SETTING_TCP_LOOSE], 5);
	exposition_init(&e, EXPOSITION_OPENMETRICS);
	(void)settings_collector.collect(&ctx, &e);
	HOLDS(exposition_finish(&e) == 0);
	exposition_destroy(&e);
	files_unload();
	return 0;
}
