/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Label sets and names that more than one file uses. */

#include "../exporter/metric.h"
#include "flow.h"

/* conntrack's own states, as labels have them; in the order of enum flow_tcp_state. */
extern const char *const tcp_state_names[N_FLOW_TCP_STATES];

extern const struct label_set label_family;   /* in the order of enum flow_family */
extern const struct label_set label_protocol; /* in the order of enum flow_protocol */
extern const struct label_set label_reply;    /* in the order of enum flow_reply */
extern const struct label_set label_path;     /* in the order of enum flow_path */

/* Of the join, in the order of enum join_tracking, join_path and join_socket. */
extern const struct label_set label_tracking;
extern const struct label_set label_socket_path;
extern const struct label_set label_socket;
