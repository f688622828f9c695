/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Dumps of the conntrack table with a receive buffer of a chosen size. The kernel has softirqs off
 * while it makes what one recv() gets, the first part already in send(), so how long those take is
 * how long a CPU lets packets wait.
 */

#include "traffic.h"

#include <err.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_MAX (1U << 20)

struct dump {
	int fd;
	size_t size;
	char *buffer;
	uint64_t flows;
	struct times slices;
};

/* Counts the messages of a chunk; false behind the last one. */
static bool count(struct dump *dump, size_t received)
{
	const struct nlmsghdr *message = (const void *)dump->buffer;
	int left = (int)received; /* BUFFER_MAX at most */

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_type == NLMSG_ERROR)
			errx(1, "the kernel refused the dump");
		if (message->nlmsg_type == NLMSG_DONE)
			return false;
		dump->flows++;
	}
	return true;
}

static void run(struct dump *dump)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg family;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};
	uint64_t begin_ns = clock_ns();
	bool more = true;

	if (send(dump->fd, &request, sizeof(request), 0) < 0)
		err(1, "send");
	times_add(&dump->slices, clock_ns() - begin_ns);
	while (more) {
		ssize_t length;

		begin_ns = clock_ns();
		length = recv(dump->fd, dump->buffer, dump->size, 0);
		if (length < 0)
			err(1, "recv");
		times_add(&dump->slices, clock_ns() - begin_ns);
		more = count(dump, (size_t)length);
	}
}

int dump_run(char **argv)
{
	struct dump dump = { .size = number(argv[0], BUFFER_MAX) };
	struct timespec used;

	dump.fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	dump.buffer = malloc(dump.size);
	times_init(&dump.slices);
	if (dump.fd < 0 || !dump.buffer)
		err(1, "netlink");
	run(&dump);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	printf("{\"flows\": %llu, \"cpu\": %.3f, \"slices\": ", (unsigned long long)dump.flows,
	       (double)used.tv_sec + (double)used.tv_nsec / 1e9);
	times_print(&dump.slices);
	printf("}\n");
	return 0;
}
