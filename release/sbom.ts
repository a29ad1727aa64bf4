/** What is in what we hand out, as CycloneDX: of the bundles what esbuild took in, and beside it what no bundle shows. */
import { cyclonedxEsbuildPlugin } from '@cyclonedx/cyclonedx-esbuild';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import type { Plugin } from 'esbuild';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleImage } from './image/programs.ts';
import type { Release } from './release.ts';

const VERSION = Spec.Version.v1dot6;

interface Component {
  type: 'application' | 'container' | 'library';
  name: string;
  version: string;
  purl: string;
  'bom-ref': string;
  licenses?: { license: { id: string } }[];
}
interface Bom {
  metadata: { component: { 'bom-ref': string } };
  components: Component[];
  dependencies: { ref: string; dependsOn?: string[] }[];
}

/** Writes what goes into a bundle to a file: the same bytes for the same bundle. */
export const bomPlugin = (outputFile: string): Plugin =>
  cyclonedxEsbuildPlugin({
    specVersion: VERSION,
    outputFile,
    outputReproducible: true,
    validate: true,
    // What is wrong is thrown.
    logLevel: 'silent',
  });

/** Writes what is in the image: both programs, sbd with Go's library, and the image that Node comes from. */
export async function writeImageBom({ root, scratch, version }: Release, file: string): Promise<void> {
  await bundleImage(join(scratch, 'image'), { plugins: [bomPlugin(file)] });
  const bom = JSON.parse(readFileSync(file, 'utf8')) as Bom;
  const text = `${JSON.stringify(withOthers(bom, othersOf(root, version)), undefined, 2)}\n`;
  const problems = await new Validation.JsonStrictValidator(VERSION).validate(text);
  if (problems !== null) throw new Error(`the SBOM of the image is not valid: ${JSON.stringify(problems)}`);
  writeFileSync(file, text);
}

function component(type: Component['type'], purl: string, license?: string): Component {
  const [, name = '', version = ''] = /\/([^/@]+)@(.+)$/.exec(purl) ?? [];
  const licenses = license === undefined ? {} : { licenses: [{ license: { id: license } }] };
  return { type, name, version, purl, 'bom-ref': purl, ...licenses };
}

/** A component, and what it depends on. */
type Other = readonly [Component, Component?];

function othersOf(root: string, version: string): Other[] {
  const [module, go] = goModule(readFileSync(join(root, 'sbd/go.mod'), 'utf8'));
  const base = /^FROM node:(\S+) AS node$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1];
  if (base === undefined) throw new Error('Dockerfile: no stage "node" is made from an image of Node');
  return [
    [
      component('application', `pkg:golang/${module}@v${version}`, 'Apache-2.0'),
      component('library', `pkg:golang/std@${go}`, 'BSD-3-Clause'),
    ],
    [component('container', `pkg:docker/node@${base}`)],
  ];
}

/** Name of the module and Go's version. Throws where it needs other modules: they would be missing here. */
export function goModule(text: string): readonly [name: string, go: string] {
  const [, name] = /^module (\S+)$/m.exec(text) ?? [];
  const [, go] = /^go (\S+)$/m.exec(text) ?? [];
  if (name === undefined || go === undefined)
    throw new Error('sbd/go.mod names no module or no version of Go');
  if (/^require\b/m.test(text)) throw new Error('sbd/go.mod has requirements, which the SBOM does not list');
  return [name, go];
}

function withOthers(bom: Bom, others: readonly Other[]): Bom {
  const own = bom.metadata.component['bom-ref'];
  const refs = others.map(([one]) => one['bom-ref']);
  return {
    ...bom,
    components: [...bom.components, ...others.flat().filter((one) => one !== undefined)],
    dependencies: [
      ...bom.dependencies.map((entry) =>
        entry.ref === own ? { ...entry, dependsOn: [...(entry.dependsOn ?? []), ...refs].sort() } : entry,
      ),
      ...others.flatMap(([one, library]) => [
        { ref: one['bom-ref'], ...(library && { dependsOn: [library['bom-ref']] }) },
        ...(library ? [{ ref: library['bom-ref'] }] : []),
      ]),
    ],
  };
}
