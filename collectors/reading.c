/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "reading.h"

#include "../exporter/exposition.h"

void readings_emit(struct exposition *e, const struct metric_desc *descs,
		   const struct reading *readings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (readings[i].known)
			exposition_u64(e, &descs[i], readings[i].value);
}
