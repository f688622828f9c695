/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "good_request.h"

#define ALLOWED 0x5ULL
#define LONGEST_ANSWER (1U << 20)

/* What precedes the bytes of an answer; a test that breaks it must be able to spell it. */
struct wire_header {
	uint32_t magic;
	int32_t status;
	uint64_t length;
};

#define ANSWER_FIRST_CHUNK_MAX (ANSWER_CHUNK_MAX - sizeof(struct wire_header))

struct pair {
	int fds[2];
	struct answer answer;
};

static int setup(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair || channel_create(pair->fds) < 0)
		return -1;
	answer_init(&pair->answer);
	*state = pair;
	return 0;
}

static int teardown(void **state)
{
	struct pair *pair = *state;

	fd_cleanup(&pair->fds[0]);
	fd_cleanup(&pair->fds[1]);
	answer_finish(&pair->answer);
	free(pair);
	return 0;
}

static void close_end(int *fd)
{
	assert_int_equal(close(*fd), 0);
	*fd = -1;
}

static void send_bytes(int fd, const void *bytes, size_t length)
{
	assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

static void send_header(int fd, uint32_t magic, int32_t status, uint64_t length)
{
	const struct wire_header header = { magic, status, length };

	send_bytes(fd, &header, sizeof(header));
}

/* It is lost alone: the one behind it arrives. */
static void an_answer_without_memory(void **state)
{
	struct pair *pair = *state;
	const char bytes[3000] = "x";

	pair->answer.body.max = 1500;
	send_header(pair->fds[1], REQUEST_MAGIC, 0, sizeof(bytes));
	for (size_t at = 0; at < sizeof(bytes); at += 1000)
		send_bytes(pair->fds[1], bytes + at, 1000);
	assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), 1);
	assert_int_equal(pair->answer.status, -EFBIG);
	answer_finish(&pair->answer);
	answer_init(&pair->answer);
	assert_int_equal(channel_send_answer(pair->fds[1], 0, bytes, sizeof(bytes)), 0);
	assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), 1);
	assert_int_equal(pair->answer.status, 0);
	assert_memory_equal(pair->answer.body.data, bytes, sizeof(bytes));
}

static void both_ends_are_closed_on_exec(void **state)
{
	const struct pair *pair = *state;

	assert_true(fcntl(pair->fds[0], F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(pair->fds[1], F_GETFD) & FD_CLOEXEC);
}

static void a_request_arrives_as_it_was_sent(void **state)
{
	struct pair *pair = *state;
	struct request r = { 0 };

	assert_int_equal(channel_send_request(pair->fds[0], &good), 0);
	assert_int_equal(channel_receive_request(pair->fds[1], ALLOWED, &r), 1);
	assert_memory_equal(&r, &good, sizeof(r));
}

static void a_wrong_request_is_not_handed_on(void **state)
{
	static const struct request untouched;
	struct pair *pair = *state;
	struct request r = { 0 }, bad = good;
	char bytes[3 * sizeof(good)] = { 0 };

	memcpy(bytes, &good, sizeof(good));
	send_bytes(pair->fds[0], bytes, 1);
	assert_int_equal(channel_receive_request(pair->fds[1], ALLOWED, &r), -EMSGSIZE);
	send_bytes(pair->fds[0], bytes, sizeof(good) + 1);
	assert_int_equal(channel_receive_request(pair->fds[1], ALLOWED, &r), -EMSGSIZE);
	send_bytes(pair->fds[0], bytes, sizeof(bytes));
	assert_int_equal(channel_receive_request(pair->fds[1], ALLOWED, &r), -EMSGSIZE);
	bad.collectors = ~ALLOWED;
	assert_int_equal(channel_send_request(pair->fds[0], &bad), 0);
	assert_int_equal(channel_receive_request(pair->fds[1], ALLOWED, &r), -EINVAL);
	assert_memory_equal(&r, &untouched, sizeof(r));
}

static void the_web_process_is_gone(void **state)
{
	struct pair *pair = *state;
	struct request r;

	close_end(&pair->fds[0]);
	assert_int_equal(channel_receive_request(pair->fds[1], ALLOWED, &r), 0);
	assert_int_equal(channel_send_answer(pair->fds[1], 0, "x", 1), -EPIPE);
}

static void the_collector_process_is_gone(void **state)
{
	struct pair *pair = *state;

	close_end(&pair->fds[1]);
	assert_int_equal(channel_send_request(pair->fds[0], &good), -EPIPE);
	assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), -EPIPE);
}

static char pattern(size_t at)
{
	return (char)(at * 31 + at / 251);
}

/* The sender blocks when the socket is full, so it is another process, as in the exporter. */
static pid_t send_from_child(struct pair *pair, size_t length)
{
	static char bytes[LONGEST_ANSWER];
	pid_t child = fork();

	assert_true(child >= 0);
	if (child > 0)
		return child;
	for (size_t i = 0; i < length; i++)
		bytes[i] = pattern(i);
	_exit(channel_send_answer(pair->fds[1], 0, bytes, length) == 0 ? 0 : 1);
}

static int receive_whole(struct pair *pair)
{
	struct pollfd p = { .fd = pair->fds[0], .events = POLLIN };
	int r;

	while ((r = channel_receive_answer(pair->fds[0], &pair->answer)) == 0)
		assert_int_equal(poll(&p, 1, 10000), 1);
	return r;
}

static void check_round_trip(struct pair *pair, size_t length)
{
	pid_t child = send_from_child(pair, length);
	int status;

	assert_int_equal(receive_whole(pair), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(pair->answer.status, 0);
	assert_int_equal(pair->answer.length, length);
	assert_int_equal(pair->answer.body.len, length);
	for (size_t i = 0; i < length; i++)
		assert_true(pair->answer.body.data[i] == pattern(i));
	answer_finish(&pair->answer);
	answer_init(&pair->answer);
}

static void answers_of_many_lengths(void **state)
{
	static const size_t lengths[] = { 0,	 1,	32751, 32752, 32753,
					  32768, 65519, 65520, 65521, LONGEST_ANSWER };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		check_round_trip(*state, lengths[i]);
}

static void an_error_as_answer(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(channel_send_answer(pair->fds[1], -EFBIG, NULL, 0), 0);
	assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), 1);
	assert_int_equal(pair->answer.status, -EFBIG);
	assert_int_equal(pair->answer.body.len, 0);
}

static void an_answer_in_parts(void **state)
{
	struct pair *pair = *state;
	struct answer *answer = &pair->answer;

	assert_int_equal(channel_receive_answer(pair->fds[0], answer), 0);
	assert_false(answer->has_header);
	send_header(pair->fds[1], REQUEST_MAGIC, 0, 6);
	assert_int_equal(channel_receive_answer(pair->fds[0], answer), 0);
	assert_true(answer->has_header);
	assert_int_equal(answer->length, 6);
	send_bytes(pair->fds[1], "ab", 2);
	assert_int_equal(channel_receive_answer(pair->fds[0], answer), 0);
	send_bytes(pair->fds[1], "c", 1);
	send_bytes(pair->fds[1], "def", 3);
	/* What follows belongs to the next answer. */
	send_header(pair->fds[1], REQUEST_MAGIC, 0, 0);
	assert_int_equal(channel_receive_answer(pair->fds[0], answer), 1);
	assert_int_equal(answer->body.len, 6);
	assert_memory_equal(answer->body.data, "abcdef", 6);
	answer_finish(answer);
	answer_init(answer);
	assert_int_equal(channel_receive_answer(pair->fds[0], answer), 1);
	assert_int_equal(answer->length, 0);
}

static void headers_against_the_protocol(void **state)
{
	static const struct wire_header bad[] = {
		{ REQUEST_MAGIC + 1, 0, 1 },
		{ 0, 0, 0 },
		{ REQUEST_MAGIC, 1, 1 },
		{ REQUEST_MAGIC, INT32_MAX, 1 },
		{ REQUEST_MAGIC, 0, ANSWER_SIZE_MAX + 1ULL },
		{ REQUEST_MAGIC, 0, UINT64_MAX },
	};
	struct pair *pair = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		send_bytes(pair->fds[1], &bad[i], sizeof(bad[i]));
		assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), -EBADMSG);
		assert_false(pair->answer.has_header);
	}
	send_header(pair->fds[1], REQUEST_MAGIC, 0, ANSWER_SIZE_MAX);
	assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), 0);
}

static void headers_of_a_wrong_length(void **state)
{
	const struct wire_header header[2] = { { REQUEST_MAGIC, 0, 0 } };
	struct pair *pair = *state;

	for (size_t length = 1; length < sizeof(header); length++) {
		if (length == sizeof(header[0]))
			continue;
		send_bytes(pair->fds[1], header, length);
		assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), -EBADMSG);
		answer_init(&pair->answer);
	}
}

/* A header with a first chunk in one packet. */
static void send_both(int fd, uint64_t length, size_t chunk)
{
	static char packet[ANSWER_CHUNK_MAX + 1];
	const struct wire_header header = { REQUEST_MAGIC, 0, length };

	assert_true(sizeof(header) + chunk <= sizeof(packet));
	memcpy(packet, &header, sizeof(header));
	send_bytes(fd, packet, sizeof(header) + chunk);
}

static void a_header_with_too_much_behind_it(void **state)
{
	struct pair *pair = *state;

	send_both(pair->fds[1], 5, 6);
	assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), -EBADMSG);
	answer_finish(&pair->answer);
	answer_init(&pair->answer);
	send_both(pair->fds[1], LONGEST_ANSWER, ANSWER_FIRST_CHUNK_MAX + 1);
	assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), -EBADMSG);
	assert_int_equal(pair->answer.body.len, 0);
}

/* The web process wakes up once for it. */
static void an_answer_is_one_packet_where_it_fits(void **state)
{
	static char bytes[ANSWER_FIRST_CHUNK_MAX + 1], packet[2 * ANSWER_CHUNK_MAX];
	struct pair *pair = *state;

	assert_int_equal(channel_send_answer(pair->fds[1], 0, bytes, ANSWER_FIRST_CHUNK_MAX), 0);
	assert_int_equal(recv(pair->fds[0], packet, sizeof(packet), MSG_DONTWAIT),
			 ANSWER_CHUNK_MAX);
	assert_int_equal(recv(pair->fds[0], packet, sizeof(packet), MSG_DONTWAIT), -1);
	assert_int_equal(channel_send_answer(pair->fds[1], 0, bytes, sizeof(bytes)), 0);
	assert_int_equal(recv(pair->fds[0], packet, sizeof(packet), MSG_DONTWAIT),
			 ANSWER_CHUNK_MAX);
	assert_int_equal(recv(pair->fds[0], packet, sizeof(packet), MSG_DONTWAIT), 1);
}

static void a_chunk_beyond_the_length(void **state)
{
	struct pair *pair = *state;

	send_header(pair->fds[1], REQUEST_MAGIC, 0, 5);
	send_bytes(pair->fds[1], "abc", 3);
	send_bytes(pair->fds[1], "def", 3);
	assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), -EBADMSG);
	assert_int_equal(pair->answer.body.len, 3);
}

/* Its end would be lost without a sign, and the answer never become whole. */
static void a_chunk_larger_than_chunks_are(void **state)
{
	static const char chunk[ANSWER_CHUNK_MAX + 1];
	struct pair *pair = *state;

	send_header(pair->fds[1], REQUEST_MAGIC, 0, sizeof(chunk));
	send_bytes(pair->fds[1], chunk, sizeof(chunk));
	assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), -EBADMSG);
}

static void the_collector_process_ends_in_the_middle(void **state)
{
	struct pair *pair = *state;

	send_header(pair->fds[1], REQUEST_MAGIC, 0, 5);
	send_bytes(pair->fds[1], "abc", 3);
	close_end(&pair->fds[1]);
	assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), -EPIPE);
	assert_int_equal(pair->answer.body.len, 3);
}

static void the_collector_process_ends_behind_its_answer(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(channel_send_answer(pair->fds[1], 0, "abc", 3), 0);
	close_end(&pair->fds[1]);
	assert_int_equal(channel_receive_answer(pair->fds[0], &pair->answer), 1);
	assert_memory_equal(pair->answer.body.data, "abc", 3);
}

#define pair_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pair_test(both_ends_are_closed_on_exec),
		pair_test(an_answer_without_memory),
		pair_test(a_request_arrives_as_it_was_sent),
		pair_test(a_wrong_request_is_not_handed_on),
		pair_test(the_web_process_is_gone),
		pair_test(the_collector_process_is_gone),
		pair_test(answers_of_many_lengths),
		pair_test(an_error_as_answer),
		pair_test(an_answer_in_parts),
		pair_test(headers_against_the_protocol),
		pair_test(headers_of_a_wrong_length),
		pair_test(a_header_with_too_much_behind_it),
		pair_test(an_answer_is_one_packet_where_it_fits),
		pair_test(a_chunk_beyond_the_length),
		pair_test(a_chunk_larger_than_chunks_are),
		pair_test(the_collector_process_ends_in_the_middle),
		pair_test(the_collector_process_ends_behind_its_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
