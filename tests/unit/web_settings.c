/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <stdio.h>

#include "../../exporter/web_load.h"
#include "web_settings_scene.h"

static void a_change_is_taken_over_when_it_has_rested(void **state)
{
	struct scene scene = scene_open(state, LOGIN);

	put(&scene, "web.yml", LOGIN_B);
	/* Looked at once a second. */
	assert_false(later(&scene, 999));
	assert_false(later(&scene, 1));
	assert_string_equal(hash(&scene), HASH_A);
	assert_false(later(&scene, 999));
	assert_string_equal(hash(&scene), HASH_A);
	assert_true(web_settings_is_current(scene.settings));
	assert_int_equal(logged.n, 0);
	assert_true(later(&scene, 1));
	assert_string_equal(hash(&scene), HASH_B);
	check_log(&scene, 1, TAKEN, "");
	assert_int_equal(logged.level, LOG_LEVEL_INFO);
	for (int i = 0; i < 5; i++)
		assert_false(later(&scene, 1000));
	assert_int_equal(logged.n, 1);
	scene_close(&scene);
}

/* An editor that empties the file before it writes it: an empty file is a right one. */
static void a_file_that_is_being_written_opens_nothing(void **state)
{
	struct scene scene = scene_open(state, LOGIN);

	put(&scene, "web.yml", "");
	assert_false(later(&scene, 1000));
	put(&scene, "web.yml", "basic_auth_users:\n");
	assert_false(later(&scene, 1000));
	put(&scene, "web.yml", "basic_auth_users:\n  b: " HASH_B "\n");
	assert_false(later(&scene, 1000));
	put(&scene, "web.yml", LOGIN_B "  b: " HASH_B "\n");
	assert_false(later(&scene, 1000));
	assert_string_equal(hash(&scene), HASH_A);
	assert_int_equal(logged.n, 0);
	assert_true(later(&scene, 1000));
	assert_int_equal(web_settings_config(scene.settings)->n_users, 2);
	scene_close(&scene);
}

/* Nobody asked anything meanwhile: the first one who does is asked for the new password. */
static void what_nobody_saw_has_rested_too(void **state)
{
	struct scene scene = scene_open(state, LOGIN);

	put(&scene, "web.yml", LOGIN_B);
	ahead_s = 5;
	assert_true(later(&scene, 6000));
	ahead_s = -3600;
	assert_string_equal(hash(&scene), HASH_B);
	check_log(&scene, 1, TAKEN, "");
	scene_close(&scene);
}

static const struct scene *hooked;

static void empty_it(void)
{
	put(hooked, "web.yml", "");
}

static void add_a_line(void)
{
	put(hooked, "web.yml", LOGIN_B "# changed\n");
}

static void remove_it(void)
{
	assert_int_equal(unlink(directory_file(hooked->directory, "web.yml")), 0);
}

/* Between the look that finds it rested and the reading. */
static void a_file_that_changes_when_it_is_read(void **state)
{
	static void (*const hooks[])(void) = { empty_it, add_a_line, remove_it };
	struct scene scene = scene_open(state, LOGIN);

	hooked = &scene;
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		replace(&scene, "web.yml", LOGIN_B);
		assert_false(later(&scene, 1000));
		before_read = hooks[i];
		assert_false(later(&scene, 1000));
		assert_null(before_read);
		assert_string_equal(hash(&scene), HASH_A);
		assert_int_equal(logged.n, 0);
		assert_true(web_settings_is_current(scene.settings));
	}
	replace(&scene, "web.yml", LOGIN_B);
	assert_false(later(&scene, 1000));
	assert_true(later(&scene, 1000));
	assert_string_equal(hash(&scene), HASH_B);
	scene_close(&scene);
}

static void no_protection_is_taken_away(void **state)
{
	static const struct {
		const char *from, *to, *err;
	} cases[] = {
		{ LOGIN, "", "the last login is removed by a restart only" },
		{ LOGIN, "basic_auth_users: {}\n", "the last login is removed by a restart only" },
		{ TLS LOGIN, TLS, "the last login is removed by a restart only" },
		{ TLS, "", "TLS is switched off by a restart only" },
		{ TLS, LOGIN, "TLS is switched off by a restart only" },
		{ LOGIN, TLS LOGIN, "TLS is switched on by a restart only" },
		{ TLS CA "  client_auth_type: RequireAndVerifyClientCert\n", TLS,
		  "less of client_auth_type is demanded after a restart only" },
		{ TLS CA "  client_auth_type: RequireAndVerifyClientCert\n",
		  TLS CA "  client_auth_type: VerifyClientCertIfGiven\n",
		  "less of client_auth_type is demanded after a restart only" },
		{ TLS CA "  client_auth_type: RequireAndVerifyClientCert\n",
		  TLS CA "  client_auth_type: RequireAnyClientCert\n",
		  "less of client_auth_type is demanded after a restart only" },
		{ TLS "  client_auth_type: RequireAnyClientCert\n",
		  TLS "  client_auth_type: RequestClientCert\n",
		  "less of client_auth_type is demanded after a restart only" },
		{ TLS CA "  client_auth_type: RequireAndVerifyClientCert\n",
		  TLS "  client_auth_type: RequireAndVerifyClientCert\n",
		  "the client CA is removed by a restart only" },
		{ TLS CA "  client_auth_type: VerifyClientCertIfGiven\n",
		  TLS "  client_auth_type: VerifyClientCertIfGiven\n",
		  "the client CA is removed by a restart only" },
		{ TLS CA "  client_auth_type: VerifyClientCertIfGiven\n",
		  TLS "  client_auth_type: RequireAndVerifyClientCert\n",
		  "the client CA is removed by a restart only" },
		{ TLS CA "  client_auth_type: RequireAndVerifyClientCert\n"
			 "  client_allowed_sans: [a]\n",
		  TLS CA "  client_auth_type: RequireAndVerifyClientCert\n",
		  "client_allowed_sans is removed by a restart only" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene scene = scene_open(state, cases[i].from);
		const struct web_config *before = web_settings_config(scene.settings);

		replace(&scene, "web.yml", cases[i].to);
		check_stays(&scene, cases[i].err);
		assert_ptr_equal(web_settings_config(scene.settings), before);
		/* Who sends SIGHUP is told again, and gets nothing either. */
		assert_false(web_settings_refresh(scene.settings, scene.now_ns, true));
		check_log(&scene, 2, STAYS, cases[i].err);
		assert_ptr_equal(web_settings_config(scene.settings), before);
		scene_close(&scene);
	}
}

static void what_adds_protection_is_taken_over(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "", LOGIN },
		{ TLS, TLS LOGIN },
		{ TLS, TLS CA "  client_auth_type: RequireAndVerifyClientCert\n" },
		{ TLS CA "  client_auth_type: RequireAnyClientCert\n",
		  TLS CA "  client_auth_type: RequireAndVerifyClientCert\n"
			 "  client_allowed_sans: [a]\n" },
		{ TLS "  client_auth_type: RequireAndVerifyClientCert\n",
		  TLS CA "  client_auth_type: RequireAndVerifyClientCert\n" },
		{ "rate_limit: {interval: 1s, burst: 1}", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene scene = scene_open(state, cases[i].from);

		replace(&scene, "web.yml", cases[i].to);
		(void)later(&scene, 1000);
		(void)later(&scene, 1000);
		(void)later(&scene, 1000);
		check_log(&scene, 1, TAKEN, "");
		assert_true(web_settings_is_current(scene.settings));
		scene_close(&scene);
	}
}

static void a_broken_change_is_said_once_and_healed(void **state)
{
	struct scene scene = scene_open(state, LOGIN);

	put(&scene, "web.yml", "basic_auth_user:\n");
	check_stays(&scene, "line 1: unknown key 'basic_auth_user'");
	assert_string_equal(hash(&scene), HASH_A);
	put(&scene, "web.yml", "# changed\nbasic_auth_user:\n");
	check_stays(&scene, "line 2: unknown key 'basic_auth_user'");
	put(&scene, "web.yml", LOGIN_B);
	assert_false(later(&scene, 1000));
	assert_false(web_settings_is_current(scene.settings));
	assert_true(later(&scene, 1000));
	check_log(&scene, 2, TAKEN, "");
	assert_true(web_settings_is_current(scene.settings));
	assert_string_equal(hash(&scene), HASH_B);
	/* The same mistake later is another one. */
	put(&scene, "web.yml", "# changed\nbasic_auth_user:\n");
	check_stays(&scene, "line 2: unknown key 'basic_auth_user'");
	scene_close(&scene);
}

static void a_certificate_and_its_key_one_after_the_other(void **state)
{
	struct scene scene = scene_open(state, TLS LOGIN);

	replace(&scene, "crt", "two");
	assert_false(later(&scene, 1000));
	replace(&scene, "key", "two");
	assert_false(later(&scene, 1000));
	assert_string_equal(cert(&scene), "one");
	assert_true(later(&scene, 1000));
	assert_string_equal(cert(&scene), "two");
	check_log(&scene, 1, TAKEN, "");
	/* With a long time between them. */
	put(&scene, "key", "three");
	check_stays(&scene, "the key does not go with the certificate");
	assert_string_equal(cert(&scene), "two");
	put(&scene, "crt", "three");
	assert_false(later(&scene, 1000));
	assert_true(later(&scene, 1000));
	assert_string_equal(cert(&scene), "three");
	assert_true(web_settings_is_current(scene.settings));
	check_log(&scene, 2, TAKEN, "");
	scene_close(&scene);
}

/* Files that are named for the first time are watched before they are in force. */
static void other_files(void **state)
{
	struct scene scene = scene_open(state, TLS);

	put(&scene, "web.yml", "tls_server_config: {cert_file: crt2, key_file: key2}");
	check_stays(&scene, "cannot read '<crt2>': No such file or directory");
	put(&scene, "crt2", "t");
	put(&scene, "key2", "two");
	check_stays(&scene, "the key does not go with the certificate");
	put(&scene, "crt2", "two");
	assert_false(later(&scene, 1000));
	assert_true(later(&scene, 1000));
	assert_string_equal(cert(&scene), "two");
	check_log(&scene, 2, TAKEN, "");
	/* Now these are watched, and the old ones are not. */
	put(&scene, "crt", "three");
	assert_false(later(&scene, 1000));
	assert_false(later(&scene, 1000));
	assert_int_equal(logged.n, 2);
	put(&scene, "crt2", "four");
	put(&scene, "key2", "four");
	assert_false(later(&scene, 1000));
	assert_true(later(&scene, 1000));
	assert_string_equal(cert(&scene), "four");
	scene_close(&scene);
}

/* While what it names is still copied, a change waits. */
static void a_new_file_rests_too(void **state)
{
	struct scene scene = scene_open(state, TLS);

	put(&scene, "crt2", "t");
	put(&scene, "key2", "two");
	put(&scene, "web.yml", "tls_server_config: {cert_file: crt2, key_file: key2}");
	assert_false(later(&scene, 1000));
	assert_false(later(&scene, 1000));
	put(&scene, "crt2", "two");
	assert_false(later(&scene, 1000));
	assert_int_equal(logged.n, 0);
	assert_true(later(&scene, 1000));
	assert_string_equal(cert(&scene), "two");
	check_log(&scene, 1, TAKEN, "");
	scene_close(&scene);
}

static void who_asks_does_not_wait(void **state)
{
	struct scene scene = scene_open(state, TLS);

	put(&scene, "crt", "two");
	put(&scene, "key", "two");
	assert_true(web_settings_refresh(scene.settings, scene.now_ns, true));
	assert_string_equal(cert(&scene), "two");
	check_log(&scene, 1, TAKEN, "");
	assert_false(later(&scene, 1000));
	assert_false(later(&scene, 1000));
	put(&scene, "web.yml", "tls_server_config: {cert_file: crt, key_file: none}");
	assert_false(web_settings_refresh(scene.settings, scene.now_ns, true));
	check_log(&scene, 2, STAYS, "cannot read '<none>': No such file or directory");
	/* It is right as soon as it can be read, without being asked again. */
	put(&scene, "none", "two");
	assert_false(later(&scene, 1000));
	assert_true(later(&scene, 1000));
	check_log(&scene, 3, TAKEN, "");
	scene_close(&scene);
}

#define OF_COST(name, cost) \
	"  " name ": $2y$" cost "$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234\n"

static void check_costly(const struct web_settings *settings, size_t users, unsigned int cost)
{
	const struct web_costly costly = web_load_costly(web_settings_config(settings));

	assert_int_equal(costly.users, users);
	assert_int_equal(costly.cost, cost);
}

/* Reads it. Returns how many lines it logged, the last of which is a warning or not. */
static int n_logged_for(const struct scene *scene, const char *config, enum log_level last)
{
	memset(&logged, 0, sizeof(logged));
	put(scene, "web.yml", config);
	assert_true(web_settings_refresh(scene->settings, scene->now_ns, true));
	assert_int_equal(logged.level, last);
	return logged.n;
}

static void who_brings_a_costly_hash_is_warned(void **state)
{
	static const char two[] = "basic_auth_users:\n" OF_COST("a", "15") OF_COST("b", "31")
		OF_COST("c", "14");
	struct scene scene = scene_open(state, "basic_auth_users:\n" OF_COST("a", "14"));
	struct web_settings *other;
	char error[WEB_CONFIG_ERROR_MAX];

	check_costly(scene.settings, 0, 0);
	assert_int_equal(n_logged_for(&scene, LOGIN_B, LOG_LEVEL_INFO), 1);
	assert_int_equal(
		n_logged_for(&scene, "basic_auth_users:\n" OF_COST("a", "15"), LOG_LEVEL_WARN), 2);
	check_costly(scene.settings, 1, 15);
	assert_int_equal(n_logged_for(&scene, two, LOG_LEVEL_WARN), 2);
	check_costly(scene.settings, 2, 31);
	/* Not for what was there before. */
	assert_int_equal(n_logged_for(&scene, two, LOG_LEVEL_INFO), 1);
	memset(&logged, 0, sizeof(logged));
	assert_int_equal(
		web_settings_open(directory_file(scene.directory, "web.yml"), &other, error), 0);
	assert_int_equal(logged.n, 1);
	assert_int_equal(logged.level, LOG_LEVEL_WARN);
	web_settings_close(other);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		directory_test(a_change_is_taken_over_when_it_has_rested),
		directory_test(what_nobody_saw_has_rested_too),
		directory_test(a_file_that_is_being_written_opens_nothing),
		directory_test(a_file_that_changes_when_it_is_read),
		directory_test(no_protection_is_taken_away),
		directory_test(what_adds_protection_is_taken_over),
		directory_test(a_broken_change_is_said_once_and_healed),
		directory_test(a_certificate_and_its_key_one_after_the_other),
		directory_test(other_files),
		directory_test(a_new_file_rests_too),
		directory_test(who_asks_does_not_wait),
		directory_test(who_brings_a_costly_hash_is_warned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
