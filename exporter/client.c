/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "client.h"

#include <netinet/in.h>
#include <string.h>

#include "util.h"

/*
 * ::/64 holds the loopback address, and 0 says that there is no address. An IPv4 address gets a
 * prefix that no network has (RFC 4291, 2.5.6: those that begin with eight zero bits are reserved).
 */
#define KEY_UNSPECIFIED 1ULL
#define KEY_IPV4 (1ULL << 32)

static uint64_t ipv6_key(const struct in6_addr *address)
{
	uint64_t prefix = 0;
	uint32_t last;

	memcpy(&last, &address->s6_addr[12], sizeof(last));
	if (IN6_IS_ADDR_V4MAPPED(address))
		return KEY_IPV4 | ntohl(last);
	for (size_t i = 0; i < sizeof(prefix); i++)
		prefix = prefix << 8 | address->s6_addr[i];
	return prefix ? prefix : KEY_UNSPECIFIED;
}

uint64_t client_key(const struct sockaddr *address)
{
	switch (address->sa_family) {
	case AF_INET:
		return KEY_IPV4 |
		       ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
	case AF_INET6:
		return ipv6_key(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
	default:
		return 0;
	}
}

int clients_init(struct clients *all)
{
	*all = (struct clients){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(all->slots); i++) {
		all->slots[i].next = all->unused;
		all->unused = &all->slots[i];
	}
	return hash_key_random(&all->hash);
}

void ages_init(struct ages *ages)
{
	for (size_t i = 0; i < ARRAY_SIZE(ages->rings); i++)
		ring_init(&ages->rings[i]);
	ages->n_untrusted = 0;
}

static size_t bucket(const struct clients *all, uint64_t key)
{
	return hash_bytes(&all->hash, &key, sizeof(key)) % CLIENT_BUCKETS;
}

struct client *clients_find(const struct clients *all, uint64_t key)
{
	struct client *client = all->buckets[bucket(all, key)];

	while (client && client->key != key)
		client = client->next;
	return client;
}

static struct client *add(struct clients *all, uint64_t key)
{
	struct client **head = &all->buckets[bucket(all, key)], *client = all->unused;

	if (!client)
		return NULL;
	all->unused = client->next;
	*client = (struct client){ .next = *head, .key = key };
	ages_init(&client->ages);
	return *head = client;
}

struct client *clients_join(struct clients *all, uint64_t key)
{
	struct client *client = clients_find(all, key);

	if (!client)
		client = add(all, key);
	if (client)
		client->n++;
	return client;
}

void clients_leave(struct clients *all, struct client *client)
{
	struct client **link = &all->buckets[bucket(all, client->key)];

	if (--client->n > 0)
		return;
	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	client->next = all->unused;
	all->unused = client;
}
