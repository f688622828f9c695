/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "address.h"

#define ADDRESS_TEXT_MAX 46 /* with the NUL */

/* 192.0.2.1 for a mapped IPv4 address, else as RFC 5952 recommends (inet_ntop(3)). */
void address_format(const struct address *address, char ret[ADDRESS_TEXT_MAX]);
