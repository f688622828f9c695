/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "util.h"

#define ERRNO_MAX 4095 /* as in the kernel */

struct answer_header {
	uint32_t magic;
	int32_t status;
	uint64_t length;
};

/* The first chunk shares its packet with the header: no packet is larger than the other chunks. */
#define ANSWER_FIRST_CHUNK_MAX (ANSWER_CHUNK_MAX - sizeof(struct answer_header))

int channel_create(int ret_fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0 ? -errno : 0;
}

static int send_packet(int fd, const void *bytes, size_t length)
{
	ssize_t n;

	do {
		n = send(fd, bytes, length, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int channel_send_request(int fd, const struct request *request)
{
	return send_packet(fd, request, sizeof(*request));
}

int channel_receive_request(int fd, uint64_t allowed, struct request *ret)
{
	char bytes[sizeof(struct request) + 1];
	ssize_t n;
	int r;

	do {
		n = recv(fd, bytes, sizeof(bytes), 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	r = request_check(bytes, (size_t)n, allowed);
	if (r < 0)
		return r;
	memcpy(ret, bytes, sizeof(*ret));
	return 1;
}

static size_t at_most(size_t length, size_t max)
{
	return length < max ? length : max;
}

int channel_send_answer(int fd, int status, const char *bytes, size_t length)
{
	const struct answer_header header = { REQUEST_MAGIC, status, length };
	char packet[ANSWER_CHUNK_MAX] _uninitialized_;
	size_t at = at_most(length, ANSWER_FIRST_CHUNK_MAX);
	int r;

	memcpy(packet, &header, sizeof(header));
	if (at > 0)
		memcpy(packet + sizeof(header), bytes, at);
	r = send_packet(fd, packet, sizeof(header) + at);
	for (size_t n; r == 0 && at < length; at += n) {
		n = at_most(length - at, ANSWER_CHUNK_MAX);
		r = send_packet(fd, bytes + at, n);
	}
	return r;
}

void answer_init(struct answer *answer)
{
	*answer = (struct answer){ 0 };
	buffer_init(&answer->body, ANSWER_SIZE_MAX);
}

void answer_finish(struct answer *answer)
{
	buffer_finish(&answer->body);
}

/* What there is no memory for is read all the same: the next answer begins behind it. */
static int take_chunk(struct answer *answer, const char *bytes, size_t length)
{
	if (length > answer->length - answer->received)
		return -EBADMSG;
	answer->received += length;
	buffer_append(&answer->body, bytes, length);
	if (answer->body.error)
		answer->status = answer->body.error;
	return 0;
}

/* What is behind the header is the first chunk. */
static int take_header(struct answer *answer, const char *bytes, size_t length)
{
	struct answer_header header;

	if (length < sizeof(header))
		return -EBADMSG;
	memcpy(&header, bytes, sizeof(header));
	if (header.magic != REQUEST_MAGIC || header.status > 0 || header.status < -ERRNO_MAX ||
	    header.length > ANSWER_SIZE_MAX)
		return -EBADMSG;
	answer->has_header = true;
	answer->status = header.status;
	answer->length = header.length;
	return take_chunk(answer, bytes + sizeof(header), length - sizeof(header));
}

int channel_receive_answer(int fd, struct answer *answer)
{
	/* One more, so that a larger packet shows. */
	char bytes[ANSWER_CHUNK_MAX + 1] _uninitialized_;

	while (!answer->has_header || answer->received < answer->length) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
		if (n == 0)
			return -EPIPE;
		if ((size_t)n > ANSWER_CHUNK_MAX)
			return -EBADMSG;
		r = answer->has_header ? take_chunk(answer, bytes, (size_t)n)
				       : take_header(answer, bytes, (size_t)n);
		if (r < 0)
			return r;
	}
	return 1;
}
