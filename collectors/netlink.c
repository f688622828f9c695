/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "netlink_lookup.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../exporter/util.h"

#define CONNTRACK_TYPE(message) ((NFNL_SUBSYS_CTNETLINK << 8) | (message))
#define DUMP (NLM_F_REQUEST | NLM_F_DUMP)
/* A single answer has no NLMSG_DONE; the acknowledgement marks its end. */
#define SINGLE (NLM_F_REQUEST | NLM_F_ACK)

/*
 * A dump is written while it is read, so a receive that waits this long means that the kernel lost
 * it.
 */
#define RECEIVE_TIMEOUT_S 2

const struct netlink_query_desc netlink_queries[N_NETLINK_QUERIES] = {
	[NETLINK_CONNTRACK_STATS] = { NETLINK_NETFILTER, CONNTRACK_TYPE(IPCTNL_MSG_CT_GET_STATS),
				      SINGLE },
	[NETLINK_CONNTRACK_STATS_CPU] = { NETLINK_NETFILTER,
					  CONNTRACK_TYPE(IPCTNL_MSG_CT_GET_STATS_CPU), DUMP },
	[NETLINK_CONNTRACK_FLOWS] = { NETLINK_NETFILTER, CONNTRACK_TYPE(IPCTNL_MSG_CT_GET), DUMP,
				      .small_reads = true },
	[NETLINK_ADDRESSES] = { NETLINK_ROUTE, RTM_GETADDR, DUMP },
	[NETLINK_SOCKETS] = { NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, DUMP },
	[NETLINK_TCP_SOCKETS] = { NETLINK_SOCK_DIAG, TCPDIAG_GETSOCK, DUMP },
	[NETLINK_FLOW_LOOKUP] = { NETLINK_NETFILTER, CONNTRACK_TYPE(IPCTNL_MSG_CT_GET),
				  NLM_F_REQUEST },
	[NETLINK_NFT_TABLES] = { NETLINK_NETFILTER, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE,
				 DUMP },
	[NETLINK_SOCKET_LOOKUP] = { NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST },
};

void netlink_init(struct netlink *nl)
{
	const long page = sysconf(_SC_PAGESIZE);

	*nl = (struct netlink){ .page_size = NETLINK_PAGE_MAX };
	if (page > 0 && page < NETLINK_PAGE_MAX)
		nl->page_size = (size_t)page;
}

static void netlink_close(struct netlink *nl, enum netlink_query query)
{
	if (nl->sockets[query])
		(void)mnl_socket_close(nl->sockets[query]);
	nl->sockets[query] = NULL;
}

void netlink_finish(struct netlink *nl)
{
	for (int query = 0; query < N_NETLINK_QUERIES; query++)
		netlink_close(nl, query);
}

static int netlink_open(struct netlink *nl, enum netlink_query query)
{
	const struct timeval timeout = { .tv_sec = RECEIVE_TIMEOUT_S };
	struct mnl_socket *socket;

	if (nl->sockets[query])
		return 0;
	socket = mnl_socket_open2(netlink_queries[query].bus, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) < 0) {
		int r = -errno;

		(void)mnl_socket_close(socket);
		return r;
	}
	nl->sockets[query] = socket;
	return 0;
}

/* Writes the header of the next question at at. */
static struct nlmsghdr *put_header(struct netlink *nl, enum netlink_query query, char *at)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(at);

	header->nlmsg_type = netlink_queries[query].type;
	header->nlmsg_flags = netlink_queries[query].flags;
	header->nlmsg_seq = ++nl->sequence;
	return header;
}

/* A signal is no reason to lose a question. */
static int send_bytes(struct netlink *nl, enum netlink_query query, const void *bytes, size_t len)
{
	ssize_t n;

	do {
		n = mnl_socket_sendto(nl->sockets[query], bytes, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int netlink_send(struct netlink *nl, enum netlink_query query, const void *payload,
			size_t payload_len)
{
	struct nlmsghdr *header = put_header(nl, query, nl->batch);

	assert(payload_len <= NETLINK_PAYLOAD_MAX);
	memcpy(mnl_nlmsg_put_extra_header(header, payload_len), payload, payload_len);
	return send_bytes(nl, query, header, header->nlmsg_len);
}

/*
 * NLMSG_DONE and NLMSG_ERROR both start with an int: 0 or a negative errno. A DONE without it is a
 * plain end.
 */
static int control_error(const struct nlmsghdr *message)
{
	int error = 0;

	if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
		memcpy(&error, NLMSG_DATA(message), sizeof(error));
	else if (message->nlmsg_type == NLMSG_ERROR)
		error = -EBADMSG;
	return error > 0 ? -EBADMSG : error;
}

/* Takes the next message off a received buffer; NULL at its end, or where the rest is none. */
static const struct nlmsghdr *next_message(const char **at, size_t *left)
{
	const struct nlmsghdr *message = (const void *)*at;
	size_t step;

	if (*left < sizeof(*message) || message->nlmsg_len < sizeof(*message) ||
	    message->nlmsg_len > *left)
		return NULL;
	step = NLMSG_ALIGN((size_t)message->nlmsg_len);
	step = step < *left ? step : *left;
	*at += step;
	*left -= step;
	return message;
}

enum { ANSWER_GOES_ON = 0, ANSWER_ENDED = 1 };

/*
 * A message that says something about the answer: *ret_value is set when it says that the answer
 * has ended. What says nothing (NLMSG_NOOP) goes on.
 */
static int handle_control(const struct nlmsghdr *message, int *ret_value)
{
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		*ret_value = -EINTR;
	else if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
		*ret_value = control_error(message);
	else if (message->nlmsg_type == NLMSG_OVERRUN)
		*ret_value = -ENOBUFS;
	else
		return ANSWER_GOES_ON;
	return ANSWER_ENDED;
}

/*
 * One received buffer. *ret_value is set when the answer has ended: 0, fn's value or an errno. With
 * what is no message at its end, others may have been lost: that must not pass for a whole answer.
 */
static int handle_buffer(struct netlink *nl, size_t len, netlink_message_fn fn, void *ctx,
			 int *ret_value)
{
	const char *at = nl->buffer;
	const struct nlmsghdr *message;

	while ((message = next_message(&at, &len))) {
		if (message->nlmsg_seq != nl->sequence)
			continue;
		if (message->nlmsg_type < NLMSG_MIN_TYPE ||
		    message->nlmsg_flags & NLM_F_DUMP_INTR) {
			if (handle_control(message, ret_value) == ANSWER_ENDED)
				return ANSWER_ENDED;
			continue;
		}
		*ret_value = fn(ctx, message);
		if (*ret_value != 0)
			return ANSWER_ENDED;
	}
	if (len == 0)
		return ANSWER_GOES_ON;
	*ret_value = -EBADMSG;
	return ANSWER_ENDED;
}

/* Waits for the next bytes. Returns how many, or a negative errno. */
static ssize_t receive_buffer(struct netlink *nl, enum netlink_query query, uint64_t deadline_ns)
{
	const bool small = netlink_queries[query].small_reads;
	ssize_t n;

	do {
		if (clock_monotonic_ns() >= deadline_ns)
			return -ETIME;
		if (nl->cancelled && *nl->cancelled)
			return -ECANCELED;
		n = mnl_socket_recvfrom(nl->sockets[query], nl->buffer,
					small ? nl->page_size : sizeof(nl->buffer));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return n;
}

/* Reads until the answer ends. */
static int netlink_receive(struct netlink *nl, enum netlink_query query, uint64_t deadline_ns,
			   netlink_message_fn fn, void *ctx)
{
	int value = 0;

	for (;;) {
		ssize_t n = receive_buffer(nl, query, deadline_ns);

		if (n < 0)
			return (int)n;
		if (handle_buffer(nl, (size_t)n, fn, ctx, &value) == ANSWER_ENDED)
			return value;
	}
}

int netlink_query(struct netlink *nl, enum netlink_query query, const void *payload,
		  size_t payload_len, uint64_t deadline_ns, netlink_message_fn fn, void *ctx)
{
	int r = netlink_open(nl, query);

	if (r == 0)
		r = netlink_send(nl, query, payload, payload_len);
	if (r == 0)
		r = netlink_receive(nl, query, deadline_ns, fn, ctx);
	if (r != 0)
		netlink_close(nl, query);
	return r;
}

int netlink_query_conntrack(struct netlink *nl, enum netlink_query query, uint64_t deadline_ns,
			    netlink_message_fn fn, void *ctx)
{
	const struct nfgenmsg all = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };

	return netlink_query(nl, query, &all, sizeof(all), deadline_ns, fn, ctx);
}

/* Puts questions first to first + n - 1 into one message. Returns its length. */
static size_t build_batch(struct netlink *nl, enum netlink_query query, size_t first, size_t n,
			  const struct netlink_lookup *lookup)
{
	size_t length = 0;

	for (size_t i = 0; i < n; i++) {
		struct nlmsghdr *header = put_header(nl, query, nl->batch + length);
		char payload[NETLINK_PAYLOAD_MAX] __attribute__((aligned(8)));
		size_t payload_len = lookup->build(lookup->ctx, first + i, payload);

		assert(payload_len <= sizeof(payload));
		memcpy(mnl_nlmsg_put_extra_header(header, payload_len), payload, payload_len);
		length += NLMSG_ALIGN((size_t)header->nlmsg_len);
	}
	return length;
}

/*
 * Hands out the answers in a received buffer and takes their questions off *open, a bit for each.
 * Returns 0, -EBADMSG when something in it is no message, or -EPERM: nfnetlink refuses a whole
 * batch with one error, which bears the number of the first question (nfnetlink_rcv() in
 * net/netfilter/nfnetlink.c).
 */
static int handle_answers(struct netlink *nl, size_t len, uint32_t first_sequence, size_t first,
			  const struct netlink_lookup *lookup, uint32_t *open)
{
	const char *at = nl->buffer;
	const struct nlmsghdr *message;

	while ((message = next_message(&at, &len))) {
		const uint32_t i = message->nlmsg_seq - first_sequence;

		if (i >= NETLINK_BATCH_MAX || !(*open & 1U << i))
			continue;
		if (message->nlmsg_type == NLMSG_ERROR && control_error(message) == -EPERM)
			return -EPERM;
		if (message->nlmsg_type == NLMSG_ERROR)
			lookup->answer(lookup->ctx, first + i, control_error(message), NULL);
		else if (message->nlmsg_type >= NLMSG_MIN_TYPE)
			lookup->answer(lookup->ctx, first + i, 0, message);
		else
			continue;
		*open &= ~(1U << i);
	}
	return len ? -EBADMSG : 0;
}

static_assert(NETLINK_BATCH_MAX == 32, "a bit for each question");

static int lookup_batch(struct netlink *nl, enum netlink_query query, size_t first, size_t n,
			const struct netlink_lookup *lookup, uint64_t deadline_ns)
{
	const uint32_t first_sequence = nl->sequence + 1;
	const size_t length = build_batch(nl, query, first, n, lookup);
	uint32_t open = UINT32_MAX >> (NETLINK_BATCH_MAX - n);
	int r = send_bytes(nl, query, nl->batch, length);

	while (r >= 0 && open) {
		ssize_t len = receive_buffer(nl, query, deadline_ns);

		if (len < 0)
			return (int)len;
		r = handle_answers(nl, (size_t)len, first_sequence, first, lookup, &open);
	}
	return r < 0 ? r : 0;
}

/*
 * The kernel writes all answers of a batch at once. Where the socket's buffer has no room for them
 * (net.core.rmem_default), the questions are asked anew, fewer at a time.
 */
int netlink_lookup(struct netlink *nl, enum netlink_query query, size_t n,
		   const struct netlink_lookup *lookup, uint64_t deadline_ns)
{
	size_t first = 0, batch = NETLINK_BATCH_MAX;
	int r = netlink_open(nl, query);

	while (r == 0 && first < n) {
		const size_t asked = n - first < batch ? n - first : batch;

		r = lookup_batch(nl, query, first, asked, lookup, deadline_ns);
		first += r == 0 ? asked : 0;
		if (r != -ENOBUFS || batch == 1)
			continue;
		batch /= 2;
		netlink_close(nl, query);
		r = netlink_open(nl, query);
	}
	if (r != 0)
		netlink_close(nl, query);
	return r;
}
