/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/netlink.h>

#include "fuzz.h"

/*
 * The next netlink message, to be freed; NULL when there is none. As behind the one place that
 * receives them, its header is whole and its length is that of the block.
 */
static inline struct nlmsghdr *input_message(struct input *input)
{
	struct nlmsghdr header, *message;
	size_t length, step;

	if (input->left < sizeof(header))
		return NULL;
	memcpy(&header, input->at, sizeof(header));
	length = header.nlmsg_len < sizeof(header) ? sizeof(header) : header.nlmsg_len;
	length = length > input->left ? input->left : length;
	step = NLMSG_ALIGN(length) < input->left ? NLMSG_ALIGN(length) : input->left;
	message = input_block(input->at, length);
	message->nlmsg_len = (uint32_t)length;
	input->at += step;
	input->left -= step;
	return message;
}
