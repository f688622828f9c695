// SPDX-License-Identifier: GPL-2.0-or-later
// Reads a JSON list of PromQL expressions from stdin and prints a JSON list of what the grammar of Prometheus 3 cannot
// make sense of in each, null where all is well.
"use strict";

const { parser } = require("@prometheus-io/lezer-promql");

function error(expression) {
  let found = null;
  parser.parse(expression).iterate({
    enter(node) {
      if (node.type.isError && found === null) {
        found = `at ${node.from}: ${JSON.stringify(expression.slice(node.from, node.from + 40))}`;
      }
    },
  });
  return found;
}

process.stdout.write(JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8")).map(error)));
