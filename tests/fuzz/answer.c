/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The collector process' answer as the web process gets it: packets, each two bytes of its length
 * and then the bytes.
 */

#include "fuzz.h"

#include <errno.h>
#include <sys/socket.h>

#include "../../exporter/channel.h"

static struct input input;
static struct buffer sent; /* in the same form */

ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);

/* A packet that is longer is cut; 0xffff: nothing is there now, 0xfffe: the other side is gone. */
ssize_t __wrap_recv(_unused_ int fd, void *bytes, size_t size, _unused_ int flags)
{
	uint16_t length;

	if (input.left < sizeof(length))
		return 0;
	input_bytes(&input, &length, sizeof(length));
	if (length == 0xffff || length == 0xfffe) {
		errno = length == 0xffff ? EAGAIN : ECONNRESET;
		return -1;
	}
	size = length < size ? length : size;
	input_bytes(&input, bytes, size);
	return (ssize_t)size;
}

ssize_t __wrap_send(_unused_ int fd, const void *bytes, size_t size, _unused_ int flags)
{
	const uint16_t length = (uint16_t)size;

	HOLDS(size < 0xfffe);
	buffer_append(&sent, &length, sizeof(length));
	buffer_append(&sent, bytes, size);
	return (ssize_t)size;
}

static int receive(struct answer *answer)
{
	int r = 0;

	for (int turn = 0; turn < 64 && r == 0; turn++)
		r = channel_receive_answer(0, answer);
	HOLDS(answer->body.len <= answer->length && answer->length <= ANSWER_SIZE_MAX);
	HOLDS(answer->status <= 0 && answer->status > -4096);
	HOLDS(r != 1 || (answer->has_header && answer->body.len == answer->length));
	return r;
}

/* What arrived whole arrives whole again. */
static void repeat(const struct answer *answer)
{
	struct answer again;

	buffer_init(&sent, 2 * ANSWER_SIZE_MAX);
	HOLDS(channel_send_answer(0, answer->status, answer->body.data, answer->body.len) == 0);
	input = (struct input){ (const uint8_t *)sent.data, sent.len };
	answer_init(&again);
	HOLDS(receive(&again) == 1 && again.status == answer->status && input.left == 0);
	HOLDS(again.body.len == answer->body.len);
	HOLDS(again.body.len == 0 ||
	      memcmp(again.body.data, answer->body.data, again.body.len) == 0);
	answer_finish(&again);
	buffer_finish(&sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answer answer;

	input = (struct input){ data, size };
	answer_init(&answer);
	if (receive(&answer) == 1)
		repeat(&answer);
	answer_finish(&answer);
	return 0;
}
