/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/page.h"
#include "version.h"

#define OPENING "<div id=\"verdict\">\n"
#define CLOSING "\t</div>\n\t<noscript>"
#define PAGE_MAX (1U << 20)

/* The page as a string; free it. */
static char *page(const char *telemetry_path, const char *verdict)
{
	struct buffer out;

	buffer_init(&out, PAGE_MAX);
	page_write(&out, telemetry_path, verdict);
	buffer_append_char(&out, '\0');
	assert_int_equal(out.error, 0);
	assert_int_equal(strlen(out.data), out.len - 1);
	return out.data;
}

/* Cuts what stands between the two texts out of the page; both must be there once. */
static char *between(char *text, const char *before, const char *behind)
{
	char *begin = strstr(text, before);
	char *end;

	assert_non_null(begin);
	begin += strlen(before);
	assert_null(strstr(begin, before));
	end = strstr(begin, behind);
	assert_non_null(end);
	*end = '\0';
	return begin;
}

static void check_verdict(const char *verdict, const char *expected)
{
	char *text = page("/metrics", verdict);

	assert_string_equal(between(text, OPENING, CLOSING), expected);
	free(text);
}

#define FINDING(class, severity, title)                                      \
	"<li class=\"finding " class "\"><span class=\"severity\">" severity \
				     "</span> <span class=\"title\">" title "</span></li>\n"

static void the_verdict_is_a_list(_unused_ void **state)
{
	check_verdict("ok\tAll well.\n", "<ul>\n" FINDING("ok", "ok", "All well.") "</ul>\n");
	check_verdict("critical\tThe table is full.\nwarning\tDrops.\ninfo\tNote.\n",
		      "<ul>\n" FINDING("critical", "critical", "The table is full.")
			      FINDING("warning", "warning", "Drops.")
				      FINDING("info", "info", "Note.") "</ul>\n");
}

static void a_hostile_verdict_is_text(_unused_ void **state)
{
	check_verdict(
		"info\t<script>alert('1')</script>&\"\n",
		"<ul>\n" FINDING(
			"info", "info",
			"&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;") "</ul>\n");
	check_verdict("\"><b>\ttitle\n",
		      "<ul>\n" FINDING("unknown", "&quot;&gt;&lt;b&gt;", "title") "</ul>\n");
	check_verdict(
		"{{version}}\t{{metrics}}{{verdict}}\n",
		"<ul>\n" FINDING("unknown", "{{version}}", "{{metrics}}{{verdict}}") "</ul>\n");
}

static void a_verdict_of_another_form_is_shown_as_it_is(_unused_ void **state)
{
	check_verdict("no tab", "<ul>\n" FINDING("unknown", "", "no tab") "</ul>\n");
	check_verdict("\n\nok\tlast line\n\n", "<ul>\n" FINDING("ok", "ok", "last line") "</ul>\n");
	check_verdict("ok\ta\tb", "<ul>\n" FINDING("ok", "ok", "a\tb") "</ul>\n");
	check_verdict("\t\n", "<ul>\n" FINDING("unknown", "", "") "</ul>\n");
	check_verdict("o\tshort\nokay\tlong\nOK\tcapitals",
		      "<ul>\n" FINDING("unknown", "o", "short") FINDING("unknown", "okay", "long")
			      FINDING("unknown", "OK", "capitals") "</ul>\n");
}

static void no_verdict_is_a_sentence(_unused_ void **state)
{
	static const char sentence[] =
		"<p>The verdict could not be had in time. Reload this page, or ask "
		"<a href=\"diagnosis\">/diagnosis</a>.</p>\n";

	check_verdict(NULL, sentence);
	check_verdict("", sentence);
}

static void the_links(_unused_ void **state)
{
	char *text = page("/a&b\"<i>'", NULL);

	assert_string_equal(
		between(text, "for programs\">\n", "\t</nav>"),
		"\t\t<a href=\"/a&amp;b&quot;&lt;i&gt;&#39;\">/a&amp;b&quot;&lt;i&gt;&#39;"
		"</a>\n\t\t<a href=\"diagnosis\">/diagnosis</a>\n"
		"\t\t<a href=\"talkers\">/talkers</a>\n");
	free(text);
}

static void the_page_is_whole(_unused_ void **state)
{
	static const char begin[] = "<!DOCTYPE html>\n", end[] = "</script>\n</body>\n</html>\n";
	char *text = page("/metrics", NULL);

	assert_memory_equal(text, begin, strlen(begin));
	assert_string_equal(text + strlen(text) - strlen(end), end);
	assert_null(strstr(text, "{{"));
	assert_non_null(strstr(text, "<title>conntrack_exporter</title>\n"));
	assert_non_null(strstr(text, "<h1>conntrack_exporter</h1>\n\t<p>" EXPORTER_VERSION
				     " (" EXPORTER_REVISION ")</p>\n"));
	free(text);
}

/* Whether the hashes fit is for something that can compute them: see the end-to-end tests. */
static void the_policy_forbids_all_else(_unused_ void **state)
{
	static const char *const pieces[] = {
		"default-src 'none'; style-src 'sha256-",
		"='; script-src 'sha256-",
		("='; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
		 "frame-ancestors 'none'"),
	};
	const size_t hash_len = 43; /* and one "=" make base64 of 32 bytes */
	const char *at = page_csp;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		assert_memory_equal(at, pieces[i], strlen(pieces[i]));
		at += strlen(pieces[i]) + (i + 1 < ARRAY_SIZE(pieces) ? hash_len : 0);
	}
	assert_string_equal(at, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_verdict_is_a_list),
		cmocka_unit_test(a_hostile_verdict_is_text),
		cmocka_unit_test(a_verdict_of_another_form_is_shown_as_it_is),
		cmocka_unit_test(no_verdict_is_a_sentence),
		cmocka_unit_test(the_links),
		cmocka_unit_test(the_page_is_whole),
		cmocka_unit_test(the_policy_forbids_all_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
