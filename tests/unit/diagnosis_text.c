/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/buffer.h"
#include "observation_well.h"

static const char *const full_plain[] = {
	"critical: The conntrack table is full: 262144 of 262144 entries",
	"New connections fail now, while those already there go on.",
	"$ sysctl -w net.netfilter.nf_conntrack_max=524288",
	"",
	"1. critical: The conntrack table is full: 262144 of 262144 entries",
	("  New connections fail now, while those already there go on. Each new flow "
	 "needs an entry. At the"),
	("  limit the kernel evicts flows that are not assured from a few hash buckets "
	 "near the new one's"),
	("  place; where it finds none it drops the packet, before any filter rule or "
	 "listener sees it. So ss"),
	"  shows ESTABLISHED as always.",
	"  conntrack_entries 262144",
	"  conntrack_entries_limit 262144",
	"  conntrack_entries 0/s",
	"  conntrack_stat_drop_total - (insert_failed - chaintoolong) 24/s",
	"  $ sysctl -w net.netfilter.nf_conntrack_max=524288",
	("    Up to 64 MiB of kernel memory (0.78% of this machine's), taken only as "
	 "entries are made. Works"),
	("    at once, until the next boot unless it is in /etc/sysctl.d as well. In a "
	 "container: only in the"),
	"    host's network namespace.",
	"  $ sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=86400",
	("    With it, at least 120000 ESTABLISHED entries would be gone already: idle "
	 "for longer, judged by"),
	("    the time they have left. Cost: a connection idle for longer is forgotten; "
	 "behind NAT it then"),
	("    breaks. It applies to an entry from its next packet on: idle ones keep the "
	 "time they have left."),
	("  $ nft 'add table inet notrack_lo; add chain inet notrack_lo output { type "
	 "filter hook output priority raw; }; add rule inet notrack_lo output oifname lo "
	 "notrack'"),
	("    Keeps new loopback flows out; 30000 of 262000 flows are loopback. Cost: "
	 "they match ctstate"),
	("    UNTRACKED, no longer ESTABLISHED, so rules must accept lo by its name, and "
	 "NAT does not see"),
	"    them.",
	"",
	"2. critical: conntrack refuses 24 packets of new flows a second",
	("  Connections that begin now fail or start seconds late. There is no entry left "
	 "for them. conntrack"),
	("  refuses them at priority -200 of its hooks, before the mangle, nat and filter "
	 "rules: none of their"),
	("  counters or logs shows them. tcpdump still sees inbound SYNs; outbound ones "
	 "never reach the"),
	("  interface. drop counts packets, and one connect() sends its SYN several "
	 "times; UDP senders of this"),
	"  host get EPERM. insert_failed does not count these.",
	"  conntrack_stat_drop_total 24/s",
	"  conntrack_stat_insert_failed_total 0/s",
	"  conntrack_stat_chaintoolong_total 0/s",
	"  conntrack_entries 262144",
	"  conntrack_entries_limit 262144",
	"  $ sysctl -w net.netfilter.nf_conntrack_max=524288",
	("    Up to 64 MiB of kernel memory (0.78% of this machine's), taken only as "
	 "entries are made. Works"),
	("    at once, until the next boot unless it is in /etc/sysctl.d as well. In a "
	 "container: only in the"),
	"    host's network namespace.",
	"",
	("3. warning: 76% of the table are TCP flows in state ESTABLISHED (200000 of "
	 "262000)"),
	("  Each stays up to 432000 s after its last packet. At least 120000 of them have "
	 "been idle for more"),
	("  than 24 h, judged by the time they have left. If no more packets came, 24% of "
	 "all flows would be"),
	("  gone within 10 minutes and 31% within a day. By path most of the table is "
	 "forwarded (84%)."),
	"  net.netfilter.nf_conntrack_tcp_timeout_established 432000",
	"  TCP flows in state ESTABLISHED 200000",
	"  flows of the table 262000",
	"  $ sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=86400",
	("    With it, at least 120000 ESTABLISHED entries would be gone already: idle "
	 "for longer, judged by"),
	("    the time they have left. Cost: a connection idle for longer is forgotten; "
	 "behind NAT it then"),
	("    breaks. It applies to an entry from its next packet on: idle ones keep the "
	 "time they have left."),
	"  $ conntrack_exporter talkers --by=pair",
	"    Reads only: who talks to whom with the most flows.",
	"",
	"4. info: At its limit the conntrack table takes about 66 MiB",
	("  Doubling the limit allows 64 MiB more, which are taken only as entries are "
	 "made. 256 bytes an"),
	("  entry, and 2 MiB for the buckets, which are there already. The limit is one "
	 "number for the host;"),
	"  each network namespace counts for itself against it.",
	"  conntrack_entries_limit 262144",
	"  conntrack_entry_size_bytes 256",
	"  conntrack_buckets 262144",
	"  memory of the machine in bytes 8589934592",
	"",
	"5. info: nf_conntrack_tcp_be_liberal is 0",
	("  Packets outside a connection's TCP window can be INVALID: conntrack lets them "
	 "pass, rules on"),
	"  ctstate INVALID may drop them, and NAT does not translate them.",
	"  conntrack_setting{name=\"tcp_be_liberal\"} 0",
	"",
	"6. info: nf_conntrack_tcp_loose is 1",
	("  A data or ACK packet of a connection that the table does not hold makes a new "
	 "entry, and matches"),
	"  ctstate NEW.",
	"  conntrack_setting{name=\"tcp_loose\"} 1",
	"",
	"Two looks 5 s apart. Nothing was changed.",
};

static const char *const well_plain[] = {
	"ok: All is well: the conntrack table holds 1200 of 262144 entries (0.46%)",
	"conntrack dropped nothing in the last 5 s.",
	"There is nothing to do.",
	"",
	"1. ok: All is well: the conntrack table holds 1200 of 262144 entries (0.46%)",
	("  conntrack dropped nothing in the last 5 s. drop stands at 7 since conntrack "
	 "began to count here."),
	("  Of the ESTABLISHED sockets the table holds 20 over loopback and 280 to other "
	 "hosts."),
	"  conntrack_entries 1200",
	"  conntrack_entries_limit 262144",
	"  conntrack_stat_drop_total 7",
	"",
	"2. info: At its limit the conntrack table takes about 66 MiB",
	("  Doubling the limit allows 64 MiB more, which are taken only as entries are "
	 "made. 256 bytes an"),
	("  entry, and 2 MiB for the buckets, which are there already. The limit is one "
	 "number for the host;"),
	"  each network namespace counts for itself against it.",
	"  conntrack_entries_limit 262144",
	"  conntrack_entry_size_bytes 256",
	"  conntrack_buckets 262144",
	"  memory of the machine in bytes 8589934592",
	"",
	"3. info: nf_conntrack_tcp_be_liberal is 0",
	("  Packets outside a connection's TCP window can be INVALID: conntrack lets them "
	 "pass, rules on"),
	"  ctstate INVALID may drop them, and NAT does not translate them.",
	"  conntrack_setting{name=\"tcp_be_liberal\"} 0",
	"",
	"4. info: nf_conntrack_tcp_loose is 1",
	("  A data or ACK packet of a connection that the table does not hold makes a new "
	 "entry, and matches"),
	"  ctstate NEW.",
	"  conntrack_setting{name=\"tcp_loose\"} 1",
	"",
	"Two looks 5 s apart. Nothing was changed.",
};

static const char *const well_colour[] = {
	("\033[32mok:\033[0m\033[1m All is well: the conntrack table holds 1200 of 262144 "
	 "entries (0.46%)\033[0m"),
	"conntrack dropped nothing in the last 5 s.",
	"There is nothing to do.",
	"",
	("1. \033[32mok:\033[0m\033[1m All is well: the conntrack table holds 1200 of "
	 "262144 entries (0.46%)\033[0m"),
	("  conntrack dropped nothing in the last 5 s. drop stands at 7 since conntrack "
	 "began to count here."),
	("  Of the ESTABLISHED sockets the table holds 20 over loopback and 280 to other "
	 "hosts."),
	"  conntrack_entries 1200",
	"  conntrack_entries_limit 262144",
	"  conntrack_stat_drop_total 7",
	"",
	("2. \033[36minfo:\033[0m\033[1m At its limit the conntrack table takes about 66 "
	 "MiB\033[0m"),
	("  Doubling the limit allows 64 MiB more, which are taken only as entries are "
	 "made. 256 bytes an"),
	("  entry, and 2 MiB for the buckets, which are there already. The limit is one "
	 "number for the host;"),
	"  each network namespace counts for itself against it.",
	"  conntrack_entries_limit 262144",
	"  conntrack_entry_size_bytes 256",
	"  conntrack_buckets 262144",
	"  memory of the machine in bytes 8589934592",
	"",
	"3. \033[36minfo:\033[0m\033[1m nf_conntrack_tcp_be_liberal is 0\033[0m",
	("  Packets outside a connection's TCP window can be INVALID: conntrack lets them "
	 "pass, rules on"),
	"  ctstate INVALID may drop them, and NAT does not translate them.",
	"  conntrack_setting{name=\"tcp_be_liberal\"} 0",
	"",
	"4. \033[36minfo:\033[0m\033[1m nf_conntrack_tcp_loose is 1\033[0m",
	("  A data or ACK packet of a connection that the table does not hold makes a new "
	 "entry, and matches"),
	"  ctstate NEW.",
	"  conntrack_setting{name=\"tcp_loose\"} 1",
	"",
	"Two looks 5 s apart. Nothing was changed.",
};

static void write_text(const struct both_looks *looks, bool colour, struct buffer *out)
{
	static struct diagnosis diagnosis;

	buffer_init(out, 1 << 20);
	diagnosis_make(&looks->before, &looks->now, &diagnosis);
	diagnosis_write_text(&diagnosis, colour, 100, out);
	buffer_append_char(out, '\0');
	assert_int_equal(out->error, 0);
}

/* Line by line: compilers need not take a string as long as the whole. */
static void check(const struct both_looks *looks, bool colour, const char *const *lines, size_t n)
{
	struct buffer out;
	char *line;

	write_text(looks, colour, &out);
	line = out.data;
	for (size_t i = 0; i < n; i++) {
		char *end = strchr(line, '\n');

		assert_non_null(end);
		*end = '\0';
		assert_string_equal(line, lines[i]);
		line = end + 1;
	}
	assert_string_equal(line, "");
	buffer_finish(&out);
}

static void a_full_table(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_full(&looks);
	check(&looks, false, full_plain, ARRAY_SIZE(full_plain));
}

static void all_well(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_well(&looks);
	check(&looks, false, well_plain, ARRAY_SIZE(well_plain));
	check(&looks, true, well_colour, ARRAY_SIZE(well_colour));
}

/* Escapes change nothing else, nor where lines break. */
static void colours_only_add_escapes(_unused_ void **state)
{
	static const char first[] = "\033[31mcritical:\033[0m\033[1m The";
	struct both_looks looks;
	struct buffer out, plain;
	const char *text, *expected;

	both_looks_full(&looks);
	write_text(&looks, true, &out);
	write_text(&looks, false, &plain);
	expected = plain.data;
	assert_memory_equal(out.data, first, strlen(first));
	assert_non_null(strstr(out.data, "3. \033[33mwarning:\033[0m\033[1m 76% of"));
	assert_non_null(strstr(out.data, "4. \033[36minfo:\033[0m\033[1m At"));
	for (text = out.data; *text;) {
		if (*text == '\033') {
			text = strchr(text, 'm') + 1;
			continue;
		}
		assert_int_equal(*text++, *expected++);
	}
	assert_int_equal(*expected, '\0');
	buffer_finish(&out);
	buffer_finish(&plain);
}

static const struct diagnosis without_command = {
	.worst = SEVERITY_WARNING,
	.findings = { { .id = "x",
			.severity = SEVERITY_WARNING,
			.title = "Something is wrong",
			.detail = "It means this. And here is why, in a sentence that is long.",
			.evidence = { { "a", 0.25, true }, { "b", 7, false } },
			.n_evidence = 2,
			.advice = { { "", "Only words help." } },
			.n_advice = 1 } },
	.n = 1,
};

static void check_width(unsigned int width, const char *expected)
{
	struct buffer out;

	buffer_init(&out, 1 << 20);
	diagnosis_write_text(&without_command, false, width, &out);
	buffer_append_char(&out, '\0');
	assert_string_equal(out.data, expected);
	buffer_finish(&out);
}

/* One look, a finding without a command, and lines of any length. */
static void what_is_missing_is_said(_unused_ void **state)
{
	check_width(0,
		    "warning: Something is wrong\n"
		    "It means this.\n"
		    "What to do is said below.\n"
		    "\n"
		    "1. warning: Something is wrong\n"
		    "  It means this. And here is why, in a sentence that is long.\n"
		    "  a 0.25/s\n"
		    "  b 7\n"
		    "    Only words help.\n"
		    "\n"
		    "One look: what grows was not judged. Nothing was changed.\n");
	check_width(20,
		    "warning: Something\n"
		    "is wrong\n"
		    "It means this.\n"
		    "What to do is said\n"
		    "below.\n"
		    "\n"
		    "1. warning:\n"
		    "  Something is wrong\n"
		    "  It means this. And\n"
		    "  here is why, in a\n"
		    "  sentence that is\n"
		    "  long.\n"
		    "  a 0.25/s\n"
		    "  b 7\n"
		    "    Only words help.\n"
		    "\n"
		    "One look: what grows\n"
		    "was not judged.\n"
		    "Nothing was changed.\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_table),
		cmocka_unit_test(all_well),
		cmocka_unit_test(colours_only_add_escapes),
		cmocka_unit_test(what_is_missing_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
