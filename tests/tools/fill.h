/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ERRNOS_MAX 256

/* An address of the entry's family in network order; IPv4 is in the first four bytes. */
struct address {
	uint8_t bytes[16];
};

/* Which address moves on when the ports are used up, or each time where there are no ports. */
enum vary { VARY_DESTINATION, VARY_SOURCE };

/* A kind of entries. The n-th one of it differs from the others by its ports, then by an address.
 */
struct profile {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t protocol;
	uint8_t tcp_state;
	uint32_t status; /* beside IPS_CONFIRMED */
	uint32_t timeout_s;
	struct address source;
	struct address destination;
	uint16_t first_port;
	uint16_t destination_port;
	enum vary vary;
	bool has_nat_source;
	bool has_nat_destination;
	struct address nat_source;
	struct address nat_destination;
};

/* One entry, ready to be written. */
struct entry {
	const struct profile *profile;
	struct address source;
	struct address destination;
	struct address nat_destination;
	uint16_t source_port;
};

struct entry profile_entry(const struct profile *profile, uint64_t n);

/* Reads an address of the family; false when the text is none. */
bool address_parse(uint8_t family, const char *text, struct address *ret);

#define MIX_WEIGHTS 1000

struct mix {
	struct profile *profiles;
	size_t n;
	unsigned int kind[MIX_WEIGHTS]; /* which profile owns this draw */
	uint64_t *used;			/* entries so far, for each profile */
	uint64_t random;
};

/*
 * The fixed mixture, for mix_entry(), with no timeout below the least. Ends the program when it is
 * out of memory.
 */
void mix_init(struct mix *mix, uint64_t seed, uint32_t least_timeout_s);
struct entry mix_entry(struct mix *mix);
void mix_finish(struct mix *mix);
void mix_print(void);

struct sender {
	struct mnl_socket *socket;
	char *buffer;
	size_t used;
	uint64_t sent;
	uint64_t refused[ERRNOS_MAX]; /* by errno */
};

/* All return 0 or a negative errno. A refused entry is counted, it is no error. */
int sender_init(struct sender *sender);
int sender_add(struct sender *sender, const struct entry *entry);
int sender_flush(struct sender *sender);
void sender_finish(struct sender *sender);
