// SPDX-License-Identifier: GPL-2.0-or-later
// Reads a JSON array of compose files from stdin and prints one of arrays: what the schema of the Compose Specification,
// which dclint carries, says against each.
'use strict';

const fs = require('fs');
const path = require('path');
const { default: Ajv } = require('ajv');

const file = path.join(process.env.NODE_PATH, 'dclint', 'schemas', 'compose.schema.json');
// It names draft 7, the default, by a URL that is not quite the right one.
const { $schema: _, ...schema } = JSON.parse(fs.readFileSync(file));
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
const validate = ajv.compile(schema);
console.log(JSON.stringify(JSON.parse(fs.readFileSync(0)).map(file => validate(file) ? [] :
	validate.errors.map(error => `${error.instancePath}: ${error.message}`))));
