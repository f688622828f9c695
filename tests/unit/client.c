/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include "../../exporter/client.h"

static uint64_t key_of(const char *text)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		v4->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		v6->sin6_family = AF_INET6;
	else
		fail_msg("%s is no address", text);
	v4->sin_port = v6->sin6_port = (in_port_t)rand();
	return client_key((const struct sockaddr *)&address);
}

static void connections_of_one_machine_are_one_client(_unused_ void **state)
{
	static const char *const same[][2] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.1", "::ffff:192.0.2.1" },
		{ "2001:db8::1", "2001:db8::2" },
		{ "2001:db8:0:5::", "2001:db8:0:5:ffff:ffff:ffff:ffff" },
		{ "::1", "::1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		assert_true(key_of(same[i][0]) == key_of(same[i][1]));
}

static void others_are_others(_unused_ void **state)
{
	static const char *const texts[] = {
		"0.0.0.0",	   "0.0.0.1",	      "127.0.0.1", "127.0.0.2",	   "192.0.2.1",
		"1.2.0.192",	   "255.255.255.255", "::1",	   "2001:db8::",   "2001:db8:0:1::",
		"2001:db8:1::",	   "2001:db9::",      "fe80::1",   "ffff:ffff::1", "0:0:c000:201::",
		"64:ff9b::c000:1", "2002:c000:201::1"
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_true(key_of(texts[i]) != 0);
		for (size_t j = 0; j < i; j++)
			assert_true(key_of(texts[i]) != key_of(texts[j]));
	}
}

static void sockets_without_an_address_are_0(_unused_ void **state)
{
	const struct sockaddr_un local = { .sun_family = AF_UNIX, .sun_path = "/x" };
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	assert_true(client_key((const struct sockaddr *)(const void *)&local) == 0);
	assert_true(client_key(&none) == 0);
}

static void a_client_is_there_as_long_as_its_connections(_unused_ void **state)
{
	struct clients *all = malloc(sizeof(*all));
	struct client *client;

	assert_non_null(all);
	assert_int_equal(clients_init(all), 0);
	assert_null(clients_find(all, 7));
	client = clients_join(all, 7);
	assert_non_null(client);
	assert_ptr_equal(clients_join(all, 7), client);
	assert_ptr_not_equal(clients_join(all, 8), client);
	assert_int_equal(client->n, 2);
	clients_leave(all, client);
	assert_ptr_equal(clients_find(all, 7), client);
	clients_leave(all, client);
	assert_null(clients_find(all, 7));
	assert_int_equal(clients_find(all, 8)->n, 1);
	free(all);
}

/* All places are used, given back in another order, and used again. */
static void there_is_room_for_as_many_as_there_are_connections(_unused_ void **state)
{
	struct clients *all = malloc(sizeof(*all));

	assert_non_null(all);
	assert_int_equal(clients_init(all), 0);
	for (uint64_t round = 0; round < 3; round++) {
		const uint64_t base = round << 40;

		for (uint64_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
			assert_int_equal(clients_join(all, base + i)->n, 1);
		assert_null(clients_join(all, base + HTTP_CONNECTIONS_MAX));
		assert_int_equal(clients_join(all, base)->n, 2);
		clients_leave(all, clients_find(all, base));
		for (uint64_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
			clients_leave(all, clients_find(all, base + i * 5 % HTTP_CONNECTIONS_MAX));
		for (uint64_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
			assert_null(clients_find(all, base + i));
	}
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_of_one_machine_are_one_client),
		cmocka_unit_test(others_are_others),
		cmocka_unit_test(sockets_without_an_address_are_0),
		cmocka_unit_test(a_client_is_there_as_long_as_its_connections),
		cmocka_unit_test(there_is_room_for_as_many_as_there_are_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
