/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A number that the kernel told, or did not. Collectors read into arrays of them, indexed by their
 * enum; what emits and what diagnoses takes only those that are known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reading {
	bool known;
	uint64_t value; /* undefined unless known */
};

static inline struct reading reading(uint64_t value)
{
	return (struct reading){ .known = true, .value = value };
}

struct exposition;
struct metric_desc;

/* Emits those of n readings that are known, each as the only sample of the family at its index. */
void readings_emit(struct exposition *e, const struct metric_desc *descs,
		   const struct reading *readings, size_t n);
