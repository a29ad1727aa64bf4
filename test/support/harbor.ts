/** Harbor's own JSON Schemas, where a folder with them is present (`SB_HARBOR_SCHEMAS`, else `../shared/harbor` beside the checkout). */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

const folder = process.env['SB_HARBOR_SCHEMAS'] ?? join(import.meta.dirname, '../../../shared/harbor');

type Validate = (schema: 'trial-result' | 'trial-config', value: object) => void;

/** Skips the test where the schemas are not there; else resolves a function that throws what is wrong. */
export async function harborValidator(test: Mocha.Context): Promise<Validate> {
  if (!existsSync(folder)) test.skip();
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addFormat('path', true);
  const load = async (name: string) =>
    ajv.compile(JSON.parse(await readFile(join(folder, `${name}-schema.json`), 'utf8')) as object);
  const schemas = { 'trial-result': await load('trial-result'), 'trial-config': await load('trial-config') };
  return (schema, value) => {
    const validate = schemas[schema];
    if (!validate(value)) throw new Error(`${schema}: ${ajv.errorsText(validate.errors)}`);
  };
}
