/** The chart's archive, with the image of this release in its values. */
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './process.ts';
import type { Image, Release } from './release.ts';

/** Packs it and resolves to the archive's name. */
export async function packChart(release: Release, image: Image): Promise<string> {
  const { root, out, scratch, name, version } = release;
  const folder = join(scratch, name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(root, 'charts', name), folder, { recursive: true });
  const values = join(folder, 'values.yaml');
  writeFileSync(values, withImage(readFileSync(values, 'utf8'), image));
  const versions = ['--version', version, '--app-version', version];
  await run('helm', ['package', folder, ...versions, '--destination', scratch], { cwd: root });
  // The npm package has the name that helm gives.
  const archive = `${name}-chart-${version}.tgz`;
  renameSync(join(scratch, `${name}-${version}.tgz`), join(out, archive));
  return archive;
}

/** The values with another default image. Their comments are for users, so that text is changed, not data. */
export const withImage = (values: string, { repository, digest }: Image): string =>
  withField(withField(values, 'repository', repository), 'digest', digest);

function withField(values: string, field: string, value: string): string {
  const line = new RegExp(String.raw`^(image:\n(?: .*\n)*?  ${field}: ).*$`, 'm');
  if (!line.test(values)) throw new Error(`the chart's values.yaml has no image.${field}`);
  return values.replace(line, (_, before: string) => `${before}${value}`);
}
