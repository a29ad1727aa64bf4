/** Harbor's own JSON Schemas, where a folder with them is present (`SB_HARBOR_SCHEMAS`, else `../shared/harbor` beside the checkout). */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

const folder = process.env['SB_HARBOR_SCHEMAS'] ?? join(import.meta.dirname, '../../../shared/harbor');

const SCHEMAS = [
  'trial-result',
  'trial-config',
  'trial-lock',
  'job-result',
  'job-config',
  'job-lock',
] as const;
type Schema = (typeof SCHEMAS)[number];

type Validate = (schema: Schema, value: object) => void;

/** A job's own times have no zone, in Harbor as well, which RFC 3339 wants. */
function validatorFor(schema: Schema): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addFormat('path', true);
  if (schema === 'job-result') ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
  return ajv;
}

/** Skips the test where the schemas are not there; else resolves a function that throws what is wrong. */
export async function harborValidator(test: Mocha.Context): Promise<Validate> {
  if (!existsSync(folder)) test.skip();
  const load = async (name: Schema) => {
    const ajv = validatorFor(name);
    const text = await readFile(join(folder, `${name}-schema.json`), 'utf8');
    return [name, { ajv, validate: ajv.compile(JSON.parse(text) as object) }] as const;
  };
  const schemas = new Map(await Promise.all(SCHEMAS.map(load)));
  return (schema, value) => {
    const known = schemas.get(schema);
    if (known && !known.validate(value))
      throw new Error(`${schema}: ${known.ajv.errorsText(known.validate.errors)}`);
  };
}

/** Validates every config.json, lock.json and result.json of a job and of its Trials. Skips the test where the schemas are not there. */
export async function validateJobFolder(test: Mocha.Context, job: string): Promise<void> {
  const validate = await harborValidator(test);
  const entries = await readdir(job, { withFileTypes: true });
  const trials = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(job, name));
  for (const kind of ['config', 'lock', 'result'] as const) {
    const read = async (where: string): Promise<object> =>
      JSON.parse(await readFile(join(where, `${kind}.json`), 'utf8')) as object;
    validate(`job-${kind}`, await read(job));
    for (const trial of trials) validate(`trial-${kind}`, await read(trial));
  }
}
