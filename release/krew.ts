/** The manifest by which krew installs `kubectl sb`: the npm package, which needs nothing else but Node. */
import { dump } from 'js-yaml';
import { tagOf } from './checks.ts';
import type { Release } from './release.ts';

export const PLUGIN = 'sb';

/** `url`: of the npm package's archive, whose digest `sha256` is, in hex. */
export const krewManifest = ({ version, description }: Release, url: string, sha256: string): string =>
  dump(
    {
      apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
      kind: 'Plugin',
      metadata: { name: PLUGIN },
      spec: {
        version: tagOf(version),
        shortDescription: 'Run Harbor tasks as Trials',
        description,
        caveats: 'It needs Node 24 or newer on PATH as node.\n',
        platforms: [
          {
            selector: { matchExpressions: [{ key: 'os', operator: 'In', values: ['darwin', 'linux'] }] },
            uri: url,
            sha256,
            // npm packs everything into a folder of this name.
            files: [{ from: 'package/*', to: '.' }],
            bin: 'bin/sb.mjs',
          },
        ],
      },
    },
    { lineWidth: 110 },
  );
