/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Label sets that more than one collector uses. */

#include "../exporter/metric.h"

extern const struct label_set label_family;   /* in the order of enum flow_family */
extern const struct label_set label_protocol; /* in the order of enum flow_protocol */
