// What rpc.discover answers is an OpenRPC document, by the standard's own meta-schema.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import jsonSchema from '@json-schema-tools/meta-schema';
import metaSchema from '@open-rpc/meta-schema';
import Ajv from 'ajv';

const file = process.env.SMARTLAYER_OPENRPC ?? new URL('../../docs/reference/openrpc.json', import.meta.url);
const document = JSON.parse(readFileSync(file, 'utf8'));
const SCHEMAS = 'https://meta.json-schema.tools';
const plain = (module) => module.default ?? module;
const ajv = () => new (plain(Ajv))({ strict: false, validateFormats: false, validateSchema: false, allErrors: true });

test('the document fits the meta-schema', () => {
  // What it refers to elsewhere, in the one form that this library follows; what a member called $ref is, it is told.
  const text = JSON.stringify(plain(metaSchema)).replaceAll(`"${SCHEMAS}"`, `"${SCHEMAS}/"`);
  const referred = `{"$ref":"${SCHEMAS}/#/definitions/JSONSchemaObject/properties/$ref"}`;
  const validate = ajv().addSchema(plain(jsonSchema)).compile(JSON.parse(text.replaceAll(referred, '{"type":"string"}')));
  assert.ok(validate(document), JSON.stringify(validate.errors?.slice(0, 5), null, 2));
  // And one that does not is told apart.
  assert.ok(!validate({ ...document, methods: [{ name: 1 }] }));
});

test('every reference leads somewhere', () => {
  const find = (value) => {
    if (value === null || typeof value !== 'object') return;
    if (typeof value.$ref === 'string') {
      const found = value.$ref.slice(2).split('/').reduce((at, name) => at?.[name], document);
      assert.notEqual(found, undefined, value.$ref);
    }
    Object.values(value).forEach(find);
  };
  find(document);
});

test('every schema is one', () => {
  const compiler = new (plain(Ajv))({ strict: false, validateFormats: false });
  const resolve = (value) => {
    const text = JSON.stringify(value).replaceAll('#/components/schemas/', '#/$defs/');
    return { ...JSON.parse(text), $defs: document.components.schemas };
  };
  for (const method of document.methods) {
    for (const param of method.params) compiler.compile(resolve(param.schema));
    compiler.compile(resolve(method.result.schema));
  }
});
