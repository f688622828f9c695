/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Many questions in a message, and their answers in any order. libmnl's socket calls are replaced
 * by the linker (--wrap) with ones that keep what was sent and play a script of what is received.
 */

#include "unit.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "../../collectors/netlink_lookup.h"
#include "mnl_socket.h"

#define DATA_TYPE (NFNL_SUBSYS_CTNETLINK << 8)
#define QUESTIONS_MAX 100
#define STEPS_MAX 256
#define NO_ANSWER 12345

/* What one message answers: a question, by its place among all, with data or an error. */
struct answer {
	uint32_t question;
	int error;     /* 0: data */
	int type;      /* 0: by the error */
	uint32_t skew; /* added to the sequence number */
	bool without_payload;
};

/* One receive: an errno, or messages. */
struct step {
	int error;
	size_t n;
	struct answer answers[NETLINK_BATCH_MAX];
	uint32_t cut; /* bytes missing at the end */
};

static struct {
	struct step steps[STEPS_MAX];
	size_t n, at;
	uint32_t sequences[QUESTIONS_MAX]; /* of each question sent */
	size_t sent, batches, batch_sizes[QUESTIONS_MAX];
	int answered[QUESTIONS_MAX];
} script;

/* The payload of question i is so many bytes of the value i. */
static size_t payload_length(size_t i)
{
	return i % 50 + 1;
}

static void check_question(const struct nlmsghdr *header, size_t i)
{
	const unsigned char *payload = NLMSG_DATA(header);

	assert_int_equal(header->nlmsg_type, DATA_TYPE | IPCTNL_MSG_CT_GET);
	assert_int_equal(header->nlmsg_flags, NLM_F_REQUEST);
	assert_int_equal(header->nlmsg_pid, 0);
	assert_int_equal(header->nlmsg_len, NLMSG_ALIGN(NLMSG_LENGTH((uint32_t)payload_length(i))));
	for (size_t at = 0; at < payload_length(i); at++)
		assert_int_equal(payload[at], i);
}

ssize_t __wrap_mnl_socket_sendto(_unused_ const struct mnl_socket *socket, const void *request,
				 size_t len)
{
	const char *at = request;
	size_t n = 0;

	while (len) {
		const struct nlmsghdr *header = (const void *)at;

		assert_true(len >= sizeof(*header) && header->nlmsg_len <= len);
		check_question(header, script.sent);
		script.sequences[script.sent++] = header->nlmsg_seq;
		at += header->nlmsg_len;
		len -= header->nlmsg_len;
		n++;
	}
	script.batch_sizes[script.batches++] = n;
	return at - (const char *)request;
}

static size_t put_answer(char *at, const struct answer *answer)
{
	struct nlmsghdr *header = (void *)at;
	int payload = answer->error ? answer->error : (int)answer->question;

	assert_true(answer->question < script.sent);
	*header = (struct nlmsghdr){
		.nlmsg_len = answer->without_payload ? NLMSG_LENGTH(0)
						     : NLMSG_LENGTH(sizeof(payload)),
		.nlmsg_type = (uint16_t)(answer->type	 ? answer->type
					 : answer->error ? NLMSG_ERROR
							 : DATA_TYPE),
		.nlmsg_seq = script.sequences[answer->question] + answer->skew,
	};
	memcpy(NLMSG_DATA(header), &payload, sizeof(payload));
	return header->nlmsg_len;
}

ssize_t __wrap_mnl_socket_recvfrom(_unused_ const struct mnl_socket *socket, void *buffer,
				   _unused_ size_t size)
{
	const struct step *step = &script.steps[script.at++];
	size_t len = 0;

	assert_true(script.at <= script.n);
	if (step->error) {
		errno = step->error;
		return -1;
	}
	for (size_t i = 0; i < step->n; i++)
		len += put_answer((char *)buffer + len, &step->answers[i]);
	return (ssize_t)(len - step->cut);
}

static size_t build(void *ctx, size_t i, void *payload)
{
	assert_ptr_equal(ctx, &script);
	memset(payload, (int)i, payload_length(i));
	return payload_length(i);
}

static void answer(void *ctx, size_t i, int error, const struct nlmsghdr *message)
{
	int payload;

	assert_ptr_equal(ctx, &script);
	assert_int_equal(script.answered[i], NO_ANSWER);
	script.answered[i] = error;
	assert_int_equal(message != NULL, error == 0);
	if (!message)
		return;
	memcpy(&payload, NLMSG_DATA(message), sizeof(payload));
	assert_int_equal(payload, i);
}

static const struct netlink_lookup lookup = { build, answer, &script };

static void start(void)
{
	memset(&script, 0, sizeof(script));
	memset(&mnl_sockets, 0, sizeof(mnl_sockets));
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		script.answered[i] = NO_ANSWER;
}

/* Asks n questions of the script's kernel, which must be heard to the end. */
static void ask(size_t n, uint32_t sequence, int expect)
{
	static struct netlink nl;

	netlink_init(&nl);
	nl.sequence = sequence;
	assert_int_equal(netlink_lookup(&nl, NETLINK_FLOW_LOOKUP, n, &lookup,
					clock_monotonic_ns() + 60 * NSEC_PER_SEC),
			 expect);
	assert_int_equal(script.at, script.n);
	assert_int_equal(mnl_sockets.opened, 1);
	assert_int_equal(mnl_sockets.closed, expect == 0 ? 0 : 1);
	netlink_finish(&nl);
	assert_int_equal(mnl_sockets.closed, 1);
}

static struct step *add_step(void)
{
	return &script.steps[script.n++];
}

static void add_answer(uint32_t question, int error)
{
	struct step *step = add_step();

	step->answers[step->n++] = (struct answer){ .question = question, .error = error };
}

static void test_nothing_is_asked_of_nobody(_unused_ void **state)
{
	start();
	ask(0, 0, 0);
	assert_int_equal(script.batches, 0);
}

/* As the kernel does it: one message in each receive. */
static void test_batches(_unused_ void **state)
{
	enum { B = NETLINK_BATCH_MAX };
	static const size_t numbers[] = { 1, B - 1, B, B + 1, 2 * B, 2 * B + 5 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		size_t left = numbers[i];

		start();
		for (uint32_t question = 0; question < numbers[i]; question++)
			add_answer(question, question % 3 ? 0 : -ENOENT);
		ask(numbers[i], 0, 0);
		for (size_t at = 0; at < numbers[i]; at++)
			assert_int_equal(script.answered[at], at % 3 ? 0 : -ENOENT);
		for (size_t at = 0; at < script.batches; at++) {
			const size_t expect = left < NETLINK_BATCH_MAX ? left : NETLINK_BATCH_MAX;

			assert_int_equal(script.batch_sizes[at], expect);
			left -= expect;
		}
		assert_int_equal(left, 0);
	}
}

static void test_several_answers_at_once_and_out_of_order(_unused_ void **state)
{
	struct step *step;

	start();
	step = add_step();
	for (uint32_t i = 0; i < 10; i++)
		step->answers[step->n++] = (struct answer){ .question = 19 - i,
							    .error = i == 3 ? -ENOENT : 0 };
	add_answer(19, 0); /* again: it stands for no other */
	step = add_step();
	for (uint32_t i = 0; i < 10; i++)
		step->answers[step->n++] = (struct answer){ .question = (i * 7) % 10 };
	ask(20, 0, 0);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(script.answered[i], i == 16 ? -ENOENT : 0);
}

static void test_sequence_numbers_wrap(_unused_ void **state)
{
	start();
	for (uint32_t i = 0; i < 10; i++)
		add_answer(9 - i, 0);
	ask(10, UINT32_MAX - 4, 0);
	assert_int_equal(script.sequences[3], UINT32_MAX);
	assert_int_equal(script.sequences[4], 0);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(script.answered[i], 0);
}

/* Each question has an error of its own; only that of the right to ask is everyone's. */
static void test_errors_of_questions(_unused_ void **state)
{
	static const int errors[] = { -ENOENT, -ESTALE, -EINVAL, -ENOMEM, -EOPNOTSUPP, -EBUSY };

	start();
	for (uint32_t i = 0; i < ARRAY_SIZE(errors); i++)
		add_answer(i, errors[i]);
	add_step()->n = 2;
	script.steps[script.n - 1].answers[0] = (struct answer){ .question = 6, .error = 7 };
	script.steps[script.n - 1].answers[1] =
		(struct answer){ .question = 7, .type = NLMSG_ERROR, .without_payload = true };
	ask(8, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		assert_int_equal(script.answered[i], errors[i]);
	assert_int_equal(script.answered[6], -EBADMSG);
	assert_int_equal(script.answered[7], -EBADMSG);
}

/* nfnetlink answers a batch of someone without CAP_NET_ADMIN once; nothing else would come. */
static void test_a_refusal_is_for_all(_unused_ void **state)
{
	start();
	add_answer(0, -EPERM);
	ask(40, 0, -EPERM);
	assert_int_equal(script.batches, 1);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(script.answered[i], NO_ANSWER);
}

static void test_foreign_answers_are_skipped(_unused_ void **state)
{
	struct step *step;

	start();
	step = add_step();
	step->answers[step->n++] = (struct answer){ .question = 0, .skew = (uint32_t)-1 };
	step->answers[step->n++] = (struct answer){ .question = 2, .skew = 1 };
	step->answers[step->n++] =
		(struct answer){ .question = 0, .skew = 1U << 31, .error = -EPERM };
	step->answers[step->n++] = (struct answer){ .question = 1 };
	step->answers[step->n++] = (struct answer){ .question = 1, .type = NLMSG_NOOP };
	add_answer(0, -ENOENT);
	add_answer(2, 0);
	ask(3, 7, 0);
	assert_int_equal(script.answered[0], -ENOENT);
	assert_int_equal(script.answered[1], 0);
	assert_int_equal(script.answered[2], 0);
}

static void test_interrupted_receives_go_on(_unused_ void **state)
{
	start();
	add_step()->error = EINTR;
	add_answer(1, 0);
	add_step()->error = EINTR;
	add_step()->error = EINTR;
	add_answer(0, 0);
	ask(2, 0, 0);
	assert_int_equal(script.answered[0], 0);
	assert_int_equal(script.answered[1], 0);
}

static void test_receive_errors(_unused_ void **state)
{
	static const struct {
		int error, expect;
	} cases[] = { { ENOMEM, -ENOMEM }, { EAGAIN, -ETIMEDOUT }, { ENOSPC, -ENOSPC } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		start();
		add_answer(2, 0);
		add_step()->error = cases[i].error;
		ask(40, 0, cases[i].expect);
		assert_int_equal(script.batches, 1);
		assert_int_equal(script.answered[2], 0);
		assert_int_equal(script.answered[3], NO_ANSWER);
	}
}

/* In an answer that is cut others may have been lost; those before it came. */
static void test_short_messages(_unused_ void **state)
{
	static const uint32_t cuts[] = { 1, 4, 5, 19 };

	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		struct step *step;

		start();
		step = add_step();
		step->answers[step->n++] = (struct answer){ .question = 0 };
		step->answers[step->n++] = (struct answer){ .question = 1 };
		step->cut = cuts[i];
		ask(2, 0, -EBADMSG);
		assert_int_equal(script.answered[0], 0);
		assert_int_equal(script.answered[1], NO_ANSWER);
	}
}

static void ask_in_vain(uint64_t deadline_ns, bool is_cancelled, int expect)
{
	const volatile sig_atomic_t cancelled = is_cancelled;
	static struct netlink nl;

	start();
	netlink_init(&nl);
	nl.cancelled = &cancelled;
	assert_int_equal(netlink_lookup(&nl, NETLINK_FLOW_LOOKUP, 3, &lookup, deadline_ns), expect);
	assert_int_equal(mnl_sockets.closed, 1);
	netlink_finish(&nl);
}

static void test_deadline_and_cancellation(_unused_ void **state)
{
	ask_in_vain(clock_monotonic_ns(), false, -ETIME);
	ask_in_vain(UINT64_MAX, true, -ECANCELED);
}

static void test_socket_is_used_again(_unused_ void **state)
{
	static struct netlink nl;

	start();
	netlink_init(&nl);
	add_answer(0, 0);
	add_answer(0, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(netlink_lookup(&nl, NETLINK_FLOW_LOOKUP, 1, &lookup, UINT64_MAX),
				 0);
		assert_int_equal(script.answered[0], 0);
		script.answered[0] = NO_ANSWER;
		script.sent = 0;
	}
	assert_int_equal(mnl_sockets.opened, 1);
	assert_int_equal(script.sequences[0], 2);
	netlink_finish(&nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_asked_of_nobody),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_several_answers_at_once_and_out_of_order),
		cmocka_unit_test(test_sequence_numbers_wrap),
		cmocka_unit_test(test_errors_of_questions),
		cmocka_unit_test(test_a_refusal_is_for_all),
		cmocka_unit_test(test_foreign_answers_are_skipped),
		cmocka_unit_test(test_interrupted_receives_go_on),
		cmocka_unit_test(test_receive_errors),
		cmocka_unit_test(test_short_messages),
		cmocka_unit_test(test_deadline_and_cancellation),
		cmocka_unit_test(test_socket_is_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
