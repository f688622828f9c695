/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Conntrack messages as the kernel writes them, and with one thing or another wrong. */

#include "../../collectors/flow.h"
#include "message.h"

#define STATUS 0x18eU
#define TIMEOUT 431999U
#define ZONE 0x0102U

#define HAS_BOTH_TUPLES (FLOW_HAS_ADDRESSES | FLOW_HAS_PORTS)
#define HAS_TUPLES (FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR | FLOW_HAS_RESPONDER | HAS_BOTH_TUPLES)
#define HAS_REST (FLOW_HAS_FAMILY | FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT)
#define HAS_UDP (HAS_TUPLES | HAS_REST)
#define HAS_TCP (HAS_UDP | FLOW_HAS_TCP_STATE)

/* What can be wrong with one value. */
enum field {
	ORIGINAL_SOURCE,
	ORIGINAL_DESTINATION,
	ORIGINAL_SOURCE_PORT,
	ORIGINAL_DESTINATION_PORT,
	REPLY_SOURCE,
	REPLY_DESTINATION,
	REPLY_SOURCE_PORT,
	REPLY_DESTINATION_PORT,
	PROTOCOL_NUMBER, /* of both tuples */
	ZONE_VALUE,
	STATUS_VALUE,
	TIMEOUT_VALUE,
	TCP_STATE,
	N_FIELDS,
};
enum trouble { WELL, MISSING, SHORT, LONG };

/* What can be wrong with the message; bits. */
enum oddity {
	WITHOUT_ORIGINAL = 1U << 0,
	WITHOUT_REPLY = 1U << 1,
	WITHOUT_PROTOINFO = 1U << 2,
	REVERSED = 1U << 3,
	FLAG_BITS = 1U << 4, /* NLA_F_NESTED and NLA_F_NET_BYTEORDER set, as newer kernels do */
	UNKNOWN_BETWEEN = 1U << 5, /* attributes nobody knows between the others, at each level */
	GARBAGE_TUPLES = 1U << 6,
	OTHER_PROTOINFO = 1U << 7, /* of another protocol than TCP */
};

/* Where the flow's zone stands: it is one of both directions, or of one. */
enum zone_place { NO_ZONE, ZONE_OF_BOTH, ZONE_OF_ORIGINAL, ZONE_OF_REPLY, N_ZONE_PLACES };

struct recipe {
	uint8_t family;
	uint8_t protocol;
	uint8_t tcp_state;
	uint32_t oddities;
	enum trouble fields[N_FIELDS];
	enum zone_place zone;
};

enum part {
	PART_ORIGINAL,
	PART_REPLY,
	PART_ZONE,
	PART_STATUS,
	PART_TIMEOUT,
	PART_PROTOINFO,
	N_PARTS,
};

extern const struct recipe tcp_ipv4; /* with which nothing is wrong */

void flow_message_make(struct message *m, const struct recipe *recipe);
void flow_message_put_part(struct message *m, const struct recipe *recipe, enum part part);

/* Parses from a heap block of exactly the message's size, so that any read beyond it is seen. */
void flow_parse_exact(const struct message *m, struct flow *flow);

/* The addresses and ports that the flow has are the recipe's. */
void flow_check_tuples(const struct flow *flow, const struct recipe *recipe);
