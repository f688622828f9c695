/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Entries -> IPCTNL_MSG_CT_NEW messages, many in one send; what the kernel refuses is counted. */

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "fill.h"

/*
 * A send goes through the kernel at once: its errors are all queued, and must fit the receive
 * buffer, before the next one is made.
 */
#define BATCH_BYTES 65536
#define MESSAGE_MAX 512
#define RECEIVE_BUFFER (8 << 20)

static size_t address_size(const struct entry *entry)
{
	return entry->profile->family == AF_INET ? 4 : 16;
}

static void put_ports(struct nlmsghdr *nlh, const struct profile *profile, uint16_t from,
		      uint16_t to, bool is_reply)
{
	switch (profile->protocol) {
	case IPPROTO_ICMP:
		mnl_attr_put_u16(nlh, CTA_PROTO_ICMP_ID, htons(is_reply ? to : from));
		mnl_attr_put_u8(nlh, CTA_PROTO_ICMP_TYPE, is_reply ? 0 : 8);
		mnl_attr_put_u8(nlh, CTA_PROTO_ICMP_CODE, 0);
		break;
	case IPPROTO_ICMPV6:
		mnl_attr_put_u16(nlh, CTA_PROTO_ICMPV6_ID, htons(is_reply ? to : from));
		mnl_attr_put_u8(nlh, CTA_PROTO_ICMPV6_TYPE, is_reply ? 129 : 128);
		mnl_attr_put_u8(nlh, CTA_PROTO_ICMPV6_CODE, 0);
		break;
	default: /* Protocols without ports do not read them. */
		mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(from));
		mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(to));
		break;
	}
}

static void put_tuple(struct nlmsghdr *nlh, const struct entry *entry, bool is_reply)
{
	const struct profile *profile = entry->profile;
	const bool is_ipv4 = profile->family == AF_INET;
	const struct address *from = is_reply ? &entry->destination : &entry->source;
	const struct address *to = is_reply ? &entry->source : &entry->destination;
	const uint16_t from_port = is_reply ? profile->destination_port : entry->source_port;
	const uint16_t to_port = is_reply ? entry->source_port : profile->destination_port;
	struct nlattr *tuple, *part;

	tuple = mnl_attr_nest_start(nlh, is_reply ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG);
	part = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	mnl_attr_put(nlh, is_ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, address_size(entry), from);
	mnl_attr_put(nlh, is_ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, address_size(entry), to);
	mnl_attr_nest_end(nlh, part);
	part = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, profile->protocol);
	put_ports(nlh, profile, from_port, to_port, is_reply);
	mnl_attr_nest_end(nlh, part);
	mnl_attr_nest_end(nlh, tuple);
}

static void put_nat(struct nlmsghdr *nlh, const struct entry *entry, uint16_t type,
		    const struct address *address)
{
	const bool is_ipv4 = entry->profile->family == AF_INET;
	struct nlattr *nat = mnl_attr_nest_start(nlh, type);

	mnl_attr_put(nlh, is_ipv4 ? CTA_NAT_V4_MINIP : CTA_NAT_V6_MINIP, address_size(entry),
		     address);
	mnl_attr_put(nlh, is_ipv4 ? CTA_NAT_V4_MAXIP : CTA_NAT_V6_MAXIP, address_size(entry),
		     address);
	mnl_attr_nest_end(nlh, nat);
}

/* The flags keep the window check off: packets that belong to such an entry are let through. */
static void put_tcp(struct nlmsghdr *nlh, uint8_t state)
{
	const struct nf_ct_tcp_flags liberal = { .flags = IP_CT_TCP_FLAG_BE_LIBERAL,
						 .mask = IP_CT_TCP_FLAG_BE_LIBERAL };
	struct nlattr *info = mnl_attr_nest_start(nlh, CTA_PROTOINFO);
	struct nlattr *tcp = mnl_attr_nest_start(nlh, CTA_PROTOINFO_TCP);

	mnl_attr_put_u8(nlh, CTA_PROTOINFO_TCP_STATE, state);
	mnl_attr_put(nlh, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, sizeof(liberal), &liberal);
	mnl_attr_put(nlh, CTA_PROTOINFO_TCP_FLAGS_REPLY, sizeof(liberal), &liberal);
	mnl_attr_nest_end(nlh, tcp);
	mnl_attr_nest_end(nlh, info);
}

static size_t put_entry(char *buffer, const struct entry *entry)
{
	const struct profile *profile = entry->profile;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *header;

	nlh->nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
	header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));
	header->nfgen_family = profile->family;
	header->version = NFNETLINK_V0;
	put_tuple(nlh, entry, false);
	put_tuple(nlh, entry, true);
	mnl_attr_put_u32(nlh, CTA_STATUS, htonl(profile->status | IPS_CONFIRMED));
	mnl_attr_put_u32(nlh, CTA_TIMEOUT, htonl(profile->timeout_s));
	if (profile->protocol == IPPROTO_TCP)
		put_tcp(nlh, profile->tcp_state);
	if (profile->has_nat_source)
		put_nat(nlh, entry, CTA_NAT_SRC, &profile->nat_source);
	if (profile->has_nat_destination)
		put_nat(nlh, entry, CTA_NAT_DST, &entry->nat_destination);
	return nlh->nlmsg_len;
}

static int on_error(const struct nlmsghdr *nlh, void *data)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);
	struct sender *sender = data;
	int number = -error->error;

	if (number > 0)
		sender->refused[number < ERRNOS_MAX ? number : 0]++;
	return MNL_CB_OK;
}

static int count_errors(struct sender *sender)
{
	mnl_cb_t control[NLMSG_MIN_TYPE] = { [NLMSG_ERROR] = on_error };
	const int fd = mnl_socket_get_fd(sender->socket);
	char buffer[4096];

	for (;;) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (mnl_cb_run2(buffer, (size_t)n, 0, 0, NULL, sender, control,
				ARRAY_SIZE(control)) < 0)
			return -errno;
	}
}

int sender_init(struct sender *sender)
{
	const int size = RECEIVE_BUFFER;
	int on = 1;

	*sender = (struct sender){ .buffer = malloc(BATCH_BYTES) };
	if (!sender->buffer)
		return -ENOMEM;
	sender->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!sender->socket || mnl_socket_bind(sender->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(sender->socket, NETLINK_CAP_ACK, &on, sizeof(on)) < 0)
		return -errno;
	(void)setsockopt(mnl_socket_get_fd(sender->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size,
			 sizeof(size));
	return 0;
}

int sender_flush(struct sender *sender)
{
	if (sender->used == 0)
		return 0;
	if (mnl_socket_sendto(sender->socket, sender->buffer, sender->used) < 0)
		return -errno;
	sender->used = 0;
	return count_errors(sender);
}

int sender_add(struct sender *sender, const struct entry *entry)
{
	sender->used += put_entry(sender->buffer + sender->used, entry);
	sender->sent++;
	return sender->used > BATCH_BYTES - MESSAGE_MAX ? sender_flush(sender) : 0;
}

void sender_finish(struct sender *sender)
{
	if (sender->socket)
		(void)mnl_socket_close(sender->socket);
	free(sender->buffer);
}
