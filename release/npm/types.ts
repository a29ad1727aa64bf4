/** The types of `sb-operator/client` in one file that names no package: users need none of ours. */
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../process.ts';
import { writeOutTypes } from './plain-types.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Packages whose types are taken over as far as ours mention them. */
const BUNDLED = ['@kubernetes/client-node'];

const COMPILER = {
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable'],
  module: 'nodenext',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  noEmit: true,
};

/** Writes them to `file`; `scratch` is a folder of this checkout, where packages are found. */
export async function writeTypes(file: string, scratch: string): Promise<void> {
  const folder = mkdtempSync(join(scratch, 'types-'));
  try {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const project = join(import.meta.dirname, 'tsconfig.json');
    await run(process.execPath, [tsc, '-p', project, '--outDir', folder], { cwd: ROOT });
    writeOutTypes(globSync(join(folder, '**/*.d.ts')).toSorted(), COMPILER);
    writeFileSync(join(folder, 'package.json'), '{"name":"sb-operator","version":"0.0.0"}\n');
    rollUp(folder, file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function rollUp(folder: string, file: string): void {
  const entry = join(folder, 'client/index.d.ts');
  const silent = { default: { logLevel: 'none' as ExtractorLogLevel } };
  const config = ExtractorConfig.prepare({
    packageJsonFullPath: join(folder, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: entry,
      bundledPackages: BUNDLED,
      compiler: { overrideTsconfig: { compilerOptions: COMPILER, files: [entry] } },
      apiReport: { enabled: false },
      docModel: { enabled: false },
      tsdocMetadata: { enabled: false },
      dtsRollup: { enabled: true, untrimmedFilePath: file },
      messages: { extractorMessageReporting: silent, tsdocMessageReporting: silent },
    },
  });
  const problems: string[] = [];
  const { succeeded } = Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      message.handled = true;
      if (message.logLevel === ExtractorLogLevel.Error) problems.push(message.text);
    },
  });
  if (!succeeded) throw new Error(`no types of sb-operator/client: ${problems.join('; ')}`);
}
