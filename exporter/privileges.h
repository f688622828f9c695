/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Giving up rights: user id, capabilities, core dumps. libcap-ng is used here and nowhere else. */

#include <stdbool.h>

/*
 * Leaves root's user and group id where the process may (not in a user namespace without another
 * id), drops every capability but CAP_NET_ADMIN if keep_net_admin is set and the process has it,
 * and sets no_new_privs and not dumpable. Returns 0, or a negative errno when a right could not be
 * dropped; the caller must not go on then.
 */
int privileges_drop(bool keep_net_admin);
