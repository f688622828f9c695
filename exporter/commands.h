/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The commands that print something once, in this process alone, and return its exit code. */

#include "options.h"

/*
 * One exposition. What could not be read is said by the success metrics, not by the exit code.
 */
int command_metrics(const struct options *options);

/*
 * What is wrong with this host, by two looks at it. Whatever is found is a success, so that scripts
 * that end at the first failure go on; failure means that nothing could be read.
 */
int command_diagnose(const struct options *options);

/* The heaviest talkers of the table. */
int command_talkers(const struct options *options);
