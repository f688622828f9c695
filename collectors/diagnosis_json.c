/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The diagnosis for programs: one JSON object in one line. */

#include <errno.h>

#include "../exporter/buffer.h"
#include "diagnosis_overview.h"

/* Every number that people wrote or a clock made reads back; no digits beyond. */
#define REAL_DIGITS 15

static json_t *verdict(const struct finding *worst, int *error)
{
	json_t *object = json_object();

	json_put(object, "severity", json_string(severity_names[worst->severity]), error);
	json_put(object, "title", json_string(worst->title), error);
	return object;
}

static json_t *evidence(const struct finding *finding, int *error)
{
	json_t *array = json_array();

	for (size_t i = 0; i < finding->n_evidence; i++) {
		const struct finding_evidence *one = &finding->evidence[i];
		json_t *object = json_object();

		json_put(object, "name", json_string(one->name), error);
		json_put(object, "value", json_number(one->value), error);
		json_put(object, "per_second", json_boolean(one->per_second), error);
		if (json_array_append_new(array, object) < 0)
			*error = -ENOMEM;
	}
	return array;
}

static json_t *advice(const struct finding *finding, int *error)
{
	json_t *array = json_array();

	for (size_t i = 0; i < finding->n_advice; i++) {
		json_t *object = json_object();

		json_put(object, "command", json_string(finding->advice[i].command), error);
		json_put(object, "cost", json_string(finding->advice[i].cost), error);
		if (json_array_append_new(array, object) < 0)
			*error = -ENOMEM;
	}
	return array;
}

static json_t *findings(const struct diagnosis *diagnosis, int *error)
{
	json_t *array = json_array();

	for (size_t i = 0; i < diagnosis->n; i++) {
		const struct finding *finding = &diagnosis->findings[i];
		json_t *object = json_object();

		json_put(object, "id", json_string(finding->id), error);
		json_put(object, "severity", json_string(severity_names[finding->severity]), error);
		json_put(object, "title", json_string(finding->title), error);
		json_put(object, "detail", json_string(finding->detail), error);
		json_put(object, "evidence", evidence(finding, error), error);
		json_put(object, "advice", advice(finding, error), error);
		if (json_array_append_new(array, object) < 0)
			*error = -ENOMEM;
	}
	return array;
}

int diagnosis_write_json(const struct diagnosis *diagnosis, const struct observation *now,
			 struct buffer *out)
{
	json_t *object = json_object();
	int error = 0;

	json_put(object, "verdict", verdict(&diagnosis->findings[0], &error), &error);
	json_put(object, "interval_seconds", json_real(diagnosis->interval_s), &error);
	json_put(object, "findings", findings(diagnosis, &error), &error);
	json_put(object, "overview", diagnosis_overview(diagnosis, now, &error), &error);
	if (error == 0 && json_dump_callback(object, buffer_take, out,
					     JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS)) < 0)
		error = -ENOMEM;
	json_decref(object);
	if (error == 0)
		buffer_append_char(out, '\n');
	return error;
}

void diagnosis_prepare_json(void)
{
	json_object_seed(0);
}
