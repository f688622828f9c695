/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The numbers of a look as JSON, and how JSON is built here. */

#include <jansson.h>

#include "diagnosis.h"

/* Sets object[key]; without value or memory *error becomes -ENOMEM. Takes value over. */
void json_put(json_t *object, const char *key, json_t *value, int *error);

/* A whole number without a fraction where a double holds it exactly. */
json_t *json_number(double value);

/* The overview; what was not read is null. NULL or *error set when out of memory. */
json_t *diagnosis_overview(const struct diagnosis *diagnosis, const struct observation *now,
			   int *error);
