// SPDX-License-Identifier: GPL-2.0-or-later
// Reads a JSON array of Kubernetes objects from stdin and prints one of arrays: what their schemas say against each.
// The schemas let unknown fields pass, which the API server does not: a field that validation never asked for is one.
'use strict';

const fs = require('fs');
const path = require('path');

async function modelOf(object) {
	const group = object.apiVersion.startsWith('monitoring.coreos.com/') ?
		'@kubernetes-models/prometheus-operator' : 'kubernetes-models';
	try {
		// These are ES modules, which NODE_PATH alone does not find.
		return (await import(path.join(process.env.NODE_PATH, group, object.apiVersion, 'index.js')))[object.kind];
	} catch (error) {
		if (error.code === 'ERR_MODULE_NOT_FOUND') {
			return undefined;
		}
		throw error;
	}
}

// A view of value that puts the path of each field that is asked for into asked.
function watch(value, at, asked) {
	if (typeof value !== 'object' || value === null) {
		return value;
	}
	return new Proxy(value, {
		get(target, key) {
			const found = Reflect.get(target, key);
			if (typeof key === 'symbol' || !Object.hasOwn(target, key)) {
				return found;
			}
			asked.add(`${at}/${key}`);
			return watch(found, `${at}/${key}`, asked);
		},
	});
}

function unasked(value, at, asked) {
	if (typeof value !== 'object' || value === null) {
		return [];
	}
	return Object.keys(value).flatMap(key => asked.has(`${at}/${key}`) ?
		unasked(value[key], `${at}/${key}`, asked) : [`${at}/${key}: no such field`]);
}

async function check(object) {
	const model = await modelOf(object);
	if (!model) {
		return [`no schema of ${object.apiVersion} ${object.kind}`];
	}
	const asked = new Set(['/apiVersion', '/kind']);
	const instance = Object.create(model.prototype);
	for (const key of Object.keys(object)) {
		Object.defineProperty(instance, key, {
			enumerable: true,
			get() {
				asked.add(`/${key}`);
				return watch(object[key], `/${key}`, asked);
			},
		});
	}
	try {
		instance.validate();
	} catch (error) {
		return [error.message];
	}
	return unasked(object, '', asked);
}

Promise.all(JSON.parse(fs.readFileSync(0)).map(check)).then(all => console.log(JSON.stringify(all)));
