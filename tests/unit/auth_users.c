/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/auth_users.h"

#define REST "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"

static const struct secret_key key = { { 1, 2, 3 } };
static struct auth_users users;

static struct web_config_user user(const char *name, const char *hash)
{
	return (struct web_config_user){ (char *)name, (char *)hash };
}

static void names_are_found_as_they_are_written(_unused_ void **state)
{
	const struct web_config_user all[] = {
		user("alice", "$2a$05$" REST),
		user("Bob", "$2b$04$" REST),
		user("", "$2y$06$" REST),
	};

	assert_int_equal(auth_users_set(&users, &key, all, ARRAY_SIZE(all)), 0);
	assert_int_equal(users.n, 3);
	assert_int_equal(auth_users_find(&users, &key, "alice"), 0);
	assert_int_equal(auth_users_find(&users, &key, "Bob"), 1);
	assert_int_equal(auth_users_find(&users, &key, ""), 2);
	assert_int_equal(auth_users_find(&users, &key, "bob"), 3);
	assert_int_equal(auth_users_find(&users, &key, "alic"), 3);
	assert_int_equal(auth_users_find(&users, &key, "alicea"), 3);
	assert_string_equal(users.all[1].hash.text, "$2y$04$" REST);
}

static void nobody_costs_as_much_as_the_dearest(_unused_ void **state)
{
	const struct web_config_user all[] = {
		user("a", "$2a$05$" REST),
		user("b", "$2a$11$" REST),
		user("c", "$2a$07$" REST),
	};
	struct bcrypt_hash parsed;

	assert_int_equal(auth_users_set(&users, &key, all, 3), 0);
	assert_int_equal(users.all[3].hash.cost, 11);
	assert_int_equal(users.costs, 1U << 5 | 1U << 7 | 1U << 11);
	assert_int_equal(bcrypt_parse(users.all[3].hash.text, &parsed), 0);
	assert_int_equal(parsed.cost, 11);
	assert_int_equal(auth_users_set(&users, &key, all, 1), 0);
	assert_int_equal(users.all[1].hash.cost, 5);
	assert_int_equal(users.costs, 1U << 5);
}

static void what_is_wrong_changes_nothing(_unused_ void **state)
{
	const struct web_config_user good = user("a", "$2a$05$" REST);
	struct web_config_user all[AUTH_USERS_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		all[i] = good;
	assert_int_equal(auth_users_set(&users, &key, all, 1), 0);
	assert_int_equal(auth_users_set(&users, &key, all, ARRAY_SIZE(all)), -EINVAL);
	all[1].hash = (char *)"secret";
	assert_int_equal(auth_users_set(&users, &key, all, 2), -EINVAL);
	assert_int_equal(users.n, 1);
	assert_int_equal(auth_users_find(&users, &key, "a"), 0);
	all[1] = good;
	assert_int_equal(auth_users_set(&users, &key, all, AUTH_USERS_MAX), 0);
	assert_int_equal(auth_users_set(&users, &key, NULL, 0), 0);
	assert_int_equal(auth_users_find(&users, &key, "a"), 0);
	assert_int_equal(users.n, 0);
}

static void the_same_user_has_the_same_name_and_hash(_unused_ void **state)
{
	const struct web_config_user all[] = {
		user("a", "$2a$05$" REST),
		user("b", "$2a$06$" REST),
	};
	const struct web_config_user others[] = {
		user("b", "$2b$06$" REST),
		user("a", "$2a$06$" REST),
		user("c", "$2a$05$" REST),
	};
	static struct auth_users changed;

	assert_int_equal(auth_users_set(&users, &key, all, 2), 0);
	assert_int_equal(auth_users_set(&changed, &key, others, 3), 0);
	assert_int_equal(auth_users_find_same(&users, &changed.all[0]), 1);
	assert_int_equal(auth_users_find_same(&users, &changed.all[1]), SIZE_MAX);
	assert_int_equal(auth_users_find_same(&users, &changed.all[2]), SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_as_they_are_written),
		cmocka_unit_test(nobody_costs_as_much_as_the_dearest),
		cmocka_unit_test(what_is_wrong_changes_nothing),
		cmocka_unit_test(the_same_user_has_the_same_name_and_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
