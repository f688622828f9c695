/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <yaml.h>

#include "secret.h"
#include "web_config_text.h"

void __real_yaml_event_delete(yaml_event_t *event);
void __wrap_yaml_event_delete(yaml_event_t *event);
void __real_yaml_parser_delete(yaml_parser_t *parser);
void __wrap_yaml_parser_delete(yaml_parser_t *parser);

void __wrap_yaml_event_delete(yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT)
		look_for_secret(event->data.scalar.value, event->data.scalar.length);
	__real_yaml_event_delete(event);
}

void __wrap_yaml_parser_delete(yaml_parser_t *parser)
{
	look_for_secret(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
	look_for_secret(parser->raw_buffer.start,
			(size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
	__real_yaml_parser_delete(parser);
}

static void secrets_are_overwritten(_unused_ void **state)
{
	static const char *const texts[] = {
		USER(HASH),
		USER(HASH) "unknown: key\n",
		"tls_server_config:\n  cert: a\n  key: |\n    " HASH "\n",
		"tls_server_config: {key: " HASH "}",
		TLS "  key: " HASH "\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char error[WEB_CONFIG_ERROR_MAX];
		struct web_config *config = NULL;

		secret.text = SALT_AND_HASH;
		(void)web_config_parse(texts[i], strlen(texts[i]), ".", &config, error);
		web_config_free(config);
		secret.text = NULL;
		assert_int_equal(secret.n, 0);
	}
}

static void syntax(_unused_ void **state)
{
	check_refused("rate_limit:\n  burst: 1\n interval: 2s\n",
		      "line 3: did not find expected key");
	check_refused("http_server_config:\n\thttp2: true\n",
		      "line 2: found character that cannot start any token");
	check_refused("\n{}}", "line 2: did not find expected <document start>");
	check_refused("\n\"a", "line 2: found unexpected end of stream");
	check_refused("{}\n---\n{}\n", "line 2: only one document is accepted");
	check_refused("tls_server_config: &a {}\nhttp_server_config: *a\n",
		      "line 1: anchors are not accepted");
	check_refused("rate_limit:\n  interval: &a 1s\n", "line 2: anchors are not accepted");
	check_refused(TLS "  cipher_suites: &a []\n", "line 4: anchors are not accepted");
	check_refused("\nrate_limit: *a\n", "line 2: aliases are not accepted");
	check_refused("!!map {}", "line 1: tags are not accepted");
	check_refused(TLS "  cipher_suites: !!seq []\n", "line 4: tags are not accepted");
	check_refused(USER("! " HASH), "line 2: tags are not accepted");
	check_refused(TLS "  cert: \"a\\0b\"\n", "line 4: a NUL character is not accepted");
	check_refused("a\n\xff\xfe: b", "line 2: invalid leading UTF-8 octet");
	check_refused("\xc0\x80: b", "line 1: invalid length of a UTF-8 sequence");
	check_refused("\n\x01: b", "line 2: control characters are not allowed");
	check_refused_bytes("a: b\nc\0d: e", 11, "line 2: there is a NUL byte");
	check_refused_bytes("\xff\xfe{\0}\0", 6, "line 1: there is a NUL byte");
}

/* What is short and would become long, or deep, ends where it begins to. */
static void bombs(_unused_ void **state)
{
	char *text = malloc(WEB_CONFIG_SIZE_MAX + 1);

	assert_non_null(text);
	memset(text, '[', WEB_CONFIG_SIZE_MAX + 1);
	check_refused_bytes(text, WEB_CONFIG_SIZE_MAX, "line 1: the file must be a map");
	check_refused_bytes(text, WEB_CONFIG_SIZE_MAX + 1,
			    "line 1: the file has more than 1048576 bytes");
	memset(text, '{', WEB_CONFIG_SIZE_MAX);
	check_refused_bytes(text, WEB_CONFIG_SIZE_MAX, "line 1: a key must be a text");
	for (size_t i = 0; i + 1 < WEB_CONFIG_SIZE_MAX; i += 2)
		memcpy(text + i, "? ", 2);
	check_refused_bytes(text, WEB_CONFIG_SIZE_MAX, "line 1: a key must be a text");
	memset(text, '\n', WEB_CONFIG_SIZE_MAX);
	memcpy(text + WEB_CONFIG_SIZE_MAX - 2, "a:", 2);
	check_refused_bytes(text, WEB_CONFIG_SIZE_MAX, "line 1048575: unknown key 'a'");
	free(text);
}

/* The head, and n times the line with a number of its own for %. */
static char *lines(const char *head, const char *line, size_t n)
{
	const size_t size = strlen(head) + n * 100 + 1;
	const char *mark = strchr(line, '%');
	char *text = malloc(size);
	size_t length;

	assert_non_null(text);
	length = (size_t)snprintf(text, size, "%s", head);
	for (size_t i = 0; i < n; i++)
		length += (size_t)snprintf(text + length, size - length, "%.*s%zu%s",
					   (int)(mark - line), line, i, mark + 1);
	return text;
}

static void as_many_as_there_is_room_for(_unused_ void **state)
{
	static const struct {
		const char *head, *line;
		size_t max;
		const char *error;
	} cases[] = {
		{ "basic_auth_users:\n", "  user%: " HASH "\n", WEB_CONFIG_USERS_MAX,
		  "line 258: there are more than 256 users" },
		{ TLS "  client_auth_type: RequireAnyClientCert\n  client_allowed_sans:\n",
		  "  - san%\n", WEB_CONFIG_SANS_MAX,
		  "line 70: client_allowed_sans has more than 64 entries" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text = lines(cases[i].head, cases[i].line, cases[i].max);

		web_config_free(parse(text));
		free(text);
		text = lines(cases[i].head, cases[i].line, cases[i].max + 1);
		check_refused(text, cases[i].error);
		free(text);
	}
}

static void whatever_is_cut_or_changed_is_read_or_refused(_unused_ void **state)
{
	static const char good[] = TLS
		"  cert: |\n    x\n  client_allowed_sans: [a, \"b\"]\n  min_version: TLS12\n"
		"http_server_config: {http2: on, headers: {X-XSS-Protection: '0'}}\n" USER(
			HASH) "rate_limit:\n  interval: 1s\n  burst: 3\n";
	static const char bytes[] = ":-[]{}'\"\n\t &*!|>?#%@`~,\\\xff";
	struct dice dice = dice_start();
	char text[sizeof(good)], error[WEB_CONFIG_ERROR_MAX];
	size_t n_good = 0;

	for (size_t i = 0; i < 20000; i++) {
		const size_t length = dice_below(&dice, sizeof(good));
		struct web_config *config = NULL;
		int r;

		memcpy(text, good, sizeof(good));
		for (size_t n = dice_below(&dice, 4); n > 0; n--)
			text[dice_below(&dice, sizeof(good))] =
				bytes[dice_below(&dice, sizeof(bytes))];
		error[0] = '\0';
		r = web_config_parse(text, length, ".", &config, error);
		assert_true(r == 0 || r == -EINVAL);
		assert_int_equal(r == 0, config != NULL);
		assert_int_equal(r == 0, strncmp(error, "line ", 5) != 0);
		n_good += r == 0;
		web_config_free(config);
	}
	assert_true(n_good > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_overwritten),
		cmocka_unit_test(syntax),
		cmocka_unit_test(bombs),
		cmocka_unit_test(as_many_as_there_is_room_for),
		cmocka_unit_test(whatever_is_cut_or_changed_is_read_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
