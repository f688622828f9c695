/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "gate_parts.h"

static void tell(struct auth_waiter *waiter, enum gate_verdict verdict)
{
	fake.told_to = waiter;
	fake.told = verdict;
}

struct scene {
	struct gate *gate;
	struct web_state web;
	struct auth_waiter waiter;
};

static int setup(void **state)
{
	static struct scene scene;
	char error[WEB_CONFIG_ERROR_MAX];

	memset(&fake, 0, sizeof(fake));
	memset(&scene, 0, sizeof(scene));
	fake.is_current = true;
	fake.config.n_users = 1;
	assert_int_equal(gate_open("web.yml", tell, &scene.web, &scene.gate, error), 0);
	check_done("web.yml users");
	*state = &scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	gate_close(s->gate);
	return 0;
}

static enum gate_verdict check(struct scene *s, const char *authorization)
{
	return gate_check(s->gate, authorization, CLIENT, &s->waiter, NOW);
}

static void settings_come_first_and_logins_last(void **state)
{
	struct scene *s = *state;

	fake.verdict = AUTH_GRANTED;
	assert_int_equal(check(s, "login"), GATE_PASSED);
	check_done("refresh login");
	assert_int_equal(check(s, NULL), GATE_PASSED);
	check_done("refresh nobody");
	/* What this request brought into force counts for it already. */
	fake.changes = true;
	fake.verdict = AUTH_DENIED;
	assert_int_equal(check(s, "login"), GATE_UNAUTHORIZED);
	check_done("refresh users login");
}

static void each_verdict_has_its_answer_and_its_count(void **state)
{
	static const struct {
		enum auth_verdict verdict;
		enum gate_verdict expected;
		uint64_t unauthorized, login;
	} rows[] = {
		{ AUTH_GRANTED, GATE_PASSED, 0, 0 },
		{ AUTH_DENIED, GATE_UNAUTHORIZED, 1, 0 },
		{ AUTH_BUSY, GATE_TOO_MANY, 0, 1 },
		{ AUTH_PENDING, GATE_PENDING, 0, 0 },
		{ AUTH_PENDING + 1, GATE_UNAUTHORIZED, 1, 0 },
	};
	struct scene *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(&s->web, 0, sizeof(s->web));
		fake.verdict = rows[i].verdict;
		assert_int_equal(check(s, "login"), rows[i].expected);
		assert_int_equal(s->web.unauthorized, rows[i].unauthorized);
		assert_int_equal(s->web.limit_hits[HTTP_LIMIT_LOGIN], rows[i].login);
		assert_int_equal(s->web.limit_hits[HTTP_LIMIT_RATE], 0);
	}
}

static void who_waited_is_told(void **state)
{
	static const struct {
		enum auth_verdict verdict;
		enum gate_verdict expected;
	} rows[] = {
		{ AUTH_GRANTED, GATE_PASSED },
		{ AUTH_DENIED, GATE_UNAUTHORIZED },
		{ AUTH_BUSY, GATE_TOO_MANY },
	};
	struct scene *s = *state;

	assert_int_equal(gate_fd(s->gate), 42);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fake.verdict = AUTH_PENDING;
		assert_int_equal(check(s, "login"), GATE_PENDING);
		fake.verdict = rows[i].verdict;
		fake.told_to = NULL;
		gate_run(s->gate);
		assert_ptr_equal(fake.told_to, &s->waiter);
		assert_int_equal(fake.told, rows[i].expected);
	}
	assert_int_equal(s->web.unauthorized, 1);
	assert_int_equal(s->web.limit_hits[HTTP_LIMIT_LOGIN], 1);
}

static void what_is_too_much_costs_no_login(void **state)
{
	struct scene *s = *state;

	fake.config.rate_interval_ns = NSEC_PER_SEC;
	fake.config.rate_burst = 2;
	fake.changes = true;
	fake.verdict = AUTH_DENIED;
	assert_int_equal(check(s, "a"), GATE_UNAUTHORIZED);
	assert_int_equal(check(s, "b"), GATE_UNAUTHORIZED);
	assert_int_equal(check(s, "c"), GATE_TOO_MANY);
	check_done("refresh users a refresh b refresh");
	assert_int_equal(s->web.limit_hits[HTTP_LIMIT_RATE], 1);
	assert_int_equal(s->web.limit_hits[HTTP_LIMIT_LOGIN], 0);
	/* A change of something else fills no bucket. */
	fake.changes = true;
	assert_int_equal(check(s, "d"), GATE_TOO_MANY);
	/* One of the limit begins a new one. */
	fake.changes = true;
	fake.config.rate_burst = 3;
	assert_int_equal(check(s, "e"), GATE_UNAUTHORIZED);
	fake.changes = true;
	fake.config.rate_interval_ns = 2 * NSEC_PER_SEC;
	for (int i = 0; i < 3; i++)
		assert_int_equal(check(s, "f"), GATE_UNAUTHORIZED);
	assert_int_equal(check(s, "g"), GATE_TOO_MANY);
	assert_int_equal(gate_check(s->gate, "h", CLIENT, &s->waiter, NOW + 2 * NSEC_PER_SEC),
			 GATE_UNAUTHORIZED);
	assert_int_equal(s->web.limit_hits[HTTP_LIMIT_RATE], 3);
}

static void how_the_last_change_went_is_told(void **state)
{
	struct scene *s = *state;

	assert_int_equal(s->web.last_reload, WEB_RELOAD_SUCCESSFUL);
	fake.is_current = false;
	gate_refresh(s->gate, NOW, true);
	check_done("refresh-now");
	assert_int_equal(s->web.last_reload, WEB_RELOAD_FAILED);
	fake.is_current = true;
	(void)check(s, "login");
	assert_int_equal(s->web.last_reload, WEB_RELOAD_SUCCESSFUL);
	fake.done[0] = '\0';
	fake.changes = true;
	fake.users_error = -EINVAL;
	gate_refresh(s->gate, NOW, false);
	check_done("refresh users error");
	assert_int_equal(s->web.last_reload, WEB_RELOAD_FAILED);
	(void)check(s, "login");
	assert_int_equal(s->web.last_reload, WEB_RELOAD_FAILED);
	fake.users_error = 0;
	fake.changes = true;
	(void)check(s, "login");
	assert_int_equal(s->web.last_reload, WEB_RELOAD_SUCCESSFUL);
}

static void the_thread_follows_the_look_at_the_files(void **state)
{
	struct scene *s = *state;

	fake.start_error = -EAGAIN;
	assert_int_equal(gate_start(s->gate), -EAGAIN);
	check_done("probe start");
}

static void behind_its_end_nobody_passes(void **state)
{
	struct scene *s = *state;

	fake.verdict = AUTH_PENDING;
	assert_int_equal(check(s, "login"), GATE_PENDING);
	fake.done[0] = '\0';
	gate_stop(s->gate);
	assert_ptr_equal(fake.told_to, &s->waiter);
	assert_int_equal(fake.told, GATE_TOO_MANY);
	fake.verdict = AUTH_GRANTED;
	assert_int_equal(check(s, "login"), GATE_TOO_MANY);
	gate_refresh(s->gate, NOW, true);
	gate_run(s->gate);
	assert_int_equal(gate_fd(s->gate), -1);
	gate_stop(s->gate);
	check_done("destroy");
}

static void what_is_in_force_is_shown(void **state)
{
	struct scene *s = *state;
	char value[] = "deny";

	assert_null(gate_tls(s->gate));
	assert_null(gate_headers(s->gate)[WEB_HEADER_X_FRAME_OPTIONS]);
	fake.config.tls.enabled = true;
	fake.config.headers[WEB_HEADER_X_FRAME_OPTIONS] = value;
	assert_ptr_equal(gate_tls(s->gate), &fake);
	assert_ptr_equal(gate_headers(s->gate)[WEB_HEADER_X_FRAME_OPTIONS], value);
}

static void note_path(void *ctx, const char *path)
{
	*(const char **)ctx = path;
}

static void its_files_are_named(void **state)
{
	struct scene *s = *state;
	const char *path = NULL;

	gate_paths(s->gate, note_path, &path);
	assert_string_equal(path, "/etc/somewhere");
}

static void what_cannot_be_used_is_said(_unused_ void **state)
{
	struct gate *gate = NULL;
	struct web_state web = { 0 };
	char error[WEB_CONFIG_ERROR_MAX];

	memset(&fake, 0, sizeof(fake));
	fake.open_error = -EINVAL;
	assert_int_equal(gate_open("bad.yml", tell, &web, &gate, error), -EINVAL);
	assert_string_equal(error, "line 1: nonsense");
	check_done("bad.yml");
	fake.open_error = 0;
	fake.create_error = -ENOMEM;
	assert_int_equal(gate_open("good.yml", tell, &web, &gate, error), -ENOMEM);
	assert_string_equal(error, strerror(ENOMEM));
	check_done("good.yml close");
	fake.create_error = 0;
	fake.users_error = -EINVAL;
	assert_int_equal(gate_open("good.yml", tell, &web, &gate, error), -EINVAL);
	assert_string_equal(error, strerror(EINVAL));
	check_done("good.yml users destroy close");
	assert_null(gate);
	assert_int_equal(web.last_reload, WEB_RELOAD_NONE);
}

static void without_a_configuration_it_stands_open(_unused_ void **state)
{
	struct auth_waiter waiter;
	const char *path = NULL;

	memset(&fake, 0, sizeof(fake));
	assert_int_equal(gate_start(NULL), 0);
	gate_refresh(NULL, NOW, true);
	gate_paths(NULL, note_path, &path);
	assert_null(path);
	assert_int_equal(gate_check(NULL, NULL, CLIENT, &waiter, NOW), GATE_PASSED);
	assert_int_equal(gate_fd(NULL), -1);
	gate_run(NULL);
	assert_null(gate_tls(NULL));
	assert_null(gate_headers(NULL));
	gate_stop(NULL);
	gate_close(NULL);
	check_done("");
}

#define gate_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		gate_test(settings_come_first_and_logins_last),
		gate_test(each_verdict_has_its_answer_and_its_count),
		gate_test(who_waited_is_told),
		gate_test(what_is_too_much_costs_no_login),
		gate_test(how_the_last_change_went_is_told),
		gate_test(the_thread_follows_the_look_at_the_files),
		gate_test(behind_its_end_nobody_passes),
		gate_test(what_is_in_force_is_shown),
		gate_test(its_files_are_named),
		cmocka_unit_test(what_cannot_be_used_is_said),
		cmocka_unit_test(without_a_configuration_it_stands_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
